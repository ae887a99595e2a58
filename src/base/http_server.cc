#include "base/http_server.h"

#include <strings.h>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http.hpp>
#include <charconv>
#include <condition_variable>
#include <ctime>
#include <deque>
#include <mutex>
#include <set>
#include <thread>

#include "base/error.h"
#include "base/log.h"

namespace millrace {

namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using asio::ip::tcp;

bool equalIgnoringCase(std::string_view a, std::string_view b) {
    return a.size() == b.size() && strncasecmp(a.data(), b.data(), a.size()) == 0;
}

const std::string* findByName(const std::vector<std::pair<std::string, std::string>>& pairs,
                              std::string_view name, bool ignore_case) {
    for (const auto& [key, value] : pairs)
        if (ignore_case ? equalIgnoringCase(key, name) : key == name) return &value;
    return nullptr;
}

std::string httpDate() {
    const std::time_t now = std::time(nullptr);
    std::tm parts{};
    gmtime_r(&now, &parts);
    char text[64];
    const size_t size = std::strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", &parts);
    return {text, size};
}

int hexDigit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

bool isLoopbackHost(std::string_view host_header) {
    std::string_view host = host_header;
    if (host.starts_with('[')) {
        const size_t end = host.find(']');
        if (end == std::string_view::npos) return false;
        host = host.substr(1, end - 1);
    } else {
        host = host.substr(0, host.rfind(':'));
    }
    if (equalIgnoringCase(host, "localhost")) return true;
    if (host.size() > 10 && equalIgnoringCase(host.substr(host.size() - 10), ".localhost")) return true;
    boost::system::error_code error;
    const auto address = asio::ip::make_address(std::string(host), error);
    return !error && address.is_loopback();
}

HttpResponse plainError(int status, std::string_view message) {
    HttpResponse response;
    response.status = status;
    response.content_type = "text/plain; charset=utf-8";
    response.body = std::string(message) + "\n";
    return response;
}

// Handlers' threads: a bounded number of them, the queue bounded by the number of connections.
class HandlerPool {
  public:
    explicit HandlerPool(int threads) {
        for (int i = 0; i < threads; ++i)
            threads_.emplace_back([this] { run(); });
    }
    ~HandlerPool() { join(); }

    void post(std::function<void()> work) {
        {
            std::lock_guard lock(mutex_);
            queue_.push_back(std::move(work));
        }
        changed_.notify_one();
    }

    // Runs what is queued, then ends the threads.
    void join() {
        {
            std::lock_guard lock(mutex_);
            ending_ = true;
        }
        changed_.notify_all();
        for (auto& thread : threads_)
            if (thread.joinable()) thread.join();
    }

  private:
    void run() {
        std::unique_lock lock(mutex_);
        for (;;) {
            changed_.wait(lock, [this] { return ending_ || !queue_.empty(); });
            if (queue_.empty()) return;
            auto work = std::move(queue_.front());
            queue_.pop_front();
            lock.unlock();
            work();
            work = nullptr;
            lock.lock();
        }
    }

    std::mutex mutex_;
    std::condition_variable changed_;
    std::deque<std::function<void()>> queue_;
    bool ending_ = false;
    std::vector<std::thread> threads_;
};

class Connection;

// What connections share. All members but `handler` and `pool` belong to the socket thread.
struct Shared {
    HttpServerOptions options;
    HttpHandler handler;
    asio::io_context io{1};
    tcp::acceptor acceptor{io};
    std::set<Connection*> connections;
    bool accept_waiting = false;  // for a connection to end
    bool stopping = false;
    HandlerPool pool;
    std::function<void()> resume_accept;

    Shared(HttpServerOptions o, HttpHandler h)
        : options(std::move(o)), handler(std::move(h)), pool(options.threads < 1 ? 1 : options.threads) {}
};

// One connection; lives as long as an operation of it is under way.
class Connection : public std::enable_shared_from_this<Connection> {
  public:
    Connection(Shared& shared, tcp::socket socket) : shared_(shared), stream_(std::move(socket)) {
        shared_.connections.insert(this);
    }
    ~Connection() {
        shared_.connections.erase(this);
        if (shared_.accept_waiting && !shared_.stopping) shared_.resume_accept();
    }

    void readRequest() {
        if (shared_.stopping) return;
        parser_.emplace();
        parser_->header_limit(static_cast<uint32_t>(shared_.options.header_size_max));
        parser_->body_limit(shared_.options.body_size_max);
        if (buffer_.size() > 0) return readHeader();  // the client sent ahead
        // A quiet connection may stay for the idle timeout; from the first byte on, the request's own timeout
        // counts.
        stream_.expires_after(std::chrono::milliseconds(shared_.options.idle_timeout_ms));
        stream_.async_read_some(buffer_.prepare(4096), [self = shared_from_this()](auto error, size_t size) {
            if (error) return self->close();
            self->buffer_.commit(size);
            self->readHeader();
        });
    }

