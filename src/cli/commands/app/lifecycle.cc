// millrace app start, stop, rollback
#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "cli/app/application_text.h"
#include "cli/app/command.h"
#include "cli/app/configuration.h"
#include "cli/app/output.h"
#include "cli/app/waiting.h"

namespace millrace::cli {

using Json = nlohmann::json;

namespace {

AppBody declareStart(CLI::App& app) {
    auto name = declareApplication(app);
    auto restore = declareRestore(app);
    auto waiting = declareWaiting(app);
    return [=](const AppContext& context) {
        Json input{{"ApplicationName", *name}};
        if (const Json run = runConfiguration(*restore); !run.empty()) input["RunConfiguration"] = run;
        finishOperation(context, *name, context.api.call("StartApplication", input), *waiting);
    };
}

AppBody declareStop(CLI::App& app) {
    auto name = declareApplication(app);
    auto force = std::make_shared<bool>(false);
    app.add_flag("--force", *force, "at once and without a snapshot, whatever it is doing");
    auto waiting = declareWaiting(app);
    return [=](const AppContext& context) {
        Json input{{"ApplicationName", *name}};
        if (*force) input["Force"] = true;
        finishOperation(context, *name, context.api.call("StopApplication", input), *waiting);
    };
}

AppBody declareRollback(CLI::App& app) {
    auto name = declareApplication(app);
    auto waiting = declareWaiting(app);
    return [=](const AppContext& context) {
        const Json detail = describeApplication(context, *name);
        const Json answer = context.api.call(
            "RollbackApplication",
            {{"ApplicationName", *name}, {"CurrentApplicationVersionId", detail.at("ApplicationVersionId")}});
        finishOperation(context, *name, answer, *waiting);
    };
}

}  // namespace

std::vector<AppCommand> describeCommandsAppLifecycle() {
    return {{"", "start", "Starts an application, from its latest snapshot if it has one", declareStart},
            {"", "stop", "Stops an application, with a snapshot if it makes them", declareStop},
            {"", "rollback", "Returns an application to its version before, and to the snapshot of then",
             declareRollback}};
}

}  // namespace millrace::cli
