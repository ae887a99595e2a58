#include "base/http_server.h"

#include <strings.h>
#include <sys/resource.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <charconv>
#include <thread>

#include "base/error.h"
#include "base/http_connection.h"
#include "base/log.h"

namespace millrace {

namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using std::chrono::milliseconds;

bool equalIgnoringCase(std::string_view a, std::string_view b) {
    return a.size() == b.size() && strncasecmp(a.data(), b.data(), a.size()) == 0;
}

const std::string* findByName(const std::vector<std::pair<std::string, std::string>>& pairs,
                              std::string_view name, bool ignore_case) {
    for (const auto& [key, value] : pairs)
        if (ignore_case ? equalIgnoringCase(key, name) : key == name) return &value;
    return nullptr;
}

int hexDigit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

// Half of what the process may open, since there are files, databases and clients beside connections.
size_t withinDescriptors(size_t connections) {
    rlimit limit{};
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return connections;
    return std::clamp<size_t>(limit.rlim_cur / 2, 1, std::max<size_t>(connections, 1));
}

HttpServerOptions completed(HttpServerOptions options) {
    options.connections_max = withinDescriptors(options.connections_max);
    options.body_rate_min = std::max<size_t>(options.body_rate_min, 1);
    return options;
}

}  // namespace

class HttpServer::Implementation {
  public:
    Implementation(HttpServerOptions options, HttpHandler handler)
        : table_(completed(std::move(options)), std::move(handler)) {
        const std::string& given = table_.options.host;
        boost::system::error_code error;
        const auto address = asio::ip::make_address(given == "localhost" ? "127.0.0.1" : given, error);
        if (error)
            throw UserError("http.bad-address", fmt::format("'{}' is not an address to listen on", given),
                            "give an IP address and a port, such as 127.0.0.1:8090");
        if (!table_.options.authenticate && !address.is_loopback())
            throw UserError("http.not-loopback",
                            fmt::format("listening on {} would offer the server to the network", given),
                            "requests are not authenticated: listen on 127.0.0.1 or ::1");
        const tcp::endpoint endpoint(address, table_.options.port);
        const auto fail = [&](const char* step) {
            if (error)
                throw UserError(
                    "http.listen",
                    fmt::format("cannot {} {}:{}: {}", step, given, table_.options.port, error.message()),
                    error == asio::error::address_in_use
                        ? "another process listens there; choose another port"
                        : "");
        };
        acceptor_.open(endpoint.protocol(), error);
        fail("open a socket for");
        acceptor_.set_option(tcp::acceptor::reuse_address(true), error);
        fail("prepare a socket for");
        acceptor_.bind(endpoint, error);
        fail("bind to");
        acceptor_.listen(asio::socket_base::max_listen_connections, error);
        fail("listen on");
        bound_ = acceptor_.local_endpoint();
        accept();
        scheduleSweep();
        thread_ = std::thread([this] { table_.io.run(); });
    }

    ~Implementation() { stop(); }

    void stop() {
        if (!thread_.joinable()) return;
        asio::post(table_.io, [this] {
            table_.stopping = true;
            boost::system::error_code ignored;
            acceptor_.close(ignored);
            std::vector<std::shared_ptr<http_detail::Connection>> all;
            for (const auto& list : table_.stages)
                for (auto* connection : list)
                    all.push_back(connection->shared_from_this());
            for (const auto& connection : all)
                connection->closeUnlessBusy();
            scheduleSweep();
        });
        thread_.join();  // run() returns when no connection is left
        table_.pool.join();
    }

    const tcp::endpoint& bound() const { return bound_; }

  private:
    void accept() {
        acceptor_.async_accept([this](boost::system::error_code error, tcp::socket socket) {
            if (table_.stopping || error == asio::error::operation_aborted) return;
            if (error) return retryAccept(error);
            if (table_.open() < table_.options.connections_max || table_.makeRoom()) {
                boost::system::error_code ignored;
                socket.set_option(tcp::no_delay(true), ignored);
                socket.non_blocking(true, ignored);
                std::make_shared<http_detail::Connection>(table_, std::move(socket))->start();
            } else {
                turnAway(socket);
            }
            accept();
        });
    }

