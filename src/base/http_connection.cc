#include "base/http_connection.h"

#include <strings.h>

#include <algorithm>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/post.hpp>
#include <boost/beast/core/string.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/status.hpp>
#include <ctime>
#include <numeric>

#include "base/error.h"
#include "base/log.h"

namespace millrace::http_detail {

namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using asio::ip::tcp;
using std::chrono::milliseconds;

constexpr size_t kScratchSize = 64 << 10;
constexpr size_t kSmallBody = 16 << 10;  // is always read on
constexpr int kDrainTimeoutMs = 5'000;   // for a refused client to read why

std::string httpDate() {
    const std::time_t now = std::time(nullptr);
    std::tm parts{};
    gmtime_r(&now, &parts);
    char text[64];
    const size_t size = std::strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", &parts);
    return {text, size};
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
    const auto named = [](std::string_view text, std::string_view name) {
        return text.size() == name.size() && strncasecmp(text.data(), name.data(), name.size()) == 0;
    };
    if (named(host, "localhost")) return true;
    if (host.size() > 10 && named(host.substr(host.size() - 10), ".localhost")) return true;
    boost::system::error_code error;
    const auto address = asio::ip::make_address(std::string(host), error);
    return !error && address.is_loopback();
}

bool splitQuery(std::string_view query, HttpRequest& request) {
    while (!query.empty()) {
        const size_t end = query.find('&');
        const std::string_view part = query.substr(0, end);
        query = end == std::string_view::npos ? std::string_view() : query.substr(end + 1);
        if (part.empty()) continue;
        const size_t equals = part.find('=');
        auto name = decodePercent(part.substr(0, equals), true);
        auto value =
            equals == std::string_view::npos ? std::string() : decodePercent(part.substr(equals + 1), true);
        if (!name || !value) return false;
        request.query.emplace_back(std::move(*name), std::move(*value));
    }
    return true;
}

// The target taken apart; false if it cannot be.
bool splitTarget(HttpRequest& request) {
    const std::string_view target = request.target;
    const size_t question = target.find('?');
    auto path = decodePercent(target.substr(0, question), false);
    if (!path || !path->starts_with('/') || path->find('\0') != std::string::npos) return false;
    request.path = std::move(*path);
    return question == std::string_view::npos || splitQuery(target.substr(question + 1), request);
}

HttpResponse plainError(int status, std::string_view message) {
    HttpResponse response;
    response.status = status;
    response.content_type = "text/plain; charset=utf-8";
    response.body = std::string(message) + "\n";
    return response;
}

}  // namespace

HandlerPool::HandlerPool(int threads, size_t queue_max) : queue_max_(queue_max) {
    for (int i = 0; i < std::max(threads, 1); ++i)
        threads_.emplace_back([this] { run(); });
}

bool HandlerPool::post(std::function<void()> work) {
    {
        std::lock_guard lock(mutex_);
        if (queue_.size() >= queue_max_) return false;
        queue_.push_back(std::move(work));
    }
    changed_.notify_one();
    return true;
}

void HandlerPool::join() {
    {
        std::lock_guard lock(mutex_);
        ending_ = true;
    }
    changed_.notify_all();
    for (auto& thread : threads_)
        if (thread.joinable()) thread.join();
}

