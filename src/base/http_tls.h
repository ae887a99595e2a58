// HTTP over TLS with authorities and certificates of one's own.
#pragma once

#include <memory>
#include <string>

#include "base/http_client.h"

namespace millrace {

// "" for what is not given.
struct HttpTls {
    std::string ca_file;           // PEM: whom to trust, instead of the machine's authorities
    std::string certificate_file;  // PEM: the client's certificates and key
    std::string key_password;
};

// makeCurlHttpClient() with these for all of its requests.
std::unique_ptr<HttpClient> makeCurlHttpClient(const HttpTls& tls);

}  // namespace millrace
