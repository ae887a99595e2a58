// Rooms: base
// Whatever bytes come over a connection, and in whatever pieces, the server answers or closes, and goes on
// serving. The first byte says how large the pieces are.
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/http_server.h"

namespace {

using namespace millrace;

HttpResponse echo(const HttpRequest& request) {
    MILLRACE_CHECK(request.path.starts_with('/'), "a path that does not begin at the root");
    MILLRACE_CHECK(request.body.size() <= 1000, "a body beyond the limit");
    HttpResponse response;
    response.body = request.method + request.path + request.body;
    for (const auto& [name, value] : request.query)
        response.body += name + value;
    return response;
}

HttpServer& server() {
    static HttpServer running(
        [] {
            HttpServerOptions options;
            options.threads = 1;
            options.header_size_max = 500;
            options.body_size_max = 1000;
            options.bodies_total_max = 1500;
            options.idle_timeout_ms = options.header_timeout_ms = options.request_timeout_ms = 2'000;
            return options;
        }(),
        echo);
    return running;
}

// The fuzzer's own clock interrupts calls.
template <class Call>
ssize_t uninterrupted(Call call) {
    for (;;) {
        const ssize_t done = call();
        if (done >= 0 || errno != EINTR) return done;
    }
}

// An interrupted connect goes on by itself.
bool connected(int fd, const sockaddr_in& address) {
    if (connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) return true;
    if (errno != EINTR) return false;
    pollfd ready{fd, POLLOUT, 0};
    uninterrupted([&] { return poll(&ready, 1, -1); });
    socklen_t size = sizeof errno;
    return getsockopt(fd, SOL_SOCKET, SO_ERROR, &errno, &size) == 0 && errno == 0;
}

std::string exchange(std::string_view bytes, size_t piece) {
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(server().port());
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    MILLRACE_CHECK(connected(fd, address), "nobody accepts: {}", std::strerror(errno));
    const int one = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    while (!bytes.empty()) {
        const std::string_view part = bytes.substr(0, piece);
        const ssize_t sent = uninterrupted([&] { return send(fd, part.data(), part.size(), MSG_NOSIGNAL); });
        if (sent != static_cast<ssize_t>(part.size())) break;
        bytes.remove_prefix(part.size());
    }
    shutdown(fd, SHUT_WR);
    std::string answer;
    char chunk[4096];
    for (ssize_t size; (size = uninterrupted([&] { return recv(fd, chunk, sizeof chunk, 0); })) > 0;)
        answer.append(chunk, static_cast<size_t>(size));
    // Closed with a reset, so that thousands a second leave no ports waiting.
    const linger reset{1, 0};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    close(fd);
    return answer;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    if (size == 0) return 0;
    const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
    const std::string answer = exchange(bytes, data[0] == 0 ? bytes.size() : std::max<size_t>(data[0], 4));
    MILLRACE_CHECK(answer.empty() || answer.starts_with("HTTP/1."), "not an answer: {}",
                   answer.substr(0, 100));
    static int rounds = 0;
    if (++rounds % 100 == 0)
        MILLRACE_CHECK(exchange("GET /alive HTTP/1.0\r\n\r\n", 100).ends_with("GET/alive"),
                       "it serves no more");
    return 0;
}
