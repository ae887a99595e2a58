#include "service/run_configuration.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "service/api_error.h"

namespace millrace {

namespace {

using Json = nlohmann::json;

constexpr const char* kCustom = "RESTORE_FROM_CUSTOM_SNAPSHOT";

Json memberOf(const Json& object, const char* name) {
    return object.is_object() ? object.value(name, Json()) : Json();
}

}  // namespace

Shape flinkRunConfigurationShape() {
    return Shape::structure().optional("AllowNonRestoredState", Shape::boolean());
}

Shape restoreConfigurationShape() {
    return Shape::structure()
        .required("ApplicationRestoreType",
                  Shape::oneOf({"SKIP_RESTORE_FROM_SNAPSHOT", "RESTORE_FROM_LATEST_SNAPSHOT", kCustom}))
        .optional("SnapshotName", snapshotNameShape())
        .optional("SnapshotArn", Shape::string(1, 2048));
}

RunConfiguration parseRunConfiguration(const Json& given) {
    RunConfiguration run;
    const Json restore = memberOf(given, "ApplicationRestoreConfiguration");
    if (memberOf(restore, "SnapshotArn").is_string())
        throw unsupportedOperation(
            "SnapshotArn names an enhanced snapshot, which this version does not have: use SnapshotName.");
    if (restore.is_object()) run.restore_type = restore.at("ApplicationRestoreType");
    if (const Json name = memberOf(restore, "SnapshotName"); name.is_string()) run.snapshot_name = name;
    if (run.restore_type == kCustom && !run.snapshot_name)
        throw invalidArgument("RESTORE_FROM_CUSTOM_SNAPSHOT needs a SnapshotName.");
    if (run.restore_type != kCustom && run.snapshot_name)
        throw invalidArgument("A SnapshotName is only allowed with RESTORE_FROM_CUSTOM_SNAPSHOT.");
    const Json allow = memberOf(memberOf(given, "FlinkRunConfiguration"), "AllowNonRestoredState");
    run.allow_non_restored_state = allow.is_boolean() && allow.get<bool>();
    return run;
}

std::string RunConfiguration::describe() const {
    Json description{
        {"ApplicationRestoreConfigurationDescription", {{"ApplicationRestoreType", restore_type}}},
        {"FlinkRunConfigurationDescription", {{"AllowNonRestoredState", allow_non_restored_state}}}};
    if (snapshot_name)
        description["ApplicationRestoreConfigurationDescription"]["SnapshotName"] = *snapshot_name;
    return description.dump();
}

void RunConfiguration::writeTo(Json& state) const {
    state["restoreType"] = restore_type;
    state["allowNonRestoredState"] = allow_non_restored_state;
    if (snapshot_name) state["snapshotName"] = *snapshot_name;
}

void RunConfiguration::checkSnapshot(ServiceContext& context, const Application& application) const {
    if (!snapshot_name) return;
    const auto snapshot = context.store.findSnapshot(application.id, *snapshot_name);
    // The very first start has no snapshot yet, and starts empty whatever it asks for.
    if (!snapshot && context.store.findLatestSnapshot(application.id))
        throw resourceNotFound(fmt::format("The snapshot {} of application {} does not exist.",
                                           *snapshot_name, application.name));
    if (snapshot && snapshot->status != SnapshotStatus::Ready)
        throw invalidRequest(fmt::format("The snapshot {} of application {} is {}, not READY.",
                                         snapshot->name, application.name, toText(snapshot->status)));
}

}  // namespace millrace
