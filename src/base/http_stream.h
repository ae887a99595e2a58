// HTTP answers that have no foreseeable end, taken while they come.
#pragma once

#include <functional>
#include <memory>
#include <string_view>

#include "base/http_client.h"

namespace millrace {

// What happens while an answer is received bit by bit. Each says whether to go on, but the first.
struct HttpReceiver {
    std::function<void(int status)> begin;  // after the headers
    std::function<bool(std::string_view bytes)> data;
    std::function<bool()> idle;  // about once a second while nothing comes
};

class HttpStreamClient : public HttpClient {
  public:
    // Returns when the answer ends, when the receiver does not want more, or after request.timeout_ms. Fails
    // as send() does; a time that is up is no failure once the answer has begun. request.response_size_max
    // does not count. Over HTTP/2 where the server speaks it.
    virtual void receive(const HttpClientRequest& request, const HttpReceiver& receiver);
};

// As makeCurlHttpClient(). Without `verify_certificates`, any certificate will do.
std::unique_ptr<HttpStreamClient> makeCurlHttpStreamClient(bool verify_certificates);

}  // namespace millrace
