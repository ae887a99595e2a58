#include "base/http_server.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <future>
#include <thread>

#include "base/error.h"

namespace millrace {
namespace {

class RawConnection {
  public:
    explicit RawConnection(uint16_t port) : fd_(socket(AF_INET, SOCK_STREAM, 0)) {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_port = htons(port);
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        connected_ = connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
    }
    ~RawConnection() { ::close(fd_); }
    bool connected() const { return connected_; }
    void send(std::string_view bytes) {
        ASSERT_EQ(::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL), ssize_t(bytes.size()));
    }
    void finish() { shutdown(fd_, SHUT_WR); }
    std::string receiveAll() {
        std::string all;
        char chunk[4096];
        ssize_t size;
        while ((size = recv(fd_, chunk, sizeof chunk, 0)) > 0)
            all.append(chunk, size);
        return all;
    }
    // Up to and with `end`.
    std::string receiveUntil(std::string_view end) {
        std::string all;
        char c;
        while (!all.ends_with(end) && recv(fd_, &c, 1, 0) == 1)
            all += c;
        return all;
    }

  private:
    int fd_;
    bool connected_ = false;
};

HttpResponse echo(const HttpRequest& request) {
    HttpResponse response;
    response.content_type = "text/plain";
    response.body = request.method + " " + request.path + " [" + request.body + "]";
    for (const auto& [name, value] : request.query)
        response.body += " " + name + "=" + value;
    if (request.path == "/throw") throw UserError("x", "thrown");
    return response;
}

TEST(HttpServer, answersAndKeepsTheConnection) {
    HttpServer server({}, echo);
    RawConnection connection(server.port());
    connection.send(
        "PATCH /jobs/a%20b?mode=cancel&x=1+2%26 HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n\r\nabc");
    const std::string first = connection.receiveUntil("2&");
    EXPECT_TRUE(first.starts_with("HTTP/1.1 200 OK\r\n")) << first;
    EXPECT_NE(first.find("PATCH /jobs/a b [abc] mode=cancel x=1 2&"), std::string::npos) << first;
    EXPECT_NE(first.find("\r\nDate: "), std::string::npos);
    // Two at once, the second one closing.
    connection.send(
        "GET /one HTTP/1.1\r\nHost: 127.0.0.1:80\r\n\r\nGET /two HTTP/1.1\r\nHost: [::1]:80\r\nConnection: "
        "close\r\n\r\n");
    const std::string rest = connection.receiveAll();
    EXPECT_NE(rest.find("GET /one []"), std::string::npos) << rest;
    EXPECT_TRUE(rest.ends_with("GET /two []")) << rest;
}

TEST(HttpServer, refusesWhatIsNotARequest) {
    HttpServerOptions options;
    options.body_size_max = 100;
    options.header_size_max = 1000;
    HttpServer server(options, echo);
    const auto answer = [&](const std::string& sent) {
        RawConnection connection(server.port());
        connection.send(sent);
        connection.finish();
        return connection.receiveAll();
    };
    EXPECT_TRUE(answer("\x16\x03\x01 not http\r\n\r\n").starts_with("HTTP/1.1 400 "));
    EXPECT_TRUE(answer("GET / HTTP/1.1\r\nContent-Length: -5\r\n\r\n").starts_with("HTTP/1.1 400 "));
    EXPECT_TRUE(answer("GET /%zz HTTP/1.1\r\n\r\n").starts_with("HTTP/1.1 400 "));
    EXPECT_TRUE(answer("GET /a%00b HTTP/1.1\r\n\r\n").starts_with("HTTP/1.1 400 "));
    EXPECT_TRUE(answer("GET / HTTP/1.1\r\nContent-Length: 1000\r\n\r\n").starts_with("HTTP/1.1 413 "));
    EXPECT_TRUE(
        answer("GET / HTTP/1.1\r\nX: " + std::string(2000, 'x') + "\r\n\r\n").starts_with("HTTP/1.1 431 "));
    EXPECT_TRUE(answer("GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n").starts_with("HTTP/1.1 421 "));
    EXPECT_TRUE(answer("GET /throw HTTP/1.1\r\nConnection: close\r\n\r\n").starts_with("HTTP/1.1 500 "));
    EXPECT_TRUE(answer("GET / HTTP/1.1\r\nConnection: close\r\n\r\n").starts_with("HTTP/1.1 200 "));
}

TEST(HttpServer, expectContinueIsAnswered) {
    HttpServer server({}, echo);
    RawConnection connection(server.port());
    connection.send(
        "POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 2\r\nConnection: close\r\n\r\n");
    EXPECT_TRUE(connection.receiveUntil("\r\n\r\n").starts_with("HTTP/1.1 100 "));
    connection.send("hi");
    EXPECT_TRUE(connection.receiveAll().ends_with("POST / [hi]"));
}

TEST(HttpServer, dropsASlowRequestAndAnIdleConnection) {
    HttpServerOptions options;
    options.request_timeout_ms = 100;
    options.idle_timeout_ms = 150;
    HttpServer server(options, echo);
    RawConnection slow(server.port()), idle(server.port());
    slow.send("GET / HT");
    EXPECT_EQ(slow.receiveAll(), "");
    EXPECT_EQ(idle.receiveAll(), "");
}

TEST(HttpServer, moreConnectionsThanAllowedWait) {
    HttpServerOptions options;
    options.connections_max = 2;
    HttpServer server(options, echo);
    auto first = std::make_unique<RawConnection>(server.port());
    RawConnection second(server.port()), third(server.port());
    third.send("GET /third HTTP/1.1\r\nConnection: close\r\n\r\n");
    auto answer = std::async(std::launch::async, [&] { return third.receiveAll(); });
    EXPECT_EQ(answer.wait_for(std::chrono::milliseconds(100)), std::future_status::timeout);
    first.reset();
    EXPECT_TRUE(answer.get().ends_with("GET /third []"));
}

TEST(HttpServer, stopFinishesWhatIsUnderWay) {
    std::promise<void> entered;
    HttpServer server({}, [&](const HttpRequest&) {
        entered.set_value();
        std::this_thread::sleep_for(std::chrono::milliseconds(100));
        HttpResponse response;
        response.body = "done";
        return response;
    });
    RawConnection busy(server.port()), idle(server.port());
    busy.send("GET / HTTP/1.1\r\n\r\n");
    entered.get_future().wait();
    server.stop();
    const std::string answer = busy.receiveAll();
    EXPECT_TRUE(answer.ends_with("done")) << answer;
    EXPECT_NE(answer.find("Connection: close"), std::string::npos);
    EXPECT_EQ(idle.receiveAll(), "");
    EXPECT_FALSE(RawConnection(server.port()).connected());
}

TEST(HttpServer, refusesAddresses) {
    HttpServerOptions options;
    options.host = "0.0.0.0";
    EXPECT_THROW(HttpServer(options, echo), UserError);
    options.host = "example.org";
    EXPECT_THROW(HttpServer(options, echo), UserError);
    HttpServer server({}, echo);
    options.host = "127.0.0.1";
    options.port = server.port();
    try {
        HttpServer second(options, echo);
        FAIL();
    } catch (const UserError& e) {
        EXPECT_EQ(e.code(), "http.listen");
    }
    EXPECT_EQ(parseHostAndPort("127.0.0.1:8090"), (std::pair<std::string, uint16_t>("127.0.0.1", 8090)));
    EXPECT_EQ(parseHostAndPort("[::1]:1"), (std::pair<std::string, uint16_t>("::1", 1)));
    for (const char* bad : {"", "8090", ":8090", "h:", "h:x", "h:70000", "h:1x"})
        EXPECT_THROW(parseHostAndPort(bad), UserError) << bad;
}

TEST(HttpServer, percentCodes) {
    EXPECT_EQ(encodePercent("a/b c~ü"), "a%2Fb%20c~%C3%BC");
    EXPECT_EQ(encodePercent("a/b", true), "a/b");
    EXPECT_EQ(decodePercent("a%2Fb+c", true), "a/b c");
    EXPECT_EQ(decodePercent("a%2", true), std::nullopt);
}

}  // namespace
}  // namespace millrace
