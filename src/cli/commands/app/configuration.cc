// millrace app create, update
#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "cli/app/application_text.h"
#include "cli/app/command.h"
#include "cli/app/configuration.h"
#include "cli/app/failure.h"
#include "cli/app/output.h"
#include "cli/app/tags.h"
#include "cli/app/waiting.h"

namespace millrace::cli {

using Json = nlohmann::json;

namespace {

// The API wants a role. Nobody assumes it as long as nothing that needs one is configured.
constexpr const char* kDefaultRole = "arn:aws:iam::000000000000:role/millrace";
constexpr const char* kDefaultRuntime = "FLINK-1_20";

AppBody declareCreate(CLI::App& app) {
    auto name = std::make_shared<std::string>();
    app.add_option("NAME", *name, "of the application")->required()->type_name("NEW");
    auto settings = declareSettings(app, false);
    auto tags = std::make_shared<std::vector<std::string>>();
    app.add_option("--tag", *tags, "key=value; repeatable")->type_name("TAG")->allow_extra_args(false);
    return [=](const AppContext& context) {
        Json input{{"ApplicationName", *name},
                   {"RuntimeEnvironment", settings->runtime.empty() ? kDefaultRuntime : settings->runtime},
                   {"ServiceExecutionRole", settings->role.empty() ? kDefaultRole : settings->role}};
        if (!settings->description.empty()) input["ApplicationDescription"] = settings->description;
        if (Json configuration = applicationConfiguration(*settings); !configuration.empty())
            input["ApplicationConfiguration"] = std::move(configuration);
        if (!tags->empty()) input["Tags"] = parseTags(*tags);
        const Json answer = context.api.call("CreateApplication", input);
        context.print(answer, [&] {
            return fmt::format("{}: {}\n", *name, statusText(memberOf(answer, "ApplicationDetail")));
        });
    };
}

AppBody declareUpdate(CLI::App& app) {
    auto name = declareApplication(app);
    auto settings = declareSettings(app, true);
    auto restore = declareRestore(app);
    auto waiting = declareWaiting(app);
    return [=](const AppContext& context) {
        const Json detail = describeApplication(context, *name);
        Json input = Json::object();
        const Json& properties = memberOf(memberOf(detail, "ApplicationConfigurationDescription"),
                                          "EnvironmentPropertyDescriptions");
        if (Json update = applicationConfigurationUpdate(*settings, properties); !update.empty())
            input["ApplicationConfigurationUpdate"] = std::move(update);
        if (!settings->runtime.empty()) input["RuntimeEnvironmentUpdate"] = settings->runtime;
        if (!settings->role.empty()) input["ServiceExecutionRoleUpdate"] = settings->role;
        if (Json run = runConfiguration(*restore); !run.empty())
            input["RunConfigurationUpdate"] = std::move(run);
        if (input.empty())
            throw usageFailure("nothing is to be changed", "`millrace app update --help` lists what can be");
        input["ApplicationName"] = *name;
        input["CurrentApplicationVersionId"] = detail.at("ApplicationVersionId");
        finishOperation(context, *name, context.api.call("UpdateApplication", input), *waiting);
    };
}

}  // namespace

std::vector<AppCommand> describeCommandsAppConfiguration() {
    return {{"", "create", "Creates an application", declareCreate},
            {"", "update", "Changes an application: a new version, restarted with its state if it runs",
             declareUpdate}};
}

}  // namespace millrace::cli
