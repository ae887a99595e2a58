// Sends one request again and again at a fixed rate over many kept connections, whether or not answers come
// (an open loop): how long each took is counted from when it was due, so that a server that falls behind does
// not slow down what measures it. Prints one line of JSON.
//
// usage: bench_service_open_loop PORT ACTION BODY RATE CONNECTIONS SECONDS
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <string>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;

struct Connection {
    int fd = -1;
    std::deque<Clock::time_point> due;  // requests sent or waiting to be, oldest first
    bool busy = false;                  // its first request is under way
    std::string input;
};

[[noreturn]] void fail(const char* what) {
    std::perror(what);
    std::exit(1);
}

int connectTo(int port) {
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) fail("connect");
    const int one = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    fcntl(fd, F_SETFL, O_NONBLOCK);
    return fd;
}

class Load {
  public:
    Load(int port, const std::string& action, const std::string& body, size_t connections)
        : request_("POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Amz-Target: KinesisAnalytics_20180523." + action +
                   "\r\nContent-Type: application/x-amz-json-1.1\r\nContent-Length: " +
                   std::to_string(body.size()) + "\r\n\r\n" + body),
          epoll_(epoll_create1(EPOLL_CLOEXEC)),
          connections_(connections) {
        for (size_t i = 0; i < connections; ++i) {
            connections_[i].fd = connectTo(port);
            epoll_event event{};
            event.events = EPOLLIN;
            event.data.u64 = i;
            epoll_ctl(epoll_, EPOLL_CTL_ADD, connections_[i].fd, &event);
        }
    }

    void run(double rate, double seconds) {
        const auto total = static_cast<size_t>(rate * seconds);
        const auto start = Clock::now();
        size_t sent = 0;
        while (latencies_ms_.size() + failed_ < total) {
            const auto due = [&](size_t i) {
                return start +
                       std::chrono::nanoseconds(static_cast<int64_t>(static_cast<double>(i) / rate * 1e9));
            };
            while (sent < total && due(sent) <= Clock::now()) {
                Connection& connection = connections_[sent % connections_.size()];
                connection.due.push_back(due(sent++));
                if (!connection.busy) send(connection);
            }
            const auto pause =
                sent < total ? due(sent) - Clock::now() : std::chrono::nanoseconds(100'000'000);
            const timespec timeout{0, std::clamp<long>(pause.count(), 0, 100'000'000)};
            epoll_event events[64];
            const int ready = epoll_pwait2(epoll_, events, 64, &timeout, nullptr);
            for (int i = 0; i < ready; ++i)
                receive(connections_[events[i].data.u64]);
        }
        report(total, std::chrono::duration<double>(Clock::now() - start).count());
    }

  private:
    void send(Connection& connection) {
        connection.busy = true;
        if (::send(connection.fd, request_.data(), request_.size(), MSG_NOSIGNAL) !=
            static_cast<ssize_t>(request_.size()))
            fail("send");
    }

    void receive(Connection& connection) {
        char chunk[65536];
        const ssize_t size = recv(connection.fd, chunk, sizeof chunk, 0);
        if (size < 0 && errno == EAGAIN) return;
        if (size <= 0) fail("recv");
        connection.input.append(chunk, static_cast<size_t>(size));
        const size_t end = connection.input.find("\r\n\r\n");
        if (end == std::string::npos) return;
        const size_t length = connection.input.find("Content-Length: ");
        if (length == std::string::npos || length > end) fail("an answer without a length");
        const size_t body = std::strtoull(connection.input.c_str() + length + 16, nullptr, 10);
        if (connection.input.size() < end + 4 + body) return;
        if (connection.input.compare(9, 3, "200") == 0)
            latencies_ms_.push_back(
                std::chrono::duration<double, std::milli>(Clock::now() - connection.due.front()).count());
        else
            ++failed_;
        connection.input.clear();
        connection.due.pop_front();
        connection.busy = false;
        if (!connection.due.empty()) send(connection);
    }

    void report(size_t total, double seconds) {
        std::sort(latencies_ms_.begin(), latencies_ms_.end());
        const auto at = [&](double share) {
            if (latencies_ms_.empty()) return 0.0;
            return latencies_ms_[std::min(
                latencies_ms_.size() - 1,
                static_cast<size_t>(share * static_cast<double>(latencies_ms_.size())))];
        };
        std::printf(
            "{\"requests\": %zu, \"failed\": %zu, \"per_second\": %.1f, \"p50_ms\": %.3f, \"p99_ms\": %.3f, "
            "\"p999_ms\": %.3f, \"max_ms\": %.3f}\n",
            total, failed_, static_cast<double>(total) / seconds, at(0.5), at(0.99), at(0.999), at(1.0));
    }

    const std::string request_;
    const int epoll_;
    std::vector<Connection> connections_;
    std::vector<double> latencies_ms_;
    size_t failed_ = 0;
};

}  // namespace

int main(int argc, char** argv) {
    if (argc != 7) {
        std::fprintf(stderr, "usage: %s PORT ACTION BODY RATE CONNECTIONS SECONDS\n", argv[0]);
        return 2;
    }
    Load load(std::atoi(argv[1]), argv[2], argv[3], std::strtoull(argv[5], nullptr, 10));
    load.run(std::atof(argv[4]), std::atof(argv[6]));
    return 0;
}
