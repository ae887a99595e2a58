// HTTP requests to others, as a parameter: production uses libcurl, tests what they like. Every request is
// bounded in time and in the size of its answer.
#pragma once

#include <cstddef>
#include <functional>
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
    bool verify_certificates = true;
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

// What happens while an answer is received bit by bit. Each says whether to go on.
struct HttpReceiver {
    std::function<bool(int status)> begin;  // after the headers
    std::function<bool(std::string_view bytes)> data;
    std::function<bool()> idle;  // about once a second while nothing comes
};

class HttpClient {
  public:
    virtual ~HttpClient() = default;
    // An answer without a foreseeable end, over HTTP/2 where the server speaks it. Returns when it ends, when
    // the receiver does not want more, or after request.timeout_ms. Fails as send() does; a time that is up
    // is no failure. request.response_size_max does not count.
    virtual void receive(const HttpClientRequest& request, const HttpReceiver& receiver);
    // Any status is an answer. Without an answer, a UserError: "http.timeout", "http.too-large",
    // "http.unreachable". May be called on several threads at once.
    virtual HttpClientResponse send(const HttpClientRequest& request) = 0;
};

// Keeps connections alive between requests; follows no redirects; verifies TLS certificates; no proxies for
// loopback.
std::unique_ptr<HttpClient> makeCurlHttpClient();

}  // namespace millrace
