// An HTTP/1.1 server for the service's API and for a cluster's REST endpoint. One thread does all socket
// work; handlers run on a small pool, so a slow handler delays only its own connection. Whatever arrives is
// bounded: header and body sizes, the bytes of all bodies together, connections, waiting requests, and the
// time that anything may take; and what is slow or idle gives way to what is not. What is not HTTP is
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
// Lets a request through (nothing), or says what it is answered instead. Called once for every whole request,
// before its handler, on the handler's thread.
using HttpAuthenticator = std::function<std::optional<HttpResponse>(const HttpRequest&)>;

struct HttpServerOptions {
    std::string host = "127.0.0.1";  // an address, or "localhost"
    uint16_t port = 0;               // 0: the system chooses
    int threads = 2;                 // that run handlers
    size_t header_size_max = 16 << 10;
    size_t body_size_max = 1 << 20;
    // Bodies that are being read, wait for a handler or are handled, of all connections together. Beyond it
    // the body that came first goes on and the others are read no further until there is room.
    size_t bodies_total_max = 256 << 20;
    // At most half the descriptors that the process may have. One more takes the place of the connection that
    // has been without a request for longest, then of the slowest request; it gets 503 if all are being
    // handled.
    size_t connections_max = 10'000;
    size_t queue_max = 1'000;          // requests that wait for a handler; one more gets 503
    int idle_timeout_ms = 60'000;      // a kept-alive connection without a request
    int header_timeout_ms = 10'000;    // from a request's first byte to the end of its headers
    int request_timeout_ms = 30'000;   // for its body, and for writing the answer; see body_rate_min
    size_t body_rate_min = 256 << 10;  // bytes: a second more for each of so many that have come
    // Without an authenticator, only loopback addresses may be listened on, and requests must name a loopback
    // host (so that a web page cannot reach the server through a name of its own that resolves to 127.0.0.1).
    HttpAuthenticator authenticate;
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
