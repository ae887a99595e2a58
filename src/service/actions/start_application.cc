#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "service/action.h"
#include "service/api_error.h"
#include "service/run_configuration.h"

namespace millrace {

namespace {

using Json = nlohmann::json;

Json handle(ServiceContext& context, const Json& input) {
    const Json run = input.value("RunConfiguration", Json());
    if (const Json sql = run.is_object() ? run.value("SqlRunConfigurations", Json()) : Json();
        sql.is_array() && !sql.empty())
        throw invalidRequest(
            "SqlRunConfigurations belong to the runtime environment SQL-1_0, which is not supported.");
    const RunConfiguration configuration = parseRunConfiguration(run);

    std::string operation_id;
    context.store.transaction([&] {
        Application application = requireApplication(context, input.at("ApplicationName"));
        if (!application.idle())
            throw resourceInUse(fmt::format("Application {} cannot be started: it is {}, not READY.",
                                            application.name, toText(application.status)));
        const auto version = context.store.findVersion(application.id, application.version_id);
        if (!version || version->code_sha256.empty())
            throw invalidApplicationConfiguration(
                fmt::format("Application {} has no code to run.", application.name));
        configuration.checkSnapshot(context, application);
        application.run_configuration = configuration.describe();
        application.status = ApplicationStatus::Starting;
        application.parallelism = 0;  // scaling begins anew, from what the configuration says
        context.store.updateApplication(application);
        Json state{{"deployment", randomId()}};
        configuration.writeTo(state);
        const Operation operation = newOperation(context, application, "StartApplication", state.dump());
        context.store.insertOperation(operation);
        operation_id = operation.id;
    });
    context.operations_changed();
    return {{"OperationId", operation_id}};
}

}  // namespace

ActionDescription describeActionsStartApplication() {
    return {"StartApplication",
            "Starts a READY application: STARTING, then RUNNING, or READY again if it cannot be started.",
            Shape::structure()
                .required("ApplicationName", applicationNameShape())
                .optional("RunConfiguration",
                          Shape::structure()
                              .optional("FlinkRunConfiguration", flinkRunConfigurationShape())
                              .optional("SqlRunConfigurations", Shape::list(Shape::structure()))
                              .optional("ApplicationRestoreConfiguration", restoreConfigurationShape())),
            handle};
}

}  // namespace millrace