    static void turnAway(tcp::socket& socket) {
        static constexpr std::string_view kAnswer =
            "HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
        boost::system::error_code ignored;
        socket.non_blocking(true, ignored);
        socket.write_some(asio::buffer(kAnswer), ignored);
        socket.close(ignored);
    }

    // Out of descriptors, most likely: makes room, and waits instead of spinning.
    void retryAccept(boost::system::error_code error) {
        logWarn("http", "cannot accept a connection: {}", error.message());
        table_.makeRoom();
        retry_timer_.expires_after(milliseconds(100));
        retry_timer_.async_wait([this](boost::system::error_code waited) {
            if (!waited && !table_.stopping) accept();
        });
    }

    // While it stops, as long as there is an answer under way whose client may be slow.
    void scheduleSweep() {
        if (table_.stopping && table_.open() == 0) {
            sweep_timer_.cancel();
            retry_timer_.cancel();
            return;
        }
        sweep_timer_.expires_after(table_.stopping ? milliseconds(5) : table_.sweepInterval());
        sweep_timer_.async_wait([this](boost::system::error_code cancelled) {
            if (cancelled) return;
            table_.sweep();
            scheduleSweep();
        });
    }

    http_detail::ConnectionTable table_;
    tcp::acceptor acceptor_{table_.io};
    asio::steady_timer retry_timer_{table_.io}, sweep_timer_{table_.io};
    tcp::endpoint bound_;
    std::thread thread_;
};

const std::string* HttpRequest::header(std::string_view name) const {
    return findByName(headers, name, true);
}
const std::string* HttpRequest::queryParameter(std::string_view name) const {
    return findByName(query, name, false);
}

HttpServer::HttpServer(HttpServerOptions options, HttpHandler handler)
    : implementation_(std::make_unique<Implementation>(std::move(options), std::move(handler))) {}
HttpServer::~HttpServer() = default;
uint16_t HttpServer::port() const { return implementation_->bound().port(); }
std::string HttpServer::address() const {
    const auto& bound = implementation_->bound();
    const std::string host = bound.address().to_string();
    return bound.address().is_v6() ? fmt::format("[{}]:{}", host, bound.port())
                                   : fmt::format("{}:{}", host, bound.port());
}
void HttpServer::stop() { implementation_->stop(); }

std::optional<std::string> decodePercent(std::string_view text, bool plus) {
    std::string result;
    result.reserve(text.size());
    for (size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '%') {
            if (i + 2 >= text.size()) return std::nullopt;
            const int high = hexDigit(text[i + 1]), low = hexDigit(text[i + 2]);
            if (high < 0 || low < 0) return std::nullopt;
            result += static_cast<char>(high * 16 + low);
            i += 2;
        } else {
            result += plus && text[i] == '+' ? ' ' : text[i];
        }
    }
    return result;
}

std::string encodePercent(std::string_view text, bool keep_slash) {
    std::string result;
    for (const char c : text) {
        const bool unreserved = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
                                c == '-' || c == '_' || c == '.' || c == '~' || (keep_slash && c == '/');
        if (unreserved)
            result += c;
        else
            result += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
    return result;
}

std::pair<std::string, uint16_t> parseHostAndPort(const std::string& text) {
    const size_t colon = text.rfind(':');
    std::string host = text.substr(0, colon);
    unsigned port = 0;
    bool good = colon != std::string::npos && !host.empty();
    if (good) {
        const char* const end = text.data() + text.size();
        const auto [stop, error] = std::from_chars(text.data() + colon + 1, end, port);
        good = error == std::errc() && stop == end && port <= 65535;
    }
    if (good && host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
    if (!good)
        throw UserError("http.bad-address", fmt::format("'{}' is not an address and a port", text),
                        "write it as 127.0.0.1:8090");
    return {host, static_cast<uint16_t>(port)};
}

}  // namespace millrace
