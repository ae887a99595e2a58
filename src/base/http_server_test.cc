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
        // A server that refuses a request may close while it is still being sent.
        while (!bytes.empty()) {
            const ssize_t sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
            if (sent <= 0) return;
            bytes.remove_prefix(static_cast<size_t>(sent));
        }
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
    options.header_timeout_ms = 100;
    options.request_timeout_ms = 100;
    options.idle_timeout_ms = 150;
    HttpServer server(options, echo);
    RawConnection slow_header(server.port()), slow_body(server.port()), idle(server.port());
    slow_header.send("GET / HT");
    slow_body.send("POST / HTTP/1.1\r\nContent-Length: 10\r\n\r\nabc");
    EXPECT_TRUE(slow_header.receiveAll().starts_with("HTTP/1.1 408 "));
    EXPECT_TRUE(slow_body.receiveAll().starts_with("HTTP/1.1 408 "));
    EXPECT_EQ(idle.receiveAll(), "");
}

// A body may take longer than the timeout if it comes fast enough, and a client that trickles may not.
TEST(HttpServer, aBodyThatKeepsComingIsWaitedFor) {
    HttpServerOptions options;
    options.request_timeout_ms = 100;
    options.body_rate_min = 100;
    HttpServer server(options, echo);
    RawConnection steady(server.port());
    steady.send("POST / HTTP/1.1\r\nConnection: close\r\nContent-Length: 300\r\n\r\n");
    for (int i = 0; i < 6; ++i) {
        std::this_thread::sleep_for(std::chrono::milliseconds(40));
        steady.send(std::string(50, 'x'));
    }
    EXPECT_TRUE(steady.receiveAll().starts_with("HTTP/1.1 200 "));
    RawConnection trickling(server.port());
    trickling.send("POST / HTTP/1.1\r\nConnection: close\r\nContent-Length: 300\r\n\r\nx");
    EXPECT_TRUE(trickling.receiveAll().starts_with("HTTP/1.1 408 "));
}

std::string served(RawConnection& connection, const std::string& path) {
    connection.send("GET " + path + " HTTP/1.1\r\n\r\n");
    return connection.receiveUntil("GET " + path + " []");
}

TEST(HttpServer, aNewConnectionTakesThePlaceOfAnIdleOne) {
    HttpServerOptions options;
    options.connections_max = 3;
    HttpServer server(options, echo);
    RawConnection kept(server.port());
    EXPECT_TRUE(served(kept, "/1").starts_with("HTTP/1.1 200 "));
    RawConnection silent(server.port()), trickling(server.port());
    trickling.send("GET / HT");
    // The silent one goes, then the one whose headers do not end; the one that was of use is kept.
    RawConnection fourth(server.port());
    EXPECT_EQ(silent.receiveAll(), "");
    EXPECT_TRUE(served(fourth, "/2").starts_with("HTTP/1.1 200 "));
    RawConnection fifth(server.port());
    EXPECT_TRUE(served(fifth, "/3").starts_with("HTTP/1.1 200 "));
    EXPECT_TRUE(trickling.receiveAll().starts_with("HTTP/1.1 503 "));
    EXPECT_TRUE(served(kept, "/4").starts_with("HTTP/1.1 200 "));
    RawConnection sixth(server.port());  // of those that were of use, the one that is quiet for longest
    EXPECT_EQ(fourth.receiveAll(), "");
    EXPECT_TRUE(served(kept, "/5").starts_with("HTTP/1.1 200 "));
}

// A gate that handlers wait at.
struct Gate {
    std::promise<void> opened;
    std::shared_future<void> open{opened.get_future()};
    std::atomic<int> waiting{0};
    HttpResponse pass(const HttpRequest& request) {
        ++waiting;
        open.wait();
        return echo(request);
    }
    void await(int count) const {
        while (waiting < count)
            std::this_thread::yield();
    }
};

TEST(HttpServer, whatIsHandledNeverGivesWay) {
    Gate gate;
    HttpServerOptions options;
    options.connections_max = 2;
    HttpServer server(options, [&](const HttpRequest& request) { return gate.pass(request); });
    RawConnection first(server.port()), second(server.port());
    for (RawConnection* one : {&first, &second})
        one->send("GET / HTTP/1.1\r\nConnection: close\r\n\r\n");
    gate.await(2);
    RawConnection third(server.port());
    EXPECT_TRUE(third.receiveAll().starts_with("HTTP/1.1 503 "));
    gate.opened.set_value();
    EXPECT_TRUE(first.receiveAll().starts_with("HTTP/1.1 200 "));
    EXPECT_TRUE(second.receiveAll().starts_with("HTTP/1.1 200 "));
}

TEST(HttpServer, moreRequestsThanMayWaitAreTurnedAway) {
    Gate gate;
    HttpServerOptions options;
    options.threads = 1;
    options.queue_max = 1;
    HttpServer server(options, [&](const HttpRequest& request) { return gate.pass(request); });
    const std::string request = "GET / HTTP/1.1\r\nConnection: close\r\n\r\n";
    RawConnection handled(server.port()), second(server.port()), third(server.port());
    handled.send(request);
    gate.await(1);
    second.send(request);
    third.send(request);
    auto seconds = std::async(std::launch::async, [&] { return second.receiveAll(); });
    auto thirds = std::async(std::launch::async, [&] { return third.receiveAll(); });
    while (seconds.wait_for(std::chrono::milliseconds(1)) != std::future_status::ready &&
           thirds.wait_for(std::chrono::milliseconds(1)) != std::future_status::ready) {
    }
    gate.opened.set_value();  // one of the two has been turned away, the other is answered now
    const std::string both = seconds.get() + thirds.get();
    EXPECT_NE(both.find("HTTP/1.1 503 "), std::string::npos);
    EXPECT_NE(both.find("HTTP/1.1 200 "), std::string::npos);
    EXPECT_TRUE(handled.receiveAll().starts_with("HTTP/1.1 200 "));
}