    // When the server stops: a request that is being handled or answered is finished, everything else ends
    // now.
    void stopUnlessBusy() {
        if (!busy_) close();
    }

  private:
    void readHeader() {
        stream_.expires_after(std::chrono::milliseconds(shared_.options.request_timeout_ms));
        http::async_read_header(stream_, buffer_, *parser_, [self = shared_from_this()](auto error, size_t) {
            if (error) return self->refuse(error);
            self->headerRead();
        });
    }

    void headerRead() {
        if (!beast::iequals(parser_->get()[http::field::expect], "100-continue")) return readBody();
        continue_ = std::make_unique<http::response<http::empty_body>>(http::status::continue_, 11);
        http::async_write(stream_, *continue_, [self = shared_from_this()](auto error, size_t) {
            if (error) return self->close();
            self->readBody();
        });
    }

    void readBody() {
        http::async_read(stream_, buffer_, *parser_, [self = shared_from_this()](auto error, size_t) {
            if (error) return self->refuse(error);
            self->handle();
        });
    }

    void refuse(boost::system::error_code error) {
        if (error == http::error::end_of_stream || error == http::error::partial_message ||
            error == beast::error::timeout || error.category() == boost::system::system_category() ||
            error == asio::error::operation_aborted)
            return close();
        keep_alive_ = false;
        if (error == http::error::body_limit)
            return write(plainError(
                413, fmt::format("The body is larger than {} bytes.", shared_.options.body_size_max)));
        if (error == http::error::header_limit)
            return write(plainError(
                431, fmt::format("The headers are larger than {} bytes.", shared_.options.header_size_max)));
        write(plainError(400, "This is not a well-formed HTTP request: " + error.message() + "."));
    }

    void handle() {
        busy_ = true;
        auto message = parser_->release();
        keep_alive_ = message.keep_alive();
        head_ = message.method() == http::verb::head;
        version_ = message.version();
        auto request = std::make_shared<HttpRequest>();
        request->method = std::string(message.method_string());
        request->target = std::string(message.target());
        for (const auto& field : message)
            request->headers.emplace_back(field.name_string(), field.value());
        request->body = std::move(message.body());

        const std::string_view target = request->target;
        const size_t question = target.find('?');
        auto path = decodePercent(target.substr(0, question), false);
        bool good = path && path->starts_with('/') && path->find('\0') == std::string::npos;
        if (good) request->path = std::move(*path);
        if (good && question != std::string_view::npos)
            good = splitQuery(target.substr(question + 1), *request);
        if (!good) return write(plainError(400, "The request's target cannot be decoded."));
        if (shared_.options.loopback_only) {
            const std::string* host = request->header("host");
            if (host && !isLoopbackHost(*host))
                return write(plainError(
                    421, "This server answers only on loopback; the request is for host '" + *host + "'."));
        }
        stream_.expires_never();
        // The guard keeps the socket thread running while nothing but the handler is under way.
        shared_.pool.post(
            [self = shared_from_this(), request, guard = asio::make_work_guard(shared_.io)]() mutable {
                HttpResponse response;
                try {
                    response = self->shared_.handler(*request);
                } catch (const std::exception& e) {
                    logError("http", "{} {} failed: {}", request->method, request->path, e.what());
                    response = plainError(500, "The request failed inside the server; its log says why.");
                }
                auto& io = self->shared_.io;  // the connection must end on the socket thread
                asio::post(io, [self = std::move(self), response = std::move(response)]() mutable {
                    self->write(std::move(response));
                });
            });
    }

    static bool splitQuery(std::string_view query, HttpRequest& request) {
        while (!query.empty()) {
            const size_t end = query.find('&');
            const std::string_view part = query.substr(0, end);
            query = end == std::string_view::npos ? std::string_view() : query.substr(end + 1);
            if (part.empty()) continue;
            const size_t equals = part.find('=');
            auto name = decodePercent(part.substr(0, equals), true);
            auto value = equals == std::string_view::npos ? std::string()
                                                          : decodePercent(part.substr(equals + 1), true);
            if (!name || !value) return false;
            request.query.emplace_back(std::move(*name), std::move(*value));
        }
        return true;
    }

