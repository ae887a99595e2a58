#include "cli/app/application_text.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/configuration.h"
#include "cli/app/output.h"

namespace millrace::cli {

using Json = nlohmann::json;

namespace {

std::string onOff(const Json& value) {
    return value.is_boolean() ? (value.get<bool>() ? "on" : "off") : std::string();
}

std::string milliseconds(const Json& value) {
    return value.is_number_integer() ? formatDuration({value.get<int64_t>()}) : "";
}

// Times are whole seconds.
std::string tookText(int64_t seconds) { return seconds < 1 ? "< 1 s" : formatDuration({seconds * 1000}); }

int64_t numberOf(const Json& object, const char* name, int64_t otherwise) {
    const Json& value = memberOf(object, name);
    return value.is_number_integer() ? value.get<int64_t>() : otherwise;
}

// A word of ours beside the API's members, with the reasons when it is not good.
std::string healthText(const Json& health) {
    std::string text = shown(health, "Status");
    const char* separator = ": ";
    for (const Json& reason : memberOf(health, "Reasons")) {
        text += separator + (reason.is_string() ? reason.get<std::string>() : reason.dump());
        separator = "; ";
    }
    return text;
}

std::string versionText(const Json& detail) {
    std::string text = shown(detail, "ApplicationVersionId");
    for (const auto& [name, words] : {std::pair{"ApplicationVersionUpdatedFrom", "updated from"},
                                      std::pair{"ApplicationVersionRolledBackFrom", "rolled back from"},
                                      std::pair{"ApplicationVersionRolledBackTo", "rolled back to"}})
        if (const std::string other = shown(detail, name); !other.empty())
            text += fmt::format(", {} {}", words, other);
    return text;
}

std::string kpuText(const Json& parallelism) {
    const int64_t per_kpu = std::max<int64_t>(numberOf(parallelism, "ParallelismPerKPU", 1), 1);
    const int64_t configured = numberOf(parallelism, "Parallelism", 1);
    const int64_t slots = numberOf(parallelism, "CurrentParallelism", configured);
    std::string text =
        fmt::format("{} (parallelism {}, {} per KPU", (slots + per_kpu - 1) / per_kpu, slots, per_kpu);
    if (slots != configured) text += fmt::format(", configured {}", configured);
    return text + fmt::format(", autoscaling {})", onOff(memberOf(parallelism, "AutoScalingEnabled")));
}

std::string checkpointText(const Json& checkpoints) {
    if (memberOf(checkpoints, "CheckpointingEnabled") != true) return "off";
    return fmt::format("every {}, at least {} apart",
                       milliseconds(memberOf(checkpoints, "CheckpointInterval")),
                       milliseconds(memberOf(checkpoints, "MinPauseBetweenCheckpoints")));
}

std::string codeText(const Json& code) {
    const Json& content = memberOf(code, "CodeContentDescription");
    std::string text = memberOf(code, "CodeContentType") == "PLAINTEXT" ? "SQL text" : "package";
    if (const std::string size = shown(content, "CodeSize"); !size.empty())
        text += fmt::format(", {} bytes", size);
    if (const std::string md5 = shown(content, "CodeMD5"); !md5.empty()) text += ", MD5 " + md5;
    if (const Json& s3 = memberOf(content, "S3ApplicationCodeLocationDescription"); s3.is_object()) {
        const std::string bucket = shown(s3, "BucketARN");
        text += fmt::format(", s3://{}/{}", bucket.substr(bucket.rfind(':') + 1), shown(s3, "FileKey"));
        if (const std::string version = shown(s3, "ObjectVersion"); !version.empty())
            text += fmt::format(" (version {})", version);
    }
    return text;
}

std::string runText(const Json& run) {
    const Json& restore = memberOf(run, "ApplicationRestoreConfigurationDescription");
    const std::string type = shown(restore, "ApplicationRestoreType");
    std::string text;
    if (type == "RESTORE_FROM_CUSTOM_SNAPSHOT") text = "from the snapshot " + shown(restore, "SnapshotName");
    if (type == "RESTORE_FROM_LATEST_SNAPSHOT") text = "from the latest snapshot";
    if (type == "SKIP_RESTORE_FROM_SNAPSHOT") text = "without state";
    if (memberOf(memberOf(run, "FlinkRunConfigurationDescription"), "AllowNonRestoredState") == true)
        text += ", state without an operator is left out";
    return text;
}

std::string propertiesText(const Json& configuration) {
    TextTable table({"GROUP", "KEY", "VALUE"});
    for (const Json& group :
         memberOf(memberOf(configuration, "EnvironmentPropertyDescriptions"), "PropertyGroupDescriptions"))
        for (const auto& [key, value] : memberOf(group, "PropertyMap").items())
            table.add({shown(group, "PropertyGroupId"), key,
                       value.is_string() ? value.get<std::string>() : value.dump()});
    return table.empty() ? "" : "\nProperties\n" + table.render("  ");
}

}  // namespace

std::string statusText(const Json& detail) {
    return fmt::format("{}, version {}", shown(detail, "ApplicationStatus"),
                       shown(detail, "ApplicationVersionId"));
}

std::string applicationText(const Json& detail) {
    TextTable table({"", ""});
    const auto line = [&](const char* name, std::string value) {
        if (!value.empty()) table.add({name, std::move(value)});
    };
    const Json& configuration = memberOf(detail, "ApplicationConfigurationDescription");
    const Json& flink = memberOf(configuration, "FlinkApplicationConfigurationDescription");
    line("status", shown(detail, "ApplicationStatus"));
    line("health", healthText(memberOf(detail, "Health")));
    line("version", versionText(detail));
    line("description", shown(detail, "ApplicationDescription"));
    line("runtime", shown(detail, "RuntimeEnvironment"));
    if (const Json& parallelism = memberOf(flink, "ParallelismConfigurationDescription");
        parallelism.is_object())
        line("KPUs", kpuText(parallelism));
    if (const Json& code = memberOf(configuration, "ApplicationCodeConfigurationDescription");
        code.is_object())
        line("code", codeText(code));
    if (const Json& checkpoints = memberOf(flink, "CheckpointConfigurationDescription");
        checkpoints.is_object())
        line("checkpoints", checkpointText(checkpoints));
    line("snapshots", onOff(memberOf(memberOf(configuration, "ApplicationSnapshotConfigurationDescription"),
                                     "SnapshotsEnabled")));
    line("system rollback",
         onOff(memberOf(memberOf(configuration, "ApplicationSystemRollbackConfigurationDescription"),
                        "RollbackEnabled")));
    line("starts", runText(memberOf(configuration, "RunConfigurationDescription")));
    line("log level", shown(memberOf(flink, "MonitoringConfigurationDescription"), "LogLevel"));
    const Json& maintenance = memberOf(detail, "ApplicationMaintenanceConfigurationDescription");
    if (maintenance.is_object())
        line("maintenance", shown(maintenance, "ApplicationMaintenanceWindowStartTime") + "–" +
                                shown(maintenance, "ApplicationMaintenanceWindowEndTime") + " UTC");
    line("role", shown(detail, "ServiceExecutionRole"));
    line("ARN", shown(detail, "ApplicationARN"));
    line("created", localTime(memberOf(detail, "CreateTimestamp")));
    line("updated", localTime(memberOf(detail, "LastUpdateTimestamp")));
    return shown(detail, "ApplicationName") + "\n" + table.render("  ", false) +
           propertiesText(configuration);
}

std::string operationsText(const Json& operations, const char* indent) {
    TextTable table({"OPERATION", "STATUS", "STARTED", "TOOK", "ID"});
    for (const Json& operation : operations) {
        const Json& from = memberOf(operation, "StartTime");
        const Json& to = memberOf(operation, "EndTime");
        std::string took;
        if (from.is_number() && to.is_number()) took = tookText(to.get<int64_t>() - from.get<int64_t>());
        table.add({shown(operation, "Operation"), shown(operation, "OperationStatus"), localTime(from), took,
                   shown(operation, "OperationId")});
    }
    return table.render(indent);
}

std::string operationText(const Json& details, const std::string& operation_id) {
    TextTable table({"", ""});
    const auto line = [&](const char* name, std::string value) {
        if (!value.empty()) table.add({name, std::move(value)});
    };
    const Json& failure = memberOf(details, "OperationFailureDetails");
    const Json& change = memberOf(details, "ApplicationVersionChangeDetails");
    line("id", operation_id);
    line("status", shown(details, "OperationStatus"));
    line("started", localTime(memberOf(details, "StartTime")));
    if (memberOf(details, "OperationStatus") != "IN_PROGRESS")
        line("ended", localTime(memberOf(details, "EndTime")));
    if (change.is_object())
        line("version", fmt::format("{} to {}", shown(change, "ApplicationVersionUpdatedFrom"),
                                    shown(change, "ApplicationVersionUpdatedTo")));
    line("downtime", milliseconds(memberOf(details, "DowntimeMilliseconds")));
    line("error", shown(memberOf(failure, "ErrorInfo"), "ErrorString"));
    line("rolled back by", shown(failure, "RollbackOperationId"));
    return shown(details, "Operation") + "\n" + table.render("  ", false);
}

std::string snapshotsText(const Json& snapshots, const char* indent) {
    TextTable table({"SNAPSHOT", "STATUS", "VERSION", "RUNTIME", "CREATED"});
    for (const Json& snapshot : snapshots)
        table.add({shown(snapshot, "SnapshotName"), shown(snapshot, "SnapshotStatus"),
                   shown(snapshot, "ApplicationVersionId"), shown(snapshot, "RuntimeEnvironment"),
                   localTime(memberOf(snapshot, "SnapshotCreationTimestamp"))});
    return table.render(indent);
}

}  // namespace millrace::cli
