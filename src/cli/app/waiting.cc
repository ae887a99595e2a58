#include "cli/app/waiting.h"

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>
#include <thread>

#include "base/configuration.h"
#include "base/error.h"
#include "cli/app/failure.h"

namespace millrace::cli {

using Json = nlohmann::json;
using std::chrono::milliseconds;

milliseconds parseTimeout(const std::string& text) {
    int64_t seconds = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
    if (error == std::errc() && end == text.data() + text.size() && seconds >= 0 && seconds <= 1'000'000'000)
        return milliseconds(seconds * 1000);
    try {
        return milliseconds(parseConfigValue<Duration>("--timeout", text).ms);
    } catch (const UserError& problem) {
        throw usageFailure(problem.what(), "write it as 30, 30s or 5min");
    }
}

void waitUntil(const std::string& what, const std::string& timeout, bool json,
               const std::function<bool(Progress&, milliseconds)>& done) {
    const auto patience = parseTimeout(timeout);
    const auto start = std::chrono::steady_clock::now();
    Progress progress(!json);
    milliseconds pause(50);
    for (;;) {
        const auto passed =
            std::chrono::duration_cast<milliseconds>(std::chrono::steady_clock::now() - start);
        if (done(progress, passed)) return;
        if (passed >= patience)
            throw AppFailure(ExitStatus::Timeout, "Timeout",
                             fmt::format("{} within {}", what, shownDuration(patience)),
                             "what is under way goes on; a longer --timeout waits for it");
        std::this_thread::sleep_for(std::min(pause, patience - passed));
        pause = std::min(pause * 3 / 2, milliseconds(1000));
    }
}

Json describeApplication(const AppContext& context, const std::string& application) {
    return context.api.call("DescribeApplication", {{"ApplicationName", application}})
        .at("ApplicationDetail");
}

Json awaitOperation(const AppContext& context, const std::string& application,
                    const std::string& operation_id, const std::string& timeout) {
    Json answer;
    waitUntil(fmt::format("operation {} of {} has not ended", operation_id, application), timeout,
              context.json, [&](Progress& progress, milliseconds passed) {
                  answer = context.api.call("DescribeApplicationOperation", {{"ApplicationName", application},
                                                                             {"OperationId", operation_id}});
                  const Json& details = memberOf(answer, "ApplicationOperationInfoDetails");
                  if (memberOf(details, "OperationStatus") != "IN_PROGRESS") return true;
                  progress.show(fmt::format("{}: {}, {}", application, shown(details, "Operation"),
                                            shownDuration(passed)));
                  return false;
              });
    const Json& details = memberOf(answer, "ApplicationOperationInfoDetails");
    const std::string status = shown(details, "OperationStatus");
    if (status == "SUCCESSFUL") return answer;
    const Json& failure = memberOf(details, "OperationFailureDetails");
    std::string message = fmt::format("{} of {} is {}", shown(details, "Operation"), application, status);
    if (const std::string why = shown(memberOf(failure, "ErrorInfo"), "ErrorString"); !why.empty())
        message += ": " + why;
    std::string hint =
        fmt::format("`millrace app operations describe {} {}` shows it", application, operation_id);
    if (const std::string rollback = shown(failure, "RollbackOperationId"); !rollback.empty())
        hint += fmt::format("; it was rolled back by the operation {}", rollback);
    throw AppFailure(ExitStatus::Failed, "OperationFailed", message, hint);
}

bool isSettled(const std::string& status) {
    return status == "READY" || status == "RUNNING" || status == "ROLLED_BACK";
}

}  // namespace millrace::cli
