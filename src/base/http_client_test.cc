#include "base/http_client.h"

#include <gtest/gtest.h>

#include <chrono>
#include <thread>

#include "base/error.h"
#include "base/http_server.h"

namespace millrace {
namespace {

std::string codeOf(HttpClient& client, const HttpClientRequest& request) {
    try {
        client.send(request);
    } catch (const UserError& e) {
        return e.code();
    }
    return "";
}

TEST(HttpClient, sendsAndReceives) {
    HttpServer server({}, [](const HttpRequest& request) {
        HttpResponse response;
        response.status = request.path == "/missing" ? 404 : 202;
        response.body =
            request.method + " " + request.target + " " + request.body + " " + *request.header("x-one");
        response.headers = {{"X-Two", "2"}};
        return response;
    });
    auto client = makeCurlHttpClient();
    HttpClientRequest request;
    request.method = "PATCH";
    request.url = "http://" + server.address() + "/a/../b?c=d";
    request.headers = {{"X-One", "one"}};
    request.body = "body";
    const auto response = client->send(request);
    EXPECT_EQ(response.status, 202);
    EXPECT_EQ(response.body, "PATCH /a/../b?c=d body one");
    EXPECT_EQ(response.header("x-two"), "2");
    EXPECT_EQ(response.header("x-three"), "");
    request.method = "GET";
    request.body = "";
    request.url = "http://" + server.address() + "/missing";
    EXPECT_EQ(client->send(request).status, 404);
}

TEST(HttpClient, everythingIsBounded) {
    HttpServer server({}, [](const HttpRequest& request) {
        if (request.path == "/slow") std::this_thread::sleep_for(std::chrono::milliseconds(300));
        HttpResponse response;
        response.body = std::string(1000, 'x');
        return response;
    });
    auto client = makeCurlHttpClient();
    HttpClientRequest request;
    request.url = "http://" + server.address() + "/";
    request.response_size_max = 999;
    EXPECT_EQ(codeOf(*client, request), "http.too-large");
    request.response_size_max = 1000;
    EXPECT_EQ(codeOf(*client, request), "");
    request.url = "http://" + server.address() + "/slow";
    request.timeout_ms = 50;
    EXPECT_EQ(codeOf(*client, request), "http.timeout");
    request.url = "file:///etc/passwd";
    EXPECT_EQ(codeOf(*client, request), "http.unreachable");
    server.stop();
    request.url = "http://" + server.address() + "/";
    EXPECT_EQ(codeOf(*client, request), "http.unreachable");
}

}  // namespace
}  // namespace millrace
