// One connection of an HttpServer, and what its connections share. Everything here belongs to the socket
// thread but the handlers' pool.
//
// A connection never holds a buffer while it waits: it waits for its socket to be readable, then reads into
// one buffer that all share, and keeps only what a request leaves unfinished. It stands in one of a few lists
// by what it is doing, oldest first; whoever needs room takes it from the front of the first that is not
// empty.
#pragma once

#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/http/parser.hpp>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/http_server.h"

namespace millrace::http_detail {

// Handlers' threads: a bounded number of them, and a bounded queue.
class HandlerPool {
  public:
    HandlerPool(int threads, size_t queue_max);
    ~HandlerPool() { join(); }

    // False if too many wait already.
    bool post(std::function<void()> work);
    // Runs what is queued, then ends the threads.
    void join();

  private:
    void run();

    const size_t queue_max_;
    std::mutex mutex_;
    std::condition_variable changed_;
    std::deque<std::function<void()>> queue_;
    bool ending_ = false;
    std::vector<std::thread> threads_;
};

class Connection;

// What a connection is doing. The order is that in which connections give way to new ones.
enum class Stage {
    Unproven,  // accepted, and no whole request has come yet
    Kept,      // between requests, or in the headers of a later one
    Body,      // in the body of a request
    Writing,   // its client takes its time to read the answer, or what refused it
    Handling,  // never gives way
    Closed,    // until what was under way has been told
};
constexpr size_t kStages = 6;

struct ConnectionTable {
    using Clock = std::chrono::steady_clock;

    ConnectionTable(HttpServerOptions o, HttpHandler h);

    Connection* oldest(Stage stage) const;
    size_t open() const;
    // Ends the connection that can be missed most; false if all are being handled.
    bool makeRoom();
    // Whether more of this connection's body may be read.
    bool hasRoomFor(const Connection* connection) const;
    // That may have changed.
    void resumeBodies();
    // Ends what has been waited for in vain. Called every `sweepInterval`.
    void sweep();
    std::chrono::milliseconds sweepInterval() const;

    const HttpServerOptions options;
    const HttpHandler handler;
    std::array<std::list<Connection*>, kStages> stages;  // each oldest first
    std::vector<char> scratch;                           // what is read is here until it is taken in
    std::array<size_t, kStages> bytes_held{};            // of bodies and answers
    size_t paused = 0;                                   // connections whose body waits for room
    bool stopping = false;
    boost::asio::io_context io{1};  // ends before the lists, since connections may end with it
    HandlerPool pool;
};

// Lives as long as an operation of it is under way.
class Connection : public std::enable_shared_from_this<Connection> {
  public:
    Connection(ConnectionTable& table, boost::asio::ip::tcp::socket socket);
    ~Connection();

    void start() { awaitBytes(); }
    Stage stage() const { return stage_; }
    bool expired(ConnectionTable::Clock::time_point now) const;
    void expire();
    void giveWay();  // to another connection
    void resumeBody();
    // The server stops: what is being handled or answered is finished.
    void closeUnlessBusy();

  private:
    // The body grows as it comes: Beast's own string body reserves whatever length a client claims.
    struct GrowingBody {
        using value_type = std::string;
        class reader {
          public:
            template <bool isRequest, class Fields>
            reader(boost::beast::http::header<isRequest, Fields>&, value_type& body) : body_(body) {}
            template <class Length>
            void init(const Length&, boost::beast::error_code& error) {
                error = {};
            }
            template <class Buffers>
            size_t put(const Buffers& buffers, boost::beast::error_code& error) {
                error = {};
                size_t size = 0;
                for (auto at = boost::asio::buffer_sequence_begin(buffers);
                     at != boost::asio::buffer_sequence_end(buffers); ++at) {
                    const boost::asio::const_buffer part = *at;
                    body_.append(static_cast<const char*>(part.data()), part.size());
                    size += part.size();
                }
                return size;
            }
            void finish(boost::beast::error_code& error) { error = {}; }

          private:
            value_type& body_;
        };
    };
    using Parser = boost::beast::http::request_parser<GrowingBody>;

    void close();
    void enter(Stage stage, int timeout_ms);
    void courtesy(std::string_view status);
    void awaitBytes();
    void readBytes();
    void takeIn(const char* data, size_t size);
    bool headerArrived();
    void refuse(int status, const std::string& message);
    void refuseMalformed(boost::beast::error_code error);
    void handle();
    void write(HttpResponse response);
    void writeMore();
    void answered();
    void drain();
    void hold(size_t bytes);

    ConnectionTable& table_;
    boost::asio::ip::tcp::socket socket_;
    Stage stage_ = Stage::Unproven;
    std::list<Connection*>::iterator place_;  // in the list of its stage
    ConnectionTable::Clock::time_point stage_since_, deadline_;
    std::string input_;  // came and is not taken in: the beginning of headers, or a request ahead
    std::unique_ptr<Parser> parser_;      // while a request comes
    bool header_done_ = false;            // of that request
    std::shared_ptr<Connection> paused_;  // itself, while its body waits for room and nothing else holds it
    bool draining_ = false;               // refused: what still comes is dropped
    bool keep_alive_ = false, head_ = false;
    unsigned version_ = 11;
    size_t held_ = 0;                    // of the table's bytes
    std::string head_text_, body_text_;  // the answer
    size_t written_ = 0;
};

}  // namespace millrace::http_detail
