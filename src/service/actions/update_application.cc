#include <nlohmann/json.hpp>
#include <optional>

#include "service/action.h"
#include "service/api_error.h"
#include "service/application_change.h"
#include "service/code_package.h"
#include "service/configuration_update.h"
#include "service/descriptions.h"
#include "service/logging_options.h"
#include "service/runtime_environments.h"

namespace millrace {

namespace {

using Json = nlohmann::json;

Json handle(ServiceContext& context, const Json& input) {
    const Json update = input.value("ApplicationConfigurationUpdate", Json());
    const Json run = input.value("RunConfigurationUpdate", Json());
    const RunConfiguration run_configuration = parseRunConfiguration(run);
    const Json runtime = input.value("RuntimeEnvironmentUpdate", Json());
    if (runtime.is_string()) requireFlinkRuntime(runtime);

    // What is to be fetched is fetched before the store is held.
    const Application seen = requireApplication(context, input.at("ApplicationName"));
    requireCurrentVersion(seen, input);
    const auto seen_version = context.store.findVersion(seen.id, seen.version_id);
    const Json code = updatedCode(Json::parse(seen_version->configuration), update);
    std::optional<CodePackage> package;
    if (code.is_object()) package = takeInCode(context, code);

    std::lock_guard lock(context.code_mutex);
    const std::string sha256 = package ? context.blobs.put(package->bytes) : "";
    const auto change = changeApplication(context, input, [&](ApplicationChange& next) {
        if (!run.is_null() && next.application.status != ApplicationStatus::Running)
            throw invalidRequest(
                "A RunConfigurationUpdate applies to a RUNNING application; StartApplication takes it for "
                "one "
                "that is not.");
        next.run = run_configuration;
        ApplicationVersion& version = next.version;
        next.configuration =
            updateConfiguration(next.configuration, update, package ? describeCode(code, *package) : Json());
        if (package) version.code_sha256 = sha256;
        if (runtime.is_string()) version.runtime_environment = runtime;
        if (const Json role = input.value("ServiceExecutionRoleUpdate", Json()); role.is_string())
            version.service_execution_role = role;
        if (const Json options = input.value("CloudWatchLoggingOptionUpdates", Json()); options.is_array())
            for (const auto& option : options)
                if (const Json stream = option.value("LogStreamARNUpdate", Json()); stream.is_string())
                    version.logging_options = changeLoggingOption(
                        version.logging_options, option.at("CloudWatchLoggingOptionId"), stream);
    });
    return {{"ApplicationDetail", describeApplication(context, change.application)},
            {"OperationId", change.operation_id}};
}

}  // namespace

ActionDescription describeActionsUpdateApplication() {
    auto input = changeShape()
                     .optional("ApplicationConfigurationUpdate", applicationConfigurationUpdateShape())
                     .optional("ServiceExecutionRoleUpdate", Shape::string(1, 2048).arn())
                     .optional("RunConfigurationUpdate",
                               Shape::structure()
                                   .optional("FlinkRunConfiguration", flinkRunConfigurationShape())
                                   .optional("ApplicationRestoreConfiguration", restoreConfigurationShape()))
                     .optional("CloudWatchLoggingOptionUpdates",
                               Shape::list(Shape::structure()
                                               .required("CloudWatchLoggingOptionId", partIdShape())
                                               .optional("LogStreamARNUpdate", Shape::string(1, 2048).arn())))
                     .optional("RuntimeEnvironmentUpdate", runtimeEnvironmentShape());
    return {
        "UpdateApplication",
        "Makes a new version of an application; a RUNNING one is UPDATING until the new version has taken "
        "over with its state.",
        std::move(input), handle};
}

}  // namespace millrace
