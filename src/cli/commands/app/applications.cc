// millrace app list, describe, delete, wait, url
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <iostream>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "cli/app/application_text.h"
#include "cli/app/command.h"
#include "cli/app/failure.h"
#include "cli/app/output.h"
#include "cli/app/waiting.h"

namespace millrace::cli {

using Json = nlohmann::json;

namespace {

AppBody declareList(CLI::App&) {
    return [](const AppContext& context) {
        const Json answer =
            context.api.callPages("ListApplications", Json::object(), "ApplicationSummaries", SIZE_MAX);
        context.print(answer, [&] {
            TextTable table({"NAME", "STATUS", "VERSION", "RUNTIME"});
            for (const Json& one : answer.at("ApplicationSummaries"))
                table.add({shown(one, "ApplicationName"), shown(one, "ApplicationStatus"),
                           shown(one, "ApplicationVersionId"), shown(one, "RuntimeEnvironment")});
            return table.render();
        });
    };
}

// The update that was the last to end, if it was measured: how long nothing ran.
std::string lastDowntime(const AppContext& context, const std::string& name, const Json& operations) {
    for (const Json& operation : operations) {
        if (memberOf(operation, "Operation") != "UpdateApplication" ||
            memberOf(operation, "OperationStatus") != "SUCCESSFUL")
            continue;
        const Json answer =
            context.api.call("DescribeApplicationOperation",
                             {{"ApplicationName", name}, {"OperationId", shown(operation, "OperationId")}});
        const Json& downtime =
            memberOf(memberOf(answer, "ApplicationOperationInfoDetails"), "DowntimeMilliseconds");
        if (!downtime.is_number_integer()) return "";
        return fmt::format("The last update stopped the job for {}.\n",
                           shownDuration(std::chrono::milliseconds(downtime.get<int64_t>())));
    }
    return "";
}

std::string surroundings(const AppContext& context, const std::string& name) {
    const Json of{{"ApplicationName", name}};
    const Json operations =
        context.api.callPages("ListApplicationOperations", of, "ApplicationOperationInfoList", 5)
            .at("ApplicationOperationInfoList");
    const Json snapshots =
        context.api.callPages("ListApplicationSnapshots", of, "SnapshotSummaries", 5).at("SnapshotSummaries");
    std::string text;
    if (!operations.empty())
        text += "\nLast operations\n" + operationsText(operations, "  ") +
                lastDowntime(context, name, operations);
    if (!snapshots.empty()) text += "\nLast snapshots\n" + snapshotsText(snapshots, "  ");
    return text;
}

AppBody declareDescribe(CLI::App& app) {
    auto name = declareApplication(app);
    auto plan = std::make_shared<bool>(false);
    app.add_flag("--plan", *plan, "adds the running job's plan to the JSON");
    return [=](const AppContext& context) {
        Json input{{"ApplicationName", *name}};
        if (*plan) input["IncludeAdditionalDetails"] = true;
        const Json answer = context.api.call("DescribeApplication", input);
        context.print(answer, [&] {
            return applicationText(answer.at("ApplicationDetail")) + surroundings(context, *name);
        });
    };
}

void confirm(const std::string& name) {
    if (!isatty(STDIN_FILENO) || !isatty(STDERR_FILENO)) return;
    fmt::print(stderr, "Delete {} with its snapshots? Its name again: ", name);
    std::string answer;
    std::getline(std::cin, answer);
    if (answer != name) throw usageFailure("nothing was deleted", "--yes does not ask");
}

AppBody declareDelete(CLI::App& app) {
    auto name = declareApplication(app);
    auto waiting = declareWaiting(app);
    auto yes = std::make_shared<bool>(false);
    app.add_flag("--yes", *yes, "does not ask; asked is only on a terminal");
    return [=](const AppContext& context) {
        const Json detail = describeApplication(context, *name);
        if (!*yes) confirm(*name);
        const Json answer =
            context.api.call("DeleteApplication",
                             {{"ApplicationName", *name}, {"CreateTimestamp", detail.at("CreateTimestamp")}});
        if (!waiting->none)
            waitUntil(*name + " is not deleted", *waiting->timeout, context.json,
                      [&](Progress& progress, std::chrono::milliseconds passed) {
                          try {
                              const Json now = describeApplication(context, *name);
                              if (now.at("CreateTimestamp") != detail.at("CreateTimestamp")) return true;
                              progress.show(fmt::format("{}: {}, {}", *name, shown(now, "ApplicationStatus"),
                                                        shownDuration(passed)));
                              return false;
                          } catch (const AppFailure& failure) {
                              if (failure.status() != ExitStatus::NotFound) throw;
                              return true;
                          }
                      });
        context.print(answer,
                      [&] { return fmt::format("{}: {}\n", *name, waiting->none ? "DELETING" : "deleted"); });
    };
}

constexpr const char* kDeleted = "DELETED";

// The status, or kDeleted.
std::string statusOf(const AppContext& context, const std::string& name, Json& detail) {
    try {
        detail = describeApplication(context, name);
        return shown(detail, "ApplicationStatus");
    } catch (const AppFailure& failure) {
        if (failure.status() != ExitStatus::NotFound) throw;
        return kDeleted;
    }
}

void awaitStatus(const AppContext& context, const std::string& name, const std::string& wanted,
                 const std::string& timeout, Json& detail) {
    bool changing = false, first = true;
    waitUntil(wanted.empty() ? name + " has not come to rest" : fmt::format("{} is not {}", name, wanted),
              timeout, context.json, [&](Progress& progress, std::chrono::milliseconds passed) {
                  const std::string status = statusOf(context, name, detail);
                  if (status == wanted || (wanted.empty() && !first && status == kDeleted)) return true;
                  if (status == kDeleted)
                      throw apiFailure("DescribeApplication", 400, "ResourceNotFoundException",
                                       "Application not found: " + name);
                  if (wanted.empty() && isSettled(status)) return true;
                  // It was on its way, and came to rest elsewhere.
                  if (changing && isSettled(status))
                      throw AppFailure(ExitStatus::Failed, "OperationFailed",
                                       fmt::format("{} is {}, not {}", name, status, wanted),
                                       fmt::format("`millrace app operations list {}` shows why", name));
                  changing = changing || !isSettled(status);
                  first = false;
                  progress.show(fmt::format("{}: {}, {}", name, status, shownDuration(passed)));
                  return false;
              });
}

AppBody declareWait(CLI::App& app) {
    auto name = declareApplication(app);
    auto status = std::make_shared<std::string>();
    auto operation = std::make_shared<std::string>();
    auto* wanted = app.add_option("--for", *status,
                                  "the status to wait for; without, any that does not change by itself")
                       ->check(CLI::IsMember({"READY", "STARTING", "RUNNING", "STOPPING", "UPDATING",
                                              "ROLLED_BACK", kDeleted}));
    app.add_option("--operation", *operation, "the operation that is to end, and well")
        ->type_name("OPERATION")
        ->excludes(wanted);
    auto timeout = declareTimeout(app);
    return [=](const AppContext& context) {
        if (!operation->empty()) {
            const Json answer = awaitOperation(context, *name, *operation, *timeout);
            context.print(answer, [&] {
                return operationText(memberOf(answer, "ApplicationOperationInfoDetails"), *operation);
            });
            return;
        }
        Json detail = Json::object();
        awaitStatus(context, *name, *status, *timeout, detail);
        const bool gone = *status == kDeleted || detail.empty();
        context.print(gone ? Json::object() : Json{{"ApplicationDetail", detail}},
                      [&] { return fmt::format("{}: {}\n", *name, gone ? "deleted" : statusText(detail)); });
    };
}

AppBody declareUrl(CLI::App& app) {
    auto name = declareApplication(app);
    auto session = std::make_shared<int64_t>(0);
    app.add_option("--session", *session, "how many seconds it can be used; else 12 hours")
        ->check(CLI::Range(int64_t{1800}, int64_t{43200}));
    return [=](const AppContext& context) {
        Json input{{"ApplicationName", *name}, {"UrlType", "FLINK_DASHBOARD_URL"}};
        if (*session) input["SessionExpirationDurationInSeconds"] = *session;
        const Json answer = context.api.call("CreateApplicationPresignedUrl", input);
        context.print(answer, [&] { return shown(answer, "AuthorizedUrl") + "\n"; });
    };
}

}  // namespace

std::vector<AppCommand> describeCommandsAppApplications() {
    return {{"", "list", "Lists the applications", declareList},
            {"", "describe", "Shows an application, its last operations and its snapshots", declareDescribe},
            {"", "delete", "Deletes an application and its snapshots", declareDelete},
            {"", "wait", "Waits until an application is in a status, or an operation has ended", declareWait},
            {"", "url", "Makes a link to the running job, to be opened within three minutes", declareUrl}};
}

}  // namespace millrace::cli