    void write(HttpResponse response) {
        keep_alive_ = keep_alive_ && !shared_.stopping;
        response_ = std::make_unique<http::response<http::string_body>>();
        response_->version(version_);
        response_->result(static_cast<unsigned>(response.status));
        response_->set(http::field::server, "millrace");
        response_->set(http::field::date, httpDate());
        if (!response.content_type.empty()) response_->set(http::field::content_type, response.content_type);
        for (const auto& [name, value] : response.headers)
            response_->insert(name, value);
        response_->keep_alive(keep_alive_);
        response_->body() = std::move(response.body);
        response_->prepare_payload();
        if (head_) response_->body().clear();
        stream_.expires_after(std::chrono::milliseconds(shared_.options.request_timeout_ms));
        http::async_write(stream_, *response_, [self = shared_from_this()](auto error, size_t) {
            self->response_.reset();
            self->busy_ = false;
            if (error || !self->keep_alive_) return self->close();
            if (self->buffer_.capacity() > 64 << 10 && self->buffer_.size() == 0)
                self->buffer_ = beast::flat_buffer();
            self->readRequest();
        });
    }

    void close() {
        boost::system::error_code ignored;
        stream_.socket().shutdown(tcp::socket::shutdown_both, ignored);
        stream_.close();
    }

    Shared& shared_;
    beast::tcp_stream stream_;
    beast::flat_buffer buffer_;
    std::optional<http::request_parser<http::string_body>> parser_;
    std::unique_ptr<http::response<http::empty_body>> continue_;
    std::unique_ptr<http::response<http::string_body>> response_;
    unsigned version_ = 11;
    bool keep_alive_ = false;
    bool head_ = false;
    bool busy_ = false;  // from a whole request to the end of its answer
};

}  // namespace

class HttpServer::Implementation {
  public:
    Implementation(HttpServerOptions options, HttpHandler handler)
        : shared_(std::move(options), std::move(handler)) {
        const std::string& given = shared_.options.host;
        boost::system::error_code error;
        const auto address = asio::ip::make_address(given == "localhost" ? "127.0.0.1" : given, error);
        if (error)
            throw UserError("http.bad-address", fmt::format("'{}' is not an address to listen on", given),
                            "give an IP address and a port, such as 127.0.0.1:8090");
        if (shared_.options.loopback_only && !address.is_loopback())
            throw UserError("http.not-loopback",
                            fmt::format("listening on {} would offer the server to the network", given),
                            "requests are not authenticated: listen on 127.0.0.1 or ::1");
        const tcp::endpoint endpoint(address, shared_.options.port);
        const auto fail = [&](const char* step) {
            if (error)
                throw UserError(
                    "http.listen",
                    fmt::format("cannot {} {}:{}: {}", step, given, shared_.options.port, error.message()),
                    error == asio::error::address_in_use
                        ? "another process listens there; choose another port"
                        : "");
        };
        shared_.acceptor.open(endpoint.protocol(), error);
        fail("open a socket for");
        shared_.acceptor.set_option(tcp::acceptor::reuse_address(true), error);
        fail("prepare a socket for");
        shared_.acceptor.bind(endpoint, error);
        fail("bind to");
        shared_.acceptor.listen(asio::socket_base::max_listen_connections, error);
        fail("listen on");
        bound_ = shared_.acceptor.local_endpoint();
        shared_.resume_accept = [this] { accept(); };
        accept();
        thread_ = std::thread([this] { shared_.io.run(); });
    }

    ~Implementation() { stop(); }

    void stop() {
        if (!thread_.joinable()) return;
        asio::post(shared_.io, [this] {
            shared_.stopping = true;
            boost::system::error_code ignored;
            shared_.acceptor.close(ignored);
            for (Connection* connection : shared_.connections)
                connection->stopUnlessBusy();
        });
        thread_.join();  // run() returns when no connection is left
        shared_.pool.join();
    }

    const tcp::endpoint& bound() const { return bound_; }

  private:
    void accept() {
        shared_.accept_waiting = shared_.connections.size() >= shared_.options.connections_max;
        if (shared_.accept_waiting) return;
        shared_.acceptor.async_accept([this](boost::system::error_code error, tcp::socket socket) {
            if (shared_.stopping) return;
            if (error) {
                if (error != asio::error::operation_aborted) retryAccept(error);
                return;
            }
            boost::system::error_code ignored;
            socket.set_option(tcp::no_delay(true), ignored);
            std::make_shared<Connection>(shared_, std::move(socket))->readRequest();
            accept();
        });
    }

    // Out of descriptors, most likely: wait for some to come free instead of spinning.
    void retryAccept(boost::system::error_code error) {
        logWarn("http", "cannot accept a connection: {}", error.message());
        retry_ = std::make_unique<asio::steady_timer>(shared_.io, std::chrono::milliseconds(100));
        retry_->async_wait([this](boost::system::error_code waited) {
            if (!waited && !shared_.stopping) accept();
        });
    }

    Shared shared_;
    tcp::endpoint bound_;
    std::unique_ptr<asio::steady_timer> retry_;
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
