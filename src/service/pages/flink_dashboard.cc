// /flinkdashboard: the dashboard and the Flink REST API of the application that a presigned link opens.
//
// A browser that follows a link is led to /flinkdashboard/@<application>/, where the page finds the REST API
// below its own address; the token is then a cookie of that path, so that dashboards of several applications
// can be open at once, and is in no address that the browser remembers. Scripts send the token as `authToken`
// with every request, to /flinkdashboard/<path of the REST API>.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string>

#include "base/error.h"
#include "base/http_client.h"
#include "service/page.h"
#include "service/presigned_urls.h"

namespace millrace {

namespace {

constexpr std::string_view kPath = "/flinkdashboard";
constexpr int kTimeoutMs = 5'000;  // a cluster that hangs must not hold up those who ask for others
constexpr std::string_view kToken = "authToken";
constexpr std::string_view kCookie = "millrace-dashboard";
// What a cluster says of its answer beside what type it has.
constexpr std::array kForwardedHeaders = {"Content-Security-Policy", "X-Content-Type-Options",
                                          "Referrer-Policy"};

// The answer to a browser's navigation, where a script is told the message alone.
struct Trouble {
    int status = 0;
    std::string title;
    std::string message;
    std::string command = {};  // that helps
    bool passes = false;       // asking again helps
};

// Taken apart: /flinkdashboard/@<application><rest>, or /flinkdashboard<rest>.
struct Asked {
    std::string application;  // "" if the path names none
    std::string rest;
};

Asked askedBy(const HttpRequest& request) {
    Asked asked{"", request.path.substr(kPath.size())};
    if (!asked.rest.starts_with("/@")) return asked;
    const size_t end = std::min(asked.rest.find('/', 2), asked.rest.size());
    asked.application = asked.rest.substr(2, end - 2);
    asked.rest.erase(0, end);
    return asked;
}

bool isNavigation(const HttpRequest& request) {
    const std::string* const accepted = request.header("accept");
    return accepted != nullptr && accepted->find("text/html") != std::string::npos;
}

// Browsers keep cookies by host and not by port: two services on one host may have an application of one
// name.
std::string cookieName(const HttpRequest& request) {
    const std::string* const host = request.header("host");
    const size_t colon = host == nullptr ? std::string::npos : host->find_last_of(":]");
    if (colon == std::string::npos || (*host)[colon] == ']') return std::string(kCookie);
    const std::string port = host->substr(colon + 1);
    const bool digits = port.find_first_not_of("0123456789") == std::string::npos;
    return port.empty() || !digits ? std::string(kCookie) : fmt::format("{}-{}", kCookie, port);
}

std::string cookieOf(const HttpRequest& request) {
    const std::string* const header = request.header("cookie");
    if (header == nullptr) return "";
    const std::string wanted = cookieName(request) + "=";
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

// Where the cluster is to be asked: the path, and the query without the token.
std::string targetOf(const HttpRequest& request, const Asked& asked) {
    std::string target = encodePercent(asked.rest, true);
    if (asked.application.empty() && (target.empty() || target == "/")) target = "/overview";
    char separator = '?';
    for (const auto& [name, value] : request.query) {
        if (name == kToken) continue;
        target += fmt::format("{}{}={}", separator, encodePercent(name), encodePercent(value));
        separator = '&';
    }
    return target;
}

std::string cookie(const HttpRequest& request, const std::string& token, const std::string& path) {
    // Lax, not Strict: a link may stand on another site's page, and leads here by a redirection.
    return fmt::format("{}={}; Path={}; HttpOnly; SameSite=Lax", cookieName(request), token, path);
}

Application openedBy(ServiceContext& context, const std::string& token, const Asked& asked) {
    const auto id = context.presigned_urls.open(token, context.nowSeconds());
    const auto application = id ? context.store.findApplication(*id) : std::nullopt;
    if (application && (asked.application.empty() || asked.application == application->name))
        return *application;
    throw Trouble{
        403, "This link does not open a dashboard any more.",
        "The link is not one of this service's, was not used within three minutes, or has ended, as all "
        "do when the service is started again: CreateApplicationPresignedUrl gives a new one.",
        fmt::format("millrace app url {}", asked.application.empty() ? "<application>" : asked.application)};
}

ClusterRecord clusterOf(ServiceContext& context, const Application& application) {
    const auto cluster = context.store.findCluster(application.id);
    if (cluster && cluster->port != 0) return *cluster;
    const bool stopped = application.status == ApplicationStatus::Ready;
    throw Trouble{503, fmt::format("{} has no running cluster.", application.name),
                  fmt::format("The application is {}: it has no running cluster at the moment.",
                              toText(application.status)),
                  stopped ? fmt::format("millrace app start {}", application.name) : "", true};
}

HttpResponse redirection(const HttpRequest& request, const std::string& path, const std::string& token) {
    HttpResponse response;
    response.status = 303;
    response.content_type = "text/plain; charset=utf-8";
    response.headers = {{"Location", path}, {"Cache-Control", "no-store"}};
    if (!token.empty())
        response.headers.emplace_back("Set-Cookie", cookie(request, token, path.substr(0, path.size() - 1)));
    return response;
}

HttpResponse forward(ServiceContext& context, const HttpRequest& request, const Asked& asked,
                     const Application& application) {
    HttpClientRequest forwarded;
    forwarded.method = request.method;
    forwarded.timeout_ms = kTimeoutMs;
    forwarded.url = clusterUrl(clusterOf(context, application)) + targetOf(request, asked);
    HttpClientResponse answer;
    try {
        answer = context.http.send(forwarded);
    } catch (const UserError& error) {
        throw Trouble{503, fmt::format("The cluster of {} does not answer.", application.name),
                      fmt::format("It is asked in vain: {}.", error.problem().message), "", true};
    }
    HttpResponse response;
    response.status = answer.status;
    response.content_type = answer.header("content-type");
    response.body = std::move(answer.body);
    response.headers.emplace_back("Cache-Control", "no-store");
    for (const char* name : kForwardedHeaders)
        if (const std::string value = answer.header(name); !value.empty())
            response.headers.emplace_back(name, value);
    return response;
}

HttpResponse answer(ServiceContext& context, const HttpRequest& request) {
    const Asked asked = askedBy(request);
    const std::string* const given = request.queryParameter(kToken);
    const std::string token = given != nullptr ? *given : cookieOf(request);
    const Application application = openedBy(context, token, asked);
    const std::string page = fmt::format("{}/@{}/", kPath, application.name);
    if (asked.application.empty() && (asked.rest.empty() || asked.rest == "/") && isNavigation(request))
        return redirection(request, page, token);
    if (!asked.application.empty() && asked.rest.empty())
        return redirection(request, page, given != nullptr ? token : "");
    HttpResponse response = forward(context, request, asked, application);
    if (given != nullptr)
        response.headers.emplace_back("Set-Cookie", cookie(request, token, std::string(kPath)));
    return response;
}

std::string escaped(std::string_view text) {
    std::string html;
    for (const char c : text) {
        switch (c) {
            case '&':
                html += "&amp;";
                break;
            case '<':
                html += "&lt;";
                break;
            case '>':
                html += "&gt;";
                break;
            case '"':
                html += "&quot;";
                break;
            default:
                html += c;
        }
    }
    return html;
}

HttpResponse troublePage(const Trouble& trouble) {
    HttpResponse response;
    response.status = trouble.status;
    response.content_type = "text/html; charset=utf-8";
    response.headers = {
        {"Cache-Control", "no-store"},
        {"Content-Security-Policy",
         "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'"},
        {"X-Content-Type-Options", "nosniff"},
        {"Referrer-Policy", "no-referrer"}};
    const std::string help =
        trouble.command.empty()
            ? ""
            : fmt::format("<p>On the machine of the service:</p><pre>{}</pre>", escaped(trouble.command));
    response.body = fmt::format(
        R"(<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
{}<title>Millrace</title>
<style>
:root {{ color-scheme: light dark; --page: #f4f6f8; --card: #fff; --ink: #16212b; --rule: #dde3e9; --sunk: #eef1f4; }}
@media (prefers-color-scheme: dark) {{ :root {{ --page: #0f161c; --card: #18222b; --ink: #e6edf3; --rule: #2b3843; --sunk: #111a21; }} }}
body {{ margin: 0; padding: 12vh 16px; background: var(--page); color: var(--ink); font: 16px/1.5 system-ui, sans-serif; }}
main {{ max-width: 560px; margin: auto; padding: 8px 28px 20px; background: var(--card); border: 1px solid var(--rule); border-radius: 12px; }}
h1 {{ font-size: 21px; overflow-wrap: anywhere; }}
pre {{ padding: 12px 14px; border-radius: 8px; background: var(--sunk); white-space: pre-wrap; overflow-wrap: anywhere; }}
</style></head>
<body><main><h1>{}</h1><p>{}</p>{}{}</main></body></html>
)",
        trouble.passes ? "<meta http-equiv=\"refresh\" content=\"5\">\n" : "", escaped(trouble.title),
        escaped(trouble.message), help,
        trouble.passes ? "<p>This page asks again every five seconds.</p>" : "");
    return response;
}

HttpResponse handle(ServiceContext& context, const HttpRequest& request) {
    try {
        return answer(context, request);
    } catch (const Trouble& trouble) {
        if (isNavigation(request)) return troublePage(trouble);
        throw PageError(trouble.status, trouble.message);
    }
}

}  // namespace

PageDescription describePagesFlinkDashboard() {
    return {
        std::string(kPath),
        "The dashboard and the Flink REST API of the application that a presigned link opens, for reading.",
        handle};
}

}  // namespace millrace
