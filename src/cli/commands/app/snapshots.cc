// millrace app snapshots list, create, describe, delete
#include <CLI/CLI.hpp>
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

std::shared_ptr<std::string> declareSnapshot(CLI::App& app, const char* values) {
    auto snapshot = std::make_shared<std::string>();
    app.add_option("SNAPSHOT", *snapshot, "its name")->required()->type_name(values);
    return snapshot;
}

Json describeSnapshot(const AppContext& context, const std::string& application,
                      const std::string& snapshot) {
    return context.api.call("DescribeApplicationSnapshot",
                            {{"ApplicationName", application}, {"SnapshotName", snapshot}});
}

std::string snapshotText(const Json& answer) {
    return snapshotsText(Json::array({memberOf(answer, "SnapshotDetails")}));
}

AppBody declareList(CLI::App& app) {
    auto name = declareApplication(app);
    return [=](const AppContext& context) {
        const Json answer = context.api.callPages("ListApplicationSnapshots", {{"ApplicationName", *name}},
                                                  "SnapshotSummaries", SIZE_MAX);
        context.print(answer, [&] { return snapshotsText(answer.at("SnapshotSummaries")); });
    };
}

AppBody declareCreate(CLI::App& app) {
    auto name = declareApplication(app);
    auto snapshot = declareSnapshot(app, "NEW");
    auto waiting = declareWaiting(app);
    return [=](const AppContext& context) {
        Json answer = context.api.call("CreateApplicationSnapshot",
                                       {{"ApplicationName", *name}, {"SnapshotName", *snapshot}});
        if (waiting->none) {
            context.print(answer, [&] { return fmt::format("{}: CREATING\n", *snapshot); });
            return;
        }
        waitUntil(fmt::format("the snapshot {} is not READY", *snapshot), *waiting->timeout, context.json,
                  [&](Progress& progress, std::chrono::milliseconds passed) {
                      answer = describeSnapshot(context, *name, *snapshot);
                      const std::string status = shown(memberOf(answer, "SnapshotDetails"), "SnapshotStatus");
                      progress.show(fmt::format("{}: {}, {}", *snapshot, status, shownDuration(passed)));
                      return status != "CREATING";
                  });
        if (const std::string status = shown(memberOf(answer, "SnapshotDetails"), "SnapshotStatus");
            status != "READY")
            throw AppFailure(
                ExitStatus::Failed, "OperationFailed",
                fmt::format("the snapshot {} is {}", *snapshot, status),
                fmt::format("`millrace app operations list {}` names the operation, `app operations "
                            "describe` shows why",
                            *name));
        context.print(answer, [&] { return snapshotText(answer); });
    };
}

AppBody declareDescribe(CLI::App& app) {
    auto name = declareApplication(app);
    auto snapshot = declareSnapshot(app, kSnapshotValue);
    return [=](const AppContext& context) {
        const Json answer = describeSnapshot(context, *name, *snapshot);
        context.print(answer, [&] { return snapshotText(answer); });
    };
}

AppBody declareDelete(CLI::App& app) {
    auto name = declareApplication(app);
    auto snapshot = declareSnapshot(app, kSnapshotValue);
    auto waiting = declareWaiting(app);
    return [=](const AppContext& context) {
        const Json known = describeSnapshot(context, *name, *snapshot);
        const Json answer = context.api.call(
            "DeleteApplicationSnapshot",
            {{"ApplicationName", *name},
             {"SnapshotName", *snapshot},
             {"SnapshotCreationTimestamp", known.at("SnapshotDetails").at("SnapshotCreationTimestamp")}});
        if (!waiting->none)
            waitUntil(
                "the deletion of " + *snapshot, *waiting->timeout, context.json,
                [&](Progress& progress, std::chrono::milliseconds passed) {
                    try {
                        describeSnapshot(context, *name, *snapshot);
                        progress.show(fmt::format("{}: DELETING, {}", *snapshot, shownDuration(passed)));
                        return false;
                    } catch (const AppFailure& failure) {
                        if (failure.status() != ExitStatus::NotFound) throw;
                        return true;
                    }
                });
        context.print(answer, [&] {
            return fmt::format("{}: {}\n", *snapshot, waiting->none ? "DELETING" : "deleted");
        });
    };
}

}  // namespace

std::vector<AppCommand> describeCommandsAppSnapshots() {
    return {{"snapshots", "list", "Lists an application's snapshots", declareList},
            {"snapshots", "create", "Makes a snapshot of a running application", declareCreate},
            {"snapshots", "describe", "Shows a snapshot", declareDescribe},
            {"snapshots", "delete", "Deletes a snapshot", declareDelete}};
}

}  // namespace millrace::cli
