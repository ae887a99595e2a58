// An HTTP/1.1 server for the service's API and for a cluster's REST endpoint. One thread does all socket
// work; handlers run on a small pool, so a slow handler delays only its own connection. Whatever arrives is
// bounded: header and body sizes, connections, and the time a request may take to arrive. What is not HTTP is
// answered with 400 and closed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace millrace {

using HttpHeaders = std::vector<std::pair<std::string, std::string>>;

struct HttpRequest {
    std::string method;                                      // "GET", "POST", "PATCH"…
    std::string target;                                      // as sent: "/jobs/x%20y?mode=cancel"
    std::string path;                                        // decoded, without the query: "/jobs/x y"
    std::vector<std::pair<std::string, std::string>> query;  // decoded, in order
    HttpHeaders headers;
    std::string body;

    // The first header of that name, whatever its case; nullptr if there is none. Likewise the query
    // parameter.
    const std::string* header(std::string_view name) const;
    const std::string* queryParameter(std::string_view name) const;
};

struct HttpResponse {
    int status = 200;
    std::string content_type = "application/json";
    std::string body;
    HttpHeaders headers;  // beside Content-Type, Content-Length, Date and Server
};

// Called on several threads at once. An exception that escapes it is logged and answered with 500.
using HttpHandler = std::function<HttpResponse(const HttpRequest&)>;

struct HttpServerOptions {
    std::string host = "127.0.0.1";  // an address, or "localhost"
    uint16_t port = 0;               // 0: the system chooses
    int threads = 2;                 // that run handlers
    size_t header_size_max = 16 << 10;
    size_t body_size_max = 1 << 20;
    size_t connections_max = 256;     // more wait in the listening socket's queue
    int idle_timeout_ms = 60'000;     // a kept-alive connection without a request
    int request_timeout_ms = 30'000;  // from a request's first byte to its last, and for writing the answer
    // Until requests are authenticated, only loopback addresses may be listened on, and requests must name a
    // loopback host (so that a web page cannot reach the server through a name of its own that resolves to
    // 127.0.0.1).
    bool loopback_only = true;
};

class HttpServer {
  public:
    // Listens at once: connections made after the constructor returns are answered. UserError "http.listen"
    // names the address and the system's reason, "http.not-loopback" refuses an address.
    HttpServer(HttpServerOptions options, HttpHandler handler);
    ~HttpServer();  // stops
    HttpServer(const HttpServer&) = delete;
    HttpServer& operator=(const HttpServer&) = delete;

    uint16_t port() const;
    // "127.0.0.1:8090"
    std::string address() const;
    // Accepts nothing more, lets running handlers finish and their answers go out, closes everything. Not
    // from a handler.
    void stop();

  private:
    class Implementation;
    std::unique_ptr<Implementation> implementation_;
};

// Decodes %XX (and '+' as a space when `plus`); nullopt for a broken escape. Encodes all but unreserved
// characters.
std::optional<std::string> decodePercent(std::string_view text, bool plus);
std::string encodePercent(std::string_view text, bool keep_slash = false);

// "host:port" or "[v6]:port" taken apart; UserError "http.bad-address".
std::pair<std::string, uint16_t> parseHostAndPort(const std::string& text);

}  // namespace millrace
