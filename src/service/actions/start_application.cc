#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "service/action.h"
#include "service/api_error.h"

namespace millrace {

namespace {

using Json = nlohmann::json;

Json memberOf(const Json& object, const char* name) {
    return object.is_object() ? object.value(name, Json()) : Json();
}

Json handle(ServiceContext& context, const Json& input) {
    const Json run = memberOf(input, "RunConfiguration");
    if (const Json sql = memberOf(run, "SqlRunConfigurations"); sql.is_array() && !sql.empty())
        throw invalidRequest(
            "SqlRunConfigurations belong to the runtime environment SQL-1_0, which is not supported.");
    const Json restore = memberOf(run, "ApplicationRestoreConfiguration");
    const std::string type = restore.is_object() ? restore.at("ApplicationRestoreType").get<std::string>()
                                                 : "RESTORE_FROM_LATEST_SNAPSHOT";
    const Json snapshot_name = memberOf(restore, "SnapshotName");
    if (type == "RESTORE_FROM_CUSTOM_SNAPSHOT" && !snapshot_name.is_string())
        throw invalidArgument("RESTORE_FROM_CUSTOM_SNAPSHOT needs a SnapshotName.");
    if (type != "RESTORE_FROM_CUSTOM_SNAPSHOT" && snapshot_name.is_string())
        throw invalidArgument("A SnapshotName is only allowed with RESTORE_FROM_CUSTOM_SNAPSHOT.");
    const Json allow = memberOf(memberOf(run, "FlinkRunConfiguration"), "AllowNonRestoredState");
    const bool allow_non_restored = allow.is_boolean() && allow.get<bool>();

    std::string operation_id;
    context.store.transaction([&] {
        Application application = requireApplication(context, input.at("ApplicationName"));
        if (application.status != ApplicationStatus::Ready)
            throw resourceInUse(fmt::format("Application {} cannot be started: it is {}, not READY.",
                                            application.name, toText(application.status)));
        const auto version = context.store.findVersion(application.id, application.version_id);
        if (!version || version->code_sha256.empty())
            throw invalidApplicationConfiguration(
                fmt::format("Application {} has no code to run.", application.name));
        if (snapshot_name.is_string()) {
            const auto snapshot = context.store.findSnapshot(application.id, snapshot_name);
            // The very first start has no snapshot yet, and starts empty whatever it asks for.
            if (!snapshot && context.store.findLatestSnapshot(application.id))
                throw resourceNotFound(fmt::format("The snapshot {} of application {} does not exist.",
                                                   snapshot_name.get<std::string>(), application.name));
            if (snapshot && snapshot->status != SnapshotStatus::Ready)
                throw invalidRequest(fmt::format("The snapshot {} of application {} is {}, not READY.",
                                                 snapshot->name, application.name, toText(snapshot->status)));
        }
        Json description{
            {"ApplicationRestoreConfigurationDescription", {{"ApplicationRestoreType", type}}},
            {"FlinkRunConfigurationDescription", {{"AllowNonRestoredState", allow_non_restored}}}};
        if (snapshot_name.is_string())
            description["ApplicationRestoreConfigurationDescription"]["SnapshotName"] = snapshot_name;
        application.run_configuration = description.dump();
        application.status = ApplicationStatus::Starting;
        context.store.updateApplication(application);
        Json state{
            {"restoreType", type}, {"allowNonRestoredState", allow_non_restored}, {"deployment", randomId()}};
        if (snapshot_name.is_string()) state["snapshotName"] = snapshot_name;
        const Operation operation = newOperation(context, application, "StartApplication", state.dump());
        context.store.insertOperation(operation);
        operation_id = operation.id;
    });
    context.operations_changed();
    return {{"OperationId", operation_id}};
}

}  // namespace

ActionDescription describeActionsStartApplication() {
    auto restore = Shape::structure()
                       .required("ApplicationRestoreType",
                                 Shape::oneOf({"SKIP_RESTORE_FROM_SNAPSHOT", "RESTORE_FROM_LATEST_SNAPSHOT",
                                               "RESTORE_FROM_CUSTOM_SNAPSHOT"}))
                       .optional("SnapshotName", snapshotNameShape());
    return {
        "StartApplication",
        "Starts a READY application: STARTING, then RUNNING, or READY again if it cannot be started.",
        Shape::structure()
            .required("ApplicationName", applicationNameShape())
            .optional("RunConfiguration",
                      Shape::structure()
                          .optional("FlinkRunConfiguration",
                                    Shape::structure().optional("AllowNonRestoredState", Shape::boolean()))
                          .optional("SqlRunConfigurations", Shape::list(Shape::structure()))
                          .optional("ApplicationRestoreConfiguration", std::move(restore))),
        handle};
}

}  // namespace millrace