// Three bodies of which the server may hold one and a half at a time: all are read in the end.
TEST(HttpServer, bodiesWaitForRoom) {
    constexpr size_t kBody = 4 << 20;
    Gate gate;
    HttpServerOptions options;
    options.threads = 3;
    options.body_size_max = kBody;
    options.bodies_total_max = kBody * 3 / 2;
    HttpServer server(options, [&](const HttpRequest& request) {
        if (request.body.size() == kBody) gate.pass(request);
        HttpResponse response;
        response.body = std::to_string(request.body.size());
        return response;
    });
    const std::string head =
        "POST / HTTP/1.1\r\nConnection: close\r\nContent-Length: " + std::to_string(kBody) + "\r\n\r\n";
    const std::string half(kBody / 2, 'x');
    std::vector<std::unique_ptr<RawConnection>> clients;
    std::vector<std::future<std::string>> answers;
    for (int i = 0; i < 3; ++i) {
        clients.push_back(std::make_unique<RawConnection>(server.port()));
        answers.push_back(std::async(std::launch::async, [&head, &half, client = clients.back().get()] {
            client->send(head);
            client->send(half);
            client->send(half);
            return client->receiveAll();
        }));
    }
    gate.await(1);
    // While one is handled there is no room for the two others; small requests are answered all the same.
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    EXPECT_EQ(gate.waiting, 1);
    RawConnection small(server.port());
    small.send("POST / HTTP/1.1\r\nConnection: close\r\nContent-Length: 2\r\n\r\nhi");
    EXPECT_TRUE(small.receiveAll().ends_with("\r\n\r\n2"));
    gate.opened.set_value();
    for (auto& answer : answers)
        EXPECT_TRUE(answer.get().ends_with("\r\n\r\n" + std::to_string(kBody)));
}

// It has sent all before it looks for the answer, which must not be lost with the connection.
TEST(HttpServer, aClientThatSendsTooMuchReadsWhy) {
    HttpServerOptions options;
    options.body_size_max = 1000;
    HttpServer server(options, echo);
    RawConnection connection(server.port());
    connection.send("POST / HTTP/1.1\r\nContent-Length: 3000000\r\n\r\n");
    connection.send(std::string(3'000'000, 'x'));
    connection.finish();
    EXPECT_TRUE(connection.receiveAll().starts_with("HTTP/1.1 413 "));
}

TEST(HttpServer, chunkedBodiesAreBoundedToo) {
    HttpServerOptions options;
    options.body_size_max = 100;
    options.header_size_max = 1000;
    HttpServer server(options, echo);
    const std::string head = "POST / HTTP/1.1\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n";
    const auto answer = [&](const std::string& sent) {
        RawConnection connection(server.port());
        connection.send(head + sent);
        connection.finish();
        return connection.receiveAll();
    };
    EXPECT_TRUE(answer("3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n").ends_with("POST / [abcde]"));
    EXPECT_TRUE(answer("fff\r\n" + std::string(0xfff, 'x') + "\r\n0\r\n\r\n").starts_with("HTTP/1.1 413 "));
    EXPECT_TRUE(answer("3;" + std::string(5000, 'x')).starts_with("HTTP/1.1 431 "));
    EXPECT_TRUE(answer("zz\r\n").starts_with("HTTP/1.1 400 "));
}

TEST(HttpServer, requestsSentAheadAreAnsweredInOrder) {
    HttpServer server({}, echo);
    RawConnection connection(server.port());
    std::string sent;
    for (int i = 0; i < 2000; ++i)
        sent += "GET /" + std::to_string(i) + " HTTP/1.1\r\n\r\n";
    auto answers = std::async(std::launch::async, [&] { return connection.receiveAll(); });
    connection.send(sent + "GET /last HTTP/1.1\r\nConnection: close\r\n\r\n");
    const std::string all = answers.get();
    size_t at = 0;
    for (int i = 0; i < 2000; ++i) {
        at = all.find("GET /" + std::to_string(i) + " []", at);
        ASSERT_NE(at, std::string::npos) << i;
    }
    EXPECT_TRUE(all.ends_with("GET /last []"));
}

TEST(HttpServer, anAuthenticatorSeesEveryRequestFirst) {
    HttpServerOptions options;
    options.host = "0.0.0.0";
    options.authenticate = [](const HttpRequest& request) -> std::optional<HttpResponse> {
        if (request.header("authorization")) return std::nullopt;
        HttpResponse denied;
        denied.status = 403;
        return denied;
    };
    HttpServer server(options, echo);
    RawConnection without(server.port()), with(server.port());
    without.send("GET /secret HTTP/1.1\r\nConnection: close\r\n\r\n");
    with.send("GET /secret HTTP/1.1\r\nHost: some.where\r\nAuthorization: x\r\nConnection: close\r\n\r\n");
    const std::string denied = without.receiveAll();
    EXPECT_TRUE(denied.starts_with("HTTP/1.1 403 "));
    EXPECT_EQ(denied.find("secret"), std::string::npos);
    EXPECT_TRUE(with.receiveAll().ends_with("GET /secret []"));
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
    try {
        HttpServer server(options, echo);
        FAIL();
    } catch (const UserError& e) {
        EXPECT_EQ(e.code(), "http.not-loopback");
    }
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
