// /flinkdashboard: the Flink REST API of the application that a presigned link opens. The token comes as
// `authToken` with every request, as scripts send it, or, once a browser has followed the link, as a cookie.
#include <fmt/format.h>

#include <string>

#include "base/http_client.h"
#include "service/page.h"
#include "service/presigned_urls.h"

namespace millrace {

namespace {

constexpr std::string_view kPath = "/flinkdashboard";
constexpr int kTimeoutMs = 5'000;  // a cluster that hangs must not hold up those who ask for others
constexpr std::string_view kToken = "authToken";
constexpr std::string_view kCookie = "millrace-dashboard";

std::string cookieOf(const HttpRequest& request) {
    const std::string* const header = request.header("cookie");
    if (header == nullptr) return "";
    const std::string wanted = fmt::format("{}=", kCookie);
    for (size_t at = 0; at < header->size();) {
        while (at < header->size() && (*header)[at] == ' ')
            ++at;
        const size_t end = std::min(header->find(';', at), header->size());
        if (header->compare(at, wanted.size(), wanted) == 0)
            return header->substr(at + wanted.size(), end - at - wanted.size());
        at = end + 1;
    }
    return "";
}

// Where the cluster is to be asked: the path below, and the query without the token.
std::string targetOf(const HttpRequest& request) {
    std::string target = encodePercent(request.path.substr(kPath.size()), true);
    if (target.empty() || target == "/") target = "/overview";
    char separator = '?';
    for (const auto& [name, value] : request.query) {
        if (name == kToken) continue;
        target += fmt::format("{}{}={}", separator, encodePercent(name), encodePercent(value));
        separator = '&';
    }
    return target;
}

HttpResponse handle(ServiceContext& context, const HttpRequest& request) {
    const std::string* const given = request.queryParameter(kToken);
    const std::string token = given != nullptr ? *given : cookieOf(request);
    const auto id = context.presigned_urls.open(token, context.nowSeconds());
    if (!id)
        throw PageError(403,
                        "The link is not one of this service's, was not used within three minutes, or has "
                        "ended: CreateApplicationPresignedUrl gives a new one.");
    const auto cluster = context.store.findCluster(*id);
    if (!cluster || cluster->port == 0)
        throw PageError(503, "The application has no running cluster at the moment.");
    HttpClientRequest forwarded;
    forwarded.method = request.method;
    forwarded.timeout_ms = kTimeoutMs;
    forwarded.url = clusterUrl(*cluster) + targetOf(request);
    HttpClientResponse answer = context.http.send(forwarded);
    HttpResponse response;
    response.status = answer.status;
    response.content_type = answer.header("content-type");
    response.body = std::move(answer.body);
    response.headers.emplace_back("Cache-Control", "no-store");
    if (given != nullptr)
        response.headers.emplace_back(
            "Set-Cookie", fmt::format("{}={}; Path={}; HttpOnly; SameSite=Strict", kCookie, token, kPath));
    return response;
}

}  // namespace

PageDescription describePagesFlinkDashboard() {
    return {std::string(kPath),
            "The Flink REST API of the application that a presigned link opens, for reading.", handle};
}

}  // namespace millrace
