// millrace app logs
#include <CLI/CLI.hpp>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <thread>

#include "base/error.h"
#include "base/http_client.h"
#include "cli/app/command.h"
#include "cli/app/failure.h"
#include "cli/app/log_text.h"
#include "cli/app/output.h"

namespace millrace::cli {

using Json = nlohmann::json;

namespace {

constexpr std::chrono::milliseconds kFollowEvery(1000);

// The link opens the cluster's Flink REST API, below its path and with its token.
std::string logUrl(const std::string& authorized_url) {
    const size_t query = authorized_url.find('?');
    std::string path = authorized_url.substr(0, query);
    while (path.ends_with('/'))
        path.pop_back();
    return path + "/jobmanager/log" + (query == std::string::npos ? "" : authorized_url.substr(query));
}

std::string fetchLog(HttpClient& http, const std::string& url, const std::string& application) {
    HttpClientRequest request;
    request.url = url;
    HttpClientResponse response;
    try {
        response = http.send(request);
    } catch (const UserError& error) {
        throw AppFailure(ExitStatus::Unreachable, "ServiceUnreachable",
                         fmt::format("the log of {} cannot be read: {}", application, error.what()), "");
    }
    if (response.status == 200) return std::move(response.body);
    const bool none = response.status == 404;
    throw AppFailure(none ? ExitStatus::Unsupported : ExitStatus::Conflict, none ? "NoLog" : "NotRunning",
                     fmt::format("the log of {} cannot be read: status {}: {}", application, response.status,
                                 response.body.substr(0, 200)),
                     none ? "" : "only a running application has a cluster to ask");
}

void printLines(const std::string& text, bool json) {
    for (size_t at = 0; at < text.size();) {
        const size_t end = text.find('\n', at);
        const std::string line = text.substr(at, end - at);
        std::fputs(((json ? line : logLineText(line)) + "\n").c_str(), stdout);
        at = end + 1;
    }
    std::fflush(stdout);
}

AppBody declareLogs(CLI::App& app) {
    auto name = declareApplication(app);
    auto lines = std::make_shared<size_t>(100);
    auto follow = std::make_shared<bool>(false);
    app.add_option("--lines", *lines, "so many of the last ones; 0 for all that are there")
        ->capture_default_str();
    app.add_flag("--follow", *follow, "goes on with what comes, until Ctrl-C");
    return [=](const AppContext& context) {
        const Json answer =
            context.api.call("CreateApplicationPresignedUrl",
                             {{"ApplicationName", *name}, {"UrlType", "FLINK_DASHBOARD_URL"}});
        const std::string url = logUrl(shown(answer, "AuthorizedUrl"));
        const auto http = makeCurlHttpClient();
        LogTail tail;
        for (;;) {
            printLines(tail.news(fetchLog(*http, url, *name), *lines), context.json);
            if (!*follow) return;
            std::this_thread::sleep_for(kFollowEvery);
        }
    };
}

}  // namespace

std::vector<AppCommand> describeCommandsAppLogs() {
    return {{"", "logs", "Shows the end of the running cluster's log, and follows it", declareLogs}};
}

}  // namespace millrace::cli
