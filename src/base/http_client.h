// HTTP requests to others, as a parameter: production uses libcurl, tests what they like. Every request is
// bounded in time and in the size of its answer.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace millrace {

struct HttpClientRequest {
    std::string method = "GET";
    std::string url;
    std::vector<std::pair<std::string, std::string>> headers;
    std::string body;
    std::string unix_socket;  // the path of a Unix socket to connect to instead of the URL's host, or ""
    int connect_timeout_ms = 2'000;
    int timeout_ms = 30'000;
    size_t response_size_max = 64 << 20;
};

struct HttpClientResponse {
    int status = 0;
    std::vector<std::pair<std::string, std::string>> headers;
    std::string body;

    // The first header of that name, whatever its case; "" if there is none.
    std::string header(std::string_view name) const;
};

class HttpClient {
  public:
    virtual ~HttpClient() = default;
    // Any status is an answer. Without an answer, a UserError: "http.timeout", "http.too-large",
    // "http.unreachable". May be called on several threads at once.
    virtual HttpClientResponse send(const HttpClientRequest& request) = 0;
};

// Keeps connections alive between requests; follows no redirects; verifies TLS certificates; no proxies for
// loopback.
std::unique_ptr<HttpClient> makeCurlHttpClient();

}  // namespace millrace