void HandlerPool::run() {
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

ConnectionTable::ConnectionTable(HttpServerOptions o, HttpHandler h)
    : options(std::move(o)),
      handler(std::move(h)),
      scratch(kScratchSize),
      pool(options.threads, options.queue_max) {}

Connection* ConnectionTable::oldest(Stage stage) const {
    const auto& list = stages[static_cast<size_t>(stage)];
    return list.empty() ? nullptr : list.front();
}

size_t ConnectionTable::open() const {
    size_t count = 0;
    for (const auto& list : stages)
        count += list.size();
    return count - stages[static_cast<size_t>(Stage::Closed)].size();
}

bool ConnectionTable::makeRoom() {
    for (const Stage stage : {Stage::Unproven, Stage::Kept, Stage::Body, Stage::Writing})
        if (Connection* connection = oldest(stage)) {
            connection->shared_from_this()->giveWay();
            return true;
        }
    return false;
}

// The oldest body goes on even without room, or bodies that are all unfinished would wait for each other; but
// not while there are requests being handled, whose bytes come free.
bool ConnectionTable::hasRoomFor(const Connection* connection) const {
    const size_t bodies = bytes_held[static_cast<size_t>(Stage::Body)];
    const size_t all = std::accumulate(bytes_held.begin(), bytes_held.end(), size_t{0});
    return all <= options.bodies_total_max || (all == bodies && oldest(Stage::Body) == connection);
}

void ConnectionTable::resumeBodies() {
    if (paused == 0) return;
    for (Connection* connection : stages[static_cast<size_t>(Stage::Body)])
        connection->resumeBody();
}

void ConnectionTable::sweep() {
    const auto now = Clock::now();
    std::vector<std::shared_ptr<Connection>> late;  // ending them changes the lists
    for (const auto& list : stages)
        for (Connection* connection : list)
            if (connection->expired(now)) late.push_back(connection->shared_from_this());
    for (const auto& connection : late)
        connection->expire();
}

milliseconds ConnectionTable::sweepInterval() const {
    const int shortest =
        std::min({options.idle_timeout_ms, options.header_timeout_ms, options.request_timeout_ms});
    return milliseconds(std::clamp(shortest / 8, 5, 500));
}

Connection::Connection(ConnectionTable& table, tcp::socket socket)
    : table_(table), socket_(std::move(socket)) {
    auto& list = table_.stages[static_cast<size_t>(stage_)];
    place_ = list.insert(list.end(), this);
    enter(Stage::Unproven, table_.options.idle_timeout_ms);
}

Connection::~Connection() {
    table_.stages[static_cast<size_t>(stage_)].erase(place_);
    hold(0);
}

// Also begins the stage anew.
void Connection::enter(Stage stage, int timeout_ms) {
    const auto from = static_cast<size_t>(stage_), to = static_cast<size_t>(stage);
    const bool body_ended = stage_ == Stage::Body && stage != Stage::Body;
    table_.stages[to].splice(table_.stages[to].end(), table_.stages[from], place_);
    table_.bytes_held[from] -= held_;
    table_.bytes_held[to] += held_;
    stage_ = stage;
    stage_since_ = ConnectionTable::Clock::now();
    deadline_ = stage_since_ + milliseconds(timeout_ms);
    table_.paused -= paused_ != nullptr;
    paused_.reset();
    if (body_ended) table_.resumeBodies();
}

bool Connection::expired(ConnectionTable::Clock::time_point now) const {
    return stage_ != Stage::Handling && stage_ != Stage::Closed && now >= deadline_;
}

void Connection::expire() {
    if (paused_) return refuse(503, "The server takes in as many large requests as it can; try again later.");
    courtesy("408 Request Timeout");
    close();
}

void Connection::giveWay() {
    courtesy("503 Service Unavailable");
    close();
}

void Connection::closeUnlessBusy() {
    if (stage_ != Stage::Handling && (stage_ != Stage::Writing || draining_)) close();
}

// Whoever is in the middle of a request is told that it ends, if the socket takes it at once.
void Connection::courtesy(std::string_view status) {
    if (!parser_) return;
    boost::system::error_code ignored;
    socket_.write_some(
        asio::buffer(fmt::format("HTTP/1.1 {}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n", status)),
        ignored);
}

// The connection lives on until the operation that is under way has been told.
void Connection::close() {
    boost::system::error_code ignored;
    socket_.shutdown(tcp::socket::shutdown_both, ignored);
    socket_.close(ignored);
    parser_.reset();
    input_ = {};
    head_text_ = {};
    body_text_ = {};
    enter(Stage::Closed, 0);
    hold(0);
}

void Connection::hold(size_t bytes) {
    const bool less = bytes < held_;
    table_.bytes_held[static_cast<size_t>(stage_)] += bytes - held_;
    held_ = bytes;
    if (less) table_.resumeBodies();
}

void Connection::awaitBytes() {
    socket_.async_wait(tcp::socket::wait_read, [self = shared_from_this()](boost::system::error_code error) {
        if (self->stage_ == Stage::Closed) return;
        if (error) return self->close();
        self->readBytes();
    });
}

void Connection::readBytes() {
    boost::system::error_code error;
    const size_t size = socket_.read_some(asio::buffer(table_.scratch), error);
    if (error == asio::error::would_block || error == asio::error::interrupted) return awaitBytes();
    if (error) return close();  // the end, too: a request that is not whole has no answer
    if (draining_) return awaitBytes();
    if (input_.empty()) return takeIn(table_.scratch.data(), size);
    input_.append(table_.scratch.data(), size);
    const std::string all = std::exchange(input_, {});
    takeIn(all.data(), all.size());
}

// Part of a request, or all of it and the beginning of the next. What cannot be used yet stays in `input_`.
void Connection::takeIn(const char* data, size_t size) {
    if (!parser_) {
        parser_ = std::make_unique<Parser>();
        parser_->header_limit(static_cast<uint32_t>(table_.options.header_size_max));
        parser_->body_limit(table_.options.body_size_max);
        header_done_ = false;
        // The place in the list stays: a connection that trickles is no younger for it.
        deadline_ = ConnectionTable::Clock::now() + milliseconds(table_.options.header_timeout_ms);
    }
    while (size > 0 && !parser_->is_done()) {
        beast::error_code error;
        const size_t used = parser_->put(asio::const_buffer(data, size), error);
        data += used;
        size -= used;
        if (error == http::error::need_more) break;
        if (error) return refuseMalformed(error);
        if (!header_done_ && parser_->is_header_done()) {
            header_done_ = true;
            if (!headerArrived()) return;
        }
    }
    input_.assign(data, size);
    if (parser_->is_done()) return handle();
    if (input_.size() > table_.options.header_size_max)  // of a chunk, or what follows the last
        return refuse(431, "The headers within the body are too large.");
    if (stage_ != Stage::Body) return awaitBytes();

    const std::string& body = parser_->get().body();
    deadline_ = stage_since_ + milliseconds(table_.options.request_timeout_ms +
                                            body.size() * 1000 / table_.options.body_rate_min);
    hold(body.capacity());
    if (body.size() <= kSmallBody || table_.hasRoomFor(this)) return awaitBytes();
    paused_ = shared_from_this();
    ++table_.paused;
}

void Connection::resumeBody() {
    if (!paused_ || !table_.hasRoomFor(this)) return;
    const auto self = std::move(paused_);
    --table_.paused;
    awaitBytes();
}

// False if the request has been refused.
bool Connection::headerArrived() {
    const auto& message = parser_->get();
    const auto host = message.find(http::field::host);
    if (!table_.options.authenticate && host != message.end() &&
        !isLoopbackHost({host->value().data(), host->value().size()})) {
        refuse(421, fmt::format("This server answers only on loopback; the request is for host '{}'.",
                                std::string_view(host->value().data(), host->value().size())));
        return false;
    }
    if (parser_->is_done()) return true;
    enter(Stage::Body, table_.options.request_timeout_ms);
    if (beast::iequals(message[http::field::expect], "100-continue")) {
        static constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
        boost::system::error_code error;
        if (socket_.write_some(asio::buffer(kContinue), error) != kContinue.size()) {
            close();
            return false;
        }
    }
    return true;
}

void Connection::refuseMalformed(beast::error_code error) {
    if (error == http::error::body_limit)
        return refuse(413, fmt::format("The body is larger than {} bytes.", table_.options.body_size_max));
    if (error == http::error::header_limit)
        return refuse(431,
                      fmt::format("The headers are larger than {} bytes.", table_.options.header_size_max));
    refuse(400, "This is not a well-formed HTTP request: " + error.message() + ".");
}

// Answers, and closes once the client has had time to read it: closing at once, with bytes of the client
// unread, could take the answer away from it.
void Connection::refuse(int status, const std::string& message) {
    keep_alive_ = false;
    head_ = false;
    draining_ = true;
    input_ = {};
    write(plainError(status, message));
}

void Connection::handle() {
    auto message = parser_->release();
    parser_.reset();
    keep_alive_ = message.keep_alive();
    head_ = message.method() == http::verb::head;
    version_ = message.version();
    auto request = std::make_shared<HttpRequest>();
    request->method = std::string(message.method_string());
    request->target = std::string(message.target());
    for (const auto& field : message)
        request->headers.emplace_back(field.name_string(), field.value());
    request->body = std::move(message.body());
    if (!splitTarget(*request)) return refuse(400, "The request's target cannot be decoded.");

    enter(Stage::Handling, 0);
    hold(request->body.capacity());
    // The guard keeps the socket thread running while nothing but the handler is under way.
    const bool posted = table_.pool.post(
        [self = shared_from_this(), request, guard = asio::make_work_guard(table_.io)]() mutable {
            HttpResponse response;
            try {
                const auto& authenticate = self->table_.options.authenticate;
                auto denied = authenticate ? authenticate(*request) : std::nullopt;
                response = denied ? std::move(*denied) : self->table_.handler(*request);
            } catch (const std::exception& e) {
                logError("http", "{} {} failed: {}", request->method, request->path, e.what());
                response = plainError(500, "The request failed inside the server; its log says why.");
            }
            request.reset();
            auto& io = self->table_.io;  // the connection must end on the socket thread
            asio::post(io, [self = std::move(self), response = std::move(response)]() mutable {
                self->write(std::move(response));
            });
        });
    if (!posted) refuse(503, "More requests wait than the server takes; try again later.");
}

void Connection::write(HttpResponse response) {
    parser_.reset();
    keep_alive_ = keep_alive_ && !table_.stopping;
    const auto reason = http::obsolete_reason(http::int_to_status(static_cast<unsigned>(response.status)));
    head_text_ = fmt::format("HTTP/1.{} {} {}\r\nServer: millrace\r\nDate: {}\r\n", version_ == 10 ? 0 : 1,
                             response.status, std::string_view(reason.data(), reason.size()), httpDate());
    if (!response.content_type.empty())
        head_text_ += fmt::format("Content-Type: {}\r\n", response.content_type);
    for (const auto& [name, value] : response.headers)
        head_text_ += fmt::format("{}: {}\r\n", name, value);
    if (!keep_alive_) head_text_ += "Connection: close\r\n";
    if (keep_alive_ && version_ == 10) head_text_ += "Connection: keep-alive\r\n";
    if (response.status != 204 && response.status != 304)  // which have no body by definition
        head_text_ += fmt::format("Content-Length: {}\r\n", response.body.size());
    head_text_ += "\r\n";
    body_text_ = head_ ? std::string() : std::move(response.body);
    written_ = 0;
    hold(body_text_.capacity());
    enter(Stage::Writing, table_.options.request_timeout_ms);
    writeMore();
}

void Connection::writeMore() {
    while (written_ < head_text_.size() + body_text_.size()) {
        const size_t of_head = std::min(written_, head_text_.size());
        const size_t of_body = written_ - of_head;
        const std::array<asio::const_buffer, 2> parts{asio::buffer(head_text_) + of_head,
                                                      asio::buffer(body_text_) + of_body};
        boost::system::error_code error;
        written_ += socket_.write_some(parts, error);
        if (error == asio::error::would_block) {
            socket_.async_wait(tcp::socket::wait_write,
                               [self = shared_from_this()](boost::system::error_code waited) {
                                   if (self->stage_ == Stage::Closed) return;
                                   if (waited) return self->close();
                                   self->writeMore();
                               });
            return;
        }
        if (error) return close();
    }
    answered();
}

void Connection::answered() {
    body_text_ = {};
    head_text_ = {};
    hold(0);
    if (draining_) return drain();
    if (!keep_alive_) return close();
    enter(Stage::Kept, table_.options.idle_timeout_ms);
    if (input_.empty()) return awaitBytes();
    // The client sent ahead. Not from here: a client that sends many would make the stack deep.
    asio::post(table_.io, [self = shared_from_this()] {
        if (self->stage_ == Stage::Closed) return;
        const std::string ahead = std::exchange(self->input_, {});
        self->takeIn(ahead.data(), ahead.size());
    });
}

void Connection::drain() {
    boost::system::error_code ignored;
    socket_.shutdown(tcp::socket::shutdown_send, ignored);
    deadline_ = ConnectionTable::Clock::now() + milliseconds(kDrainTimeoutMs);
    awaitBytes();
}

}  // namespace millrace::http_detail
