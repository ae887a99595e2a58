#include "service/descriptions.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <set>

#include "base/error.h"
#include "base/hash.h"
#include "base/json_members.h"
#include "service/api_error.h"
#include "service/code_package.h"
#include "service/health.h"
#include "service/service_settings.h"
#include "service/vpc_configurations.h"

namespace millrace {

namespace {

using Json = nlohmann::json;

// A group of settings with a ConfigurationType: DEFAULT forces the defaults, CUSTOM fills in what is missing.
Json withDefaults(const Json& requested, Json defaults) {
    Json result = std::move(defaults);
    if (!requested.is_object()) return result;
    result["ConfigurationType"] = requested.at("ConfigurationType");
    if (requested.at("ConfigurationType") == "DEFAULT") return result;
    for (auto& [key, value] : result.items())
        if (const Json& given = memberOf(requested, key.c_str()); !given.is_null()) value = given;
    return result;
}

constexpr int64_t kLongMax = std::numeric_limits<int64_t>::max();

}  // namespace

Shape environmentPropertiesShape() {
    auto property_group = Shape::structure()
                              .required("PropertyGroupId", Shape::string(1, 50).name())
                              .required("PropertyMap", Shape::map(Shape::string(1, 2048),
                                                                  Shape::string(1, 2048).secret(), 1, 50));
    return Shape::structure().required("PropertyGroups", Shape::list(std::move(property_group), 0, 50));
}

Shape snapshotModeShape() { return Shape::oneOf({"APPLICATION_SNAPSHOTS_LEGACY", "ENHANCED_SNAPSHOTS"}); }

Shape flinkConfigurationShape(const std::string& suffix) {
    const auto group = [&] {
        auto type = Shape::oneOf({"DEFAULT", "CUSTOM"});
        return suffix.empty() ? Shape::structure().required("ConfigurationType", std::move(type))
                              : Shape::structure().optional("ConfigurationType" + suffix, std::move(type));
    };
    return Shape::structure()
        .optional("CheckpointConfiguration" + suffix,
                  group()
                      .optional("CheckpointingEnabled" + suffix, Shape::boolean())
                      .optional("CheckpointInterval" + suffix, Shape::integer(1, kLongMax))
                      .optional("MinPauseBetweenCheckpoints" + suffix, Shape::integer(0, kLongMax)))
        .optional("MonitoringConfiguration" + suffix,
                  group()
                      .optional("MetricsLevel" + suffix,
                                Shape::oneOf({"APPLICATION", "TASK", "OPERATOR", "PARALLELISM"}))
                      .optional("LogLevel" + suffix, Shape::oneOf({"INFO", "WARN", "ERROR", "DEBUG"})))
        .optional("ParallelismConfiguration" + suffix,
                  group()
                      .optional("Parallelism" + suffix, Shape::integer(1))
                      .optional("ParallelismPerKPU" + suffix, Shape::integer(1, 8))
                      .optional("AutoScalingEnabled" + suffix, Shape::boolean()));
}

Shape codeConfigurationShape(const std::string& suffix) {
    // Must be there in a whole configuration, and may be in an update.
    const auto with = [&](Shape shape, const char* name, Shape member) {
        return suffix.empty() ? std::move(shape).required(name, std::move(member))
                              : std::move(shape).optional(name + suffix, std::move(member));
    };
    auto location = with(Shape::structure(), "BucketARN", Shape::string(1, 2048).arn());
    location = with(std::move(location), "FileKey", Shape::string(1, 1024));
    auto content =
        Shape::structure()
            .optional("TextContent" + suffix, Shape::string(0, kTextContentMax).secret())
            .optional("ZipFileContent" + suffix, Shape::blob(kZipFileContentMax))
            .optional("S3ContentLocation" + suffix,
                      std::move(location).optional("ObjectVersion" + suffix, Shape::string(0, 1024)));
    return with(Shape::structure().optional("CodeContent" + suffix, std::move(content)), "CodeContentType",
                Shape::oneOf({"PLAINTEXT", "ZIPFILE"}));
}

Shape applicationConfigurationShape() {
    return Shape::structure()
        .optional("SqlApplicationConfiguration", Shape::structure())
        .optional("FlinkApplicationConfiguration", flinkConfigurationShape(""))
        .optional("EnvironmentProperties", environmentPropertiesShape())
        .optional("ApplicationCodeConfiguration", codeConfigurationShape(""))
        .optional("ApplicationSnapshotConfiguration", Shape::structure()
                                                          .required("SnapshotsEnabled", Shape::boolean())
                                                          .optional("SnapshotMode", snapshotModeShape()))
        .optional("ApplicationSystemRollbackConfiguration",
                  Shape::structure().required("RollbackEnabled", Shape::boolean()))
        .optional("VpcConfigurations", Shape::list(vpcConfigurationShape()))
        .optional("ZeppelinApplicationConfiguration", Shape::structure())
        .optional("ApplicationEncryptionConfiguration",
                  Shape::structure()
                      .optional("KeyId", Shape::string(1, 2048))
                      .required("KeyType", Shape::oneOf({"AWS_OWNED_KEY", "CUSTOMER_MANAGED_KEY"})));
}

Json describeConfiguration(const Json& requested, const Json& code_description, int64_t version_id) {
    if (memberOf(requested, "SqlApplicationConfiguration").is_object())
        throw unsupportedOperation(
            "SqlApplicationConfiguration belongs to the runtime environment SQL-1_0, which is not supported; "
            "SQL applications are Flink SQL.");
    if (memberOf(requested, "ZeppelinApplicationConfiguration").is_object())
        throw unsupportedOperation("ZeppelinApplicationConfiguration is not supported.");
    const Json& encryption = memberOf(requested, "ApplicationEncryptionConfiguration");
    if (encryption.is_object() && encryption.at("KeyType") == "CUSTOMER_MANAGED_KEY")
        throw unsupportedOperation("CUSTOMER_MANAGED_KEY is not supported.");
    if (encryption.is_object() && memberOf(encryption, "KeyId").is_string())
        throw invalidArgument("KeyId is not allowed with the KeyType AWS_OWNED_KEY.");

    if (memberOf(memberOf(requested, "ApplicationSnapshotConfiguration"), "SnapshotMode") ==
        "ENHANCED_SNAPSHOTS")
        throw unsupportedOperation("Enhanced snapshots are not supported.");

    const Json& flink = memberOf(requested, "FlinkApplicationConfiguration");
    Json parallelism =
        withDefaults(memberOf(flink, "ParallelismConfiguration"), {{"ConfigurationType", "DEFAULT"},
                                                                   {"Parallelism", 1},
                                                                   {"ParallelismPerKPU", 1},
                                                                   {"AutoScalingEnabled", true}});
    parallelism["CurrentParallelism"] = parallelism["Parallelism"];
    Json description{
        {"FlinkApplicationConfigurationDescription",
         {{"CheckpointConfigurationDescription",
           withDefaults(memberOf(flink, "CheckpointConfiguration"), {{"ConfigurationType", "DEFAULT"},
                                                                     {"CheckpointingEnabled", true},
                                                                     {"CheckpointInterval", 60'000},
                                                                     {"MinPauseBetweenCheckpoints", 5'000}})},
          {"MonitoringConfigurationDescription",
           withDefaults(
               memberOf(flink, "MonitoringConfiguration"),
               {{"ConfigurationType", "DEFAULT"}, {"MetricsLevel", "APPLICATION"}, {"LogLevel", "INFO"}})},
          {"ParallelismConfigurationDescription", std::move(parallelism)}}},
        {"ApplicationSnapshotConfigurationDescription", {{"SnapshotsEnabled", true}}},
        {"ApplicationSystemRollbackConfigurationDescription", {{"RollbackEnabled", false}}},
        {"ApplicationEncryptionConfigurationDescription", {{"KeyType", "AWS_OWNED_KEY"}}}};
    if (const Json& snapshots = memberOf(requested, "ApplicationSnapshotConfiguration");
        snapshots.is_object())
        description["ApplicationSnapshotConfigurationDescription"]["SnapshotsEnabled"] =
            snapshots.at("SnapshotsEnabled");
    if (const Json& rollback = memberOf(requested, "ApplicationSystemRollbackConfiguration");
        rollback.is_object())
        description["ApplicationSystemRollbackConfigurationDescription"]["RollbackEnabled"] =
            rollback.at("RollbackEnabled");
    if (const Json& properties = memberOf(requested, "EnvironmentProperties"); properties.is_object()) {
        Json groups = Json::array();
        std::set<std::string> ids;
        for (const auto& group : properties.at("PropertyGroups")) {
            const std::string id = group.at("PropertyGroupId");
            if (!ids.insert(id).second)
                throw invalidArgument(fmt::format("The property group '{}' is given twice.", id));
            groups.push_back({{"PropertyGroupId", id}, {"PropertyMap", group.at("PropertyMap")}});
        }
        description["EnvironmentPropertyDescriptions"] = {{"PropertyGroupDescriptions", std::move(groups)}};
    }
    if (const Json& vpcs = memberOf(requested, "VpcConfigurations"); vpcs.is_array())
        for (const auto& vpc : vpcs)
            addVpcConfiguration(description, version_id, vpc);
    readServiceSettings(description);
    if (code_description.is_object())
        description["ApplicationCodeConfigurationDescription"] = code_description;
    return description;
}

std::string conditionalToken(const Application& application) {
    return encodeBase64(sha256Hex(fmt::format("{}/{}/{}/{}", application.arn, application.id,
                                              application.version_id, application.changes)));
}

Json describeMaintenance(const Application& application) {
    constexpr int kWindowHours = 8;
    const std::string& start = application.maintenance_start;  // HH:MM
    const int hour = (start[0] - '0') * 10 + (start[1] - '0');
    return {{"ApplicationMaintenanceWindowStartTime", start},
            {"ApplicationMaintenanceWindowEndTime",
             fmt::format("{:02}{}", (hour + kWindowHours) % 24, start.substr(2))}};
}

bool snapshotsEnabled(const ApplicationVersion& version) {
    return Json::parse(version.configuration)
        .at("ApplicationSnapshotConfigurationDescription")
        .at("SnapshotsEnabled")
        .get<bool>();
}

bool systemRollbackEnabled(const ApplicationVersion& version) {
    return Json::parse(version.configuration)
        .at("ApplicationSystemRollbackConfigurationDescription")
        .at("RollbackEnabled")
        .get<bool>();
}

Json describeVersion(ServiceContext& context, const Application& application,
                     const ApplicationVersion& version) {
    Json detail{{"ApplicationARN", application.arn},
                {"ApplicationName", application.name},
                {"RuntimeEnvironment", version.runtime_environment},
                {"ServiceExecutionRole", version.service_execution_role},
                {"ApplicationStatus", toText(application.status)},
                {"ApplicationVersionId", version.version_id},
                {"CreateTimestamp", application.create_time},
                {"LastUpdateTimestamp", application.last_update_time},
                {"ApplicationMaintenanceConfigurationDescription", describeMaintenance(application)},
                {"ApplicationVersionCreateTimestamp", version.create_time},
                {"ApplicationMode", application.mode}};
    if (!application.description.empty()) detail["ApplicationDescription"] = application.description;
    if (!version.logging_options.empty())
        detail["CloudWatchLoggingOptionDescriptions"] = Json::parse(version.logging_options);
    if (version.updated_from) detail["ApplicationVersionUpdatedFrom"] = *version.updated_from;
    if (version.rolled_back_to) detail["ApplicationVersionRolledBackTo"] = *version.rolled_back_to;
    Json configuration = Json::parse(version.configuration);
    if (const auto code = configuration.find("ApplicationCodeConfigurationDescription");
        code != configuration.end() && code->at("CodeContentType") == "PLAINTEXT" &&
        !(*code)["CodeContentDescription"].contains("S3ApplicationCodeLocationDescription"))
        (*code)["CodeContentDescription"]["TextContent"] = context.blobs.get(version.code_sha256);
    detail["ApplicationConfigurationDescription"] = std::move(configuration);
    return detail;
}

Json describeApplication(ServiceContext& context, const Application& application,
                         const std::string& job_plan) {
    const auto version = context.store.findVersion(application.id, application.version_id);
    MILLRACE_CHECK(version, "application {} has no version {}", application.name, application.version_id);
    Json detail = describeVersion(context, application, *version);
    detail["ConditionalToken"] = conditionalToken(application);
    if (const auto health = context.health.find(application.id);
        health && application.status == ApplicationStatus::Running)
        detail["Health"] = {{"Status", health->good() ? "HEALTHY" : "UNHEALTHY"},
                            {"Reasons", health->reasons}};
    if (application.rolled_back_from)
        detail["ApplicationVersionRolledBackFrom"] = *application.rolled_back_from;
    Json& configuration = detail["ApplicationConfigurationDescription"];
    Json& flink = configuration["FlinkApplicationConfigurationDescription"];
    if (application.parallelism > 0)
        flink["ParallelismConfigurationDescription"]["CurrentParallelism"] = application.parallelism;
    if (!application.run_configuration.empty())
        configuration["RunConfigurationDescription"] = Json::parse(application.run_configuration);
    if (!job_plan.empty()) flink["JobPlanDescription"] = job_plan;
    return detail;
}

Json summarizeApplication(const Application& application) {
    return {{"ApplicationName", application.name},
            {"ApplicationARN", application.arn},
            {"ApplicationStatus", toText(application.status)},
            {"ApplicationVersionId", application.version_id},
            {"RuntimeEnvironment", application.runtime_environment},
            {"ApplicationMode", application.mode}};
}

Json describeSnapshot(const SnapshotRecord& snapshot) {
    return {{"SnapshotName", snapshot.name},
            {"SnapshotStatus", toText(snapshot.status)},
            {"ApplicationVersionId", snapshot.version_id},
            {"SnapshotCreationTimestamp", snapshot.create_time},
            {"RuntimeEnvironment", snapshot.runtime_environment},
            {"ApplicationEncryptionConfigurationDescription", {{"KeyType", "AWS_OWNED_KEY"}}}};
}

Json summarizeOperation(const Operation& operation) {
    Json summary{{"Operation", operation.kind},
                 {"OperationId", operation.id},
                 {"StartTime", operation.start_time},
                 {"OperationStatus", toText(operation.status)}};
    if (operation.end_time) summary["EndTime"] = *operation.end_time;
    return summary;
}

Json describeOperation(const Operation& operation) {
    Json details{{"Operation", operation.kind},
                 {"StartTime", operation.start_time},
                 // The model requires it: while in progress it is the start.
                 {"EndTime", operation.end_time.value_or(operation.start_time)},
                 {"OperationStatus", toText(operation.status)}};
    const Json state = Json::parse(operation.state, nullptr, false);
    if (state.contains("fromVersion") && state.contains("targetVersion") &&
        state["fromVersion"] != state["targetVersion"])
        details["ApplicationVersionChangeDetails"] = {
            {"ApplicationVersionUpdatedFrom", state["fromVersion"]},
            {"ApplicationVersionUpdatedTo", state["targetVersion"]}};
    if (state.contains("downtimeMs")) details["DowntimeMilliseconds"] = state["downtimeMs"];
    if (operation.status == OperationStatus::Failed) {
        std::string error = operation.error;
        if (error.size() > 512) {  // characters at most; cut where one begins
            size_t end = 509;
            while (end > 0 && (static_cast<unsigned char>(error[end]) & 0xC0) == 0x80)
                --end;
            error = error.substr(0, end) + "...";
        }
        details["OperationFailureDetails"] = {{"ErrorInfo", {{"ErrorString", error}}}};
        if (state.contains("rollbackOperationId"))
            details["OperationFailureDetails"]["RollbackOperationId"] = state["rollbackOperationId"];
    }
    return details;
}

}  // namespace millrace
