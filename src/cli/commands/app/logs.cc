// millrace app logs
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <thread>

#include "base/http_server.h"
#include "cli/app/command.h"
#include "cli/app/log_text.h"

namespace millrace::cli {

namespace {

constexpr std::chrono::milliseconds kFollowEvery(1000);
constexpr int64_t kLinesMax = 10'000;  // of one answer

struct Wanted {
    int64_t lines = 100;
    int64_t from = 0, to = 0;
    std::string level, text;
};

std::string pageOf(const std::string& application, const Wanted& wanted, int64_t from, int64_t lines) {
    std::string path = fmt::format("/logs?application={}&limit={}", encodePercent(application), lines);
    if (from > 0) path += fmt::format("&from={}", from);
    if (wanted.to > 0) path += fmt::format("&to={}", wanted.to);
    if (!wanted.level.empty()) path += "&level=" + encodePercent(wanted.level);
    if (!wanted.text.empty()) path += "&text=" + encodePercent(wanted.text);
    return path;
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
    auto wanted = std::make_shared<Wanted>();
    auto follow = std::make_shared<bool>(false);
    app.add_option("--lines", wanted->lines, "so many of the last ones, at most 10000")
        ->capture_default_str()
        ->check(CLI::Range(int64_t{1}, kLinesMax));
    app.add_option("--from", wanted->from, "seconds since the epoch");
    app.add_option("--to", wanted->to, "seconds since the epoch");
    app.add_option("--level", wanted->level, "lines of this level")
        ->transform(CLI::IsMember({"DEBUG", "INFO", "WARN", "ERROR"}, CLI::ignore_case));
    app.add_option("--text", wanted->text, "lines with this text in them");
    app.add_flag("--follow", *follow, "goes on with what comes, until Ctrl-C");
    return [=](const AppContext& context) {
        LogTail tail;
        printLines(tail.news(context.api.textPage(pageOf(*name, *wanted, wanted->from, wanted->lines))),
                   context.json);
        while (*follow) {
            std::this_thread::sleep_for(kFollowEvery);
            const int64_t from = std::max(wanted->from, tail.knownFrom());
            printLines(tail.news(context.api.textPage(pageOf(*name, *wanted, from, kLinesMax))),
                       context.json);
        }
    };
}

}  // namespace

std::vector<AppCommand> describeCommandsAppLogs() {
    return {{"", "logs", "Shows the end of an application's log, and follows it", declareLogs}};
}

}  // namespace millrace::cli
