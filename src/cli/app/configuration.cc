#include "cli/app/configuration.h"

#include <CLI/CLI.hpp>
#include <iostream>
#include <iterator>
#include <map>
#include <nlohmann/json.hpp>

#include "base/configuration.h"
#include "base/error.h"
#include "base/file_system.h"
#include "cli/app/application_text.h"
#include "cli/app/failure.h"
#include "cli/app/output.h"
#include "cli/app/waiting.h"

namespace millrace::cli {

using Json = nlohmann::json;

namespace {

std::string base64(std::string_view bytes) {
    constexpr std::string_view kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    std::string text;
    text.reserve((bytes.size() + 2) / 3 * 4);
    for (size_t i = 0; i < bytes.size(); i += 3) {
        uint32_t bits = 0;
        for (size_t k = 0; k < 3; ++k)
            bits = bits << 8 | (i + k < bytes.size() ? static_cast<unsigned char>(bytes[i + k]) : 0);
        for (size_t k = 0; k < 4; ++k)
            text += i + k <= bytes.size() ? kDigits[bits >> (18 - 6 * k) & 63] : '=';
    }
    return text;
}

std::string readInput(const std::string& path) {
    if (path == "-") return {std::istreambuf_iterator<char>(std::cin), std::istreambuf_iterator<char>()};
    return readFile(localFileSystem(), path);
}

// s3://bucket/a/key
std::pair<std::string, std::string> splitS3(const std::string& url) {
    constexpr std::string_view kScheme = "s3://";
    const size_t slash = url.find('/', kScheme.size());
    if (!url.starts_with(kScheme) || slash == std::string::npos || slash == kScheme.size() ||
        slash + 1 == url.size())
        throw usageFailure(fmt::format("--s3: '{}' does not name an object", url),
                           "write it as s3://bucket/key");
    return {"arn:aws:s3:::" + url.substr(kScheme.size(), slash - kScheme.size()), url.substr(slash + 1)};
}

// "group.key", at the first dot: keys may have dots too.
std::pair<std::string, std::string> splitProperty(const char* option, const std::string& name) {
    const size_t dot = name.find('.');
    if (dot == std::string::npos || dot == 0 || dot + 1 == name.size())
        throw usageFailure(fmt::format("{}: '{}' is not group.key", option, name),
                           "as in --property kafka.bootstrap.servers=localhost:9092, of the group kafka");
    return {name.substr(0, dot), name.substr(dot + 1)};
}

using Properties = std::map<std::string, std::map<std::string, std::string>>;

void setProperties(Properties& properties, const std::vector<std::string>& assignments) {
    for (const std::string& assignment : assignments) {
        const size_t equals = assignment.find('=');
        if (equals == std::string::npos)
            throw usageFailure(fmt::format("--property: '{}' has no '='", assignment),
                               "write it as group.key=value");
        const auto [group, key] = splitProperty("--property", assignment.substr(0, equals));
        properties[group][key] = assignment.substr(equals + 1);
    }
}

void removeProperties(Properties& properties, const std::vector<std::string>& names) {
    for (const std::string& name : names) {
        const bool whole_group = name.find('.') == std::string::npos;
        const auto [group, key] =
            whole_group ? std::pair(name, std::string()) : splitProperty("--remove-property", name);
        const auto at = properties.find(group);
        const bool known = at != properties.end() && (whole_group || at->second.erase(key) > 0);
        if (!known)
            throw usageFailure(fmt::format("--remove-property: there is no property {}", name),
                               "`millrace app describe` shows them");
        if (whole_group || at->second.empty()) properties.erase(at);
    }
}

Json propertyGroups(const Properties& properties) {
    Json groups = Json::array();
    for (const auto& [id, map] : properties)
        groups.push_back({{"PropertyGroupId", id}, {"PropertyMap", map}});
    return {{"PropertyGroups", groups}};
}

Json configurationFile(const std::string& path) {
    if (path.empty()) return Json::object();
    Json configuration = Json::parse(readInput(path), nullptr, false);
    if (!configuration.is_object())
        throw usageFailure(fmt::format("--configuration: {} is not a JSON object", path),
                           "it has the members of the API's ApplicationConfiguration, or of "
                           "ApplicationConfigurationUpdate for an update");
    return configuration;
}

// The members that options stand for, each named with the suffix: CreateApplication has Parallelism,
// UpdateApplication ParallelismUpdate.
class Members {
  public:
    Members(Json& root, std::string suffix) : root_(root), suffix_(std::move(suffix)) {}

    std::string named(const std::string& name) const { return name + suffix_; }
    Json& at(std::initializer_list<const char*> path) const {
        Json* member = &root_;
        for (const char* name : path)
            member = &(*member)[named(name)];
        return *member;
    }
    // A setting of a group that has a ConfigurationType.
    void custom(const char* group, const char* name, Json value) const {
        Json& settings = at({"FlinkApplicationConfiguration", group});
        settings[named("ConfigurationType")] = "CUSTOM";
        settings[named(name)] = std::move(value);
    }

  private:
    Json& root_;
    std::string suffix_;
};

void setCode(const Members& members, const Settings& settings) {
    if (settings.sql.empty() && settings.zip.empty() && settings.s3.empty()) return;
    Json& code = members.at({"ApplicationCodeConfiguration"});
    Json content = Json::object();
    bool text = true;
    if (!settings.sql.empty()) {
        content[members.named("TextContent")] = readInput(settings.sql);
    } else if (!settings.zip.empty()) {
        content[members.named("ZipFileContent")] = base64(readInput(settings.zip));
        text = false;
    } else {
        const auto [bucket, key] = splitS3(settings.s3);
        Json& location = content[members.named("S3ContentLocation")];
        location = {{members.named("BucketARN"), bucket}, {members.named("FileKey"), key}};
        if (!settings.s3_version.empty()) location[members.named("ObjectVersion")] = settings.s3_version;
        text = key.ends_with(".sql");
    }
    code[members.named("CodeContentType")] = text ? "PLAINTEXT" : "ZIPFILE";
    code[members.named("CodeContent")] = std::move(content);
}

void setSettings(const Members& members, const Settings& settings) {
    setCode(members, settings);
    if (settings.parallelism) members.custom("ParallelismConfiguration", "Parallelism", settings.parallelism);
    if (settings.parallelism_per_kpu)
        members.custom("ParallelismConfiguration", "ParallelismPerKPU", settings.parallelism_per_kpu);
    if (!settings.autoscaling.empty())
        members.custom("ParallelismConfiguration", "AutoScalingEnabled", settings.autoscaling == "on");
    if (settings.checkpoint_interval == "off") {
        members.custom("CheckpointConfiguration", "CheckpointingEnabled", false);
    } else if (!settings.checkpoint_interval.empty()) {
        members.custom("CheckpointConfiguration", "CheckpointingEnabled", true);
        members.custom("CheckpointConfiguration", "CheckpointInterval",
                       parseConfigValue<Duration>("--checkpoint-interval", settings.checkpoint_interval).ms);
    }
    if (!settings.log_level.empty())
        members.custom("MonitoringConfiguration", "LogLevel", settings.log_level);
    if (!settings.metrics_level.empty())
        members.custom("MonitoringConfiguration", "MetricsLevel", settings.metrics_level);
    if (!settings.snapshots.empty())
        members.at({"ApplicationSnapshotConfiguration", "SnapshotsEnabled"}) = settings.snapshots == "on";
    if (!settings.system_rollback.empty())
        members.at({"ApplicationSystemRollbackConfiguration", "RollbackEnabled"}) =
            settings.system_rollback == "on";
}

}  // namespace

std::shared_ptr<Restore> declareRestore(CLI::App& app) {
    auto restore = std::make_shared<Restore>();
    auto* snapshot =
        app.add_option("--snapshot", restore->snapshot, "starts from this one, not from the latest")
            ->type_name(kSnapshotValue);
    app.add_flag("--no-restore", restore->none, "starts without state")->excludes(snapshot);
    app.add_flag("--allow-non-restored-state", restore->allow_non_restored,
                 "state whose operator is no longer in the SQL is left out; else that is an error");
    return restore;
}

Json runConfiguration(const Restore& restore) {
    Json run = Json::object();
    if (!restore.snapshot.empty())
        run["ApplicationRestoreConfiguration"] = {{"ApplicationRestoreType", "RESTORE_FROM_CUSTOM_SNAPSHOT"},
                                                  {"SnapshotName", restore.snapshot}};
    if (restore.none)
        run["ApplicationRestoreConfiguration"] = {{"ApplicationRestoreType", "SKIP_RESTORE_FROM_SNAPSHOT"}};
    if (restore.allow_non_restored) run["FlinkRunConfiguration"] = {{"AllowNonRestoredState", true}};
    return run;
}

std::shared_ptr<Settings> declareSettings(CLI::App& app, bool for_update) {
    auto settings = std::make_shared<Settings>();
    const CLI::IsMember on_off({"on", "off"});
    auto* sql = app.add_option("--sql", settings->sql, "the code: a file of SQL, - for standard input")
                    ->type_name(kFileValue);
    auto* zip = app.add_option("--zip", settings->zip, "the code: a zip archive of .sql files")
                    ->type_name(kFileValue)
                    ->excludes(sql);
    auto* s3 = app.add_option("--s3", settings->s3, "the code: an object, as s3://bucket/key")
                   ->type_name("URL")
                   ->excludes(sql)
                   ->excludes(zip);
    app.add_option("--s3-version", settings->s3_version, "of that object")->type_name("VERSION")->needs(s3);
    app.add_option("--runtime", settings->runtime, "the runtime environment, such as FLINK-1_20")
        ->type_name("RUNTIME");
    app.add_option("--role", settings->role, "the service execution role's ARN")->type_name("ARN");
    app.add_option("--parallelism", settings->parallelism, "how many slots its job has")
        ->check(CLI::PositiveNumber);
    app.add_option("--parallelism-per-kpu", settings->parallelism_per_kpu, "how many of them share a KPU")
        ->check(CLI::Range(1, 8));
    app.add_option("--autoscaling", settings->autoscaling, "whether the parallelism follows the load")
        ->check(on_off);
    app.add_option("--property", settings->properties, "group.key=value: ${group.key} in the SQL; repeatable")
        ->type_name("PROPERTY")
        ->allow_extra_args(false);
    if (for_update)
        app.add_option("--remove-property", settings->removed_properties,
                       "group.key, or a whole group; repeatable")
            ->type_name("PROPERTY")
            ->allow_extra_args(false);
    app.add_option("--checkpoint-interval", settings->checkpoint_interval,
                   "between checkpoints, such as 30s, or off")
        ->type_name("DURATION");
    app.add_option("--snapshots", settings->snapshots, "whether a stop and an update make one")
        ->check(on_off);
    app.add_option("--system-rollback", settings->system_rollback,
                   "whether an update that fails is taken back")
        ->check(on_off);
    app.add_option("--log-level", settings->log_level, "of its cluster")
        ->check(CLI::IsMember({"INFO", "WARN", "ERROR", "DEBUG"}));
    app.add_option("--metrics-level", settings->metrics_level, "how finely it is measured")
        ->check(CLI::IsMember({"APPLICATION", "TASK", "OPERATOR", "PARALLELISM"}));
    app.add_option("--configuration", settings->configuration,
                   for_update
                       ? "a JSON file: the API's ApplicationConfigurationUpdate; other options win over it"
                       : "a JSON file: the API's ApplicationConfiguration; other options win over it")
        ->type_name(kFileValue);
    if (!for_update) app.add_option("--description", settings->description, "of the application");
    return settings;
}

Json applicationConfiguration(const Settings& settings) {
    Json configuration = configurationFile(settings.configuration);
    setSettings(Members(configuration, ""), settings);
    if (!settings.properties.empty()) {
        Properties properties;
        for (const Json& group : memberOf(memberOf(configuration, "EnvironmentProperties"), "PropertyGroups"))
            properties[shown(group, "PropertyGroupId")] =
                group.value("PropertyMap", std::map<std::string, std::string>());
        setProperties(properties, settings.properties);
        configuration["EnvironmentProperties"] = propertyGroups(properties);
    }
    return configuration;
}

bool changesProperties(const Settings& settings) {
    return !settings.properties.empty() || !settings.removed_properties.empty();
}

Json applicationConfigurationUpdate(const Settings& settings, const Json& current_properties) {
    Json update = configurationFile(settings.configuration);
    setSettings(Members(update, "Update"), settings);
    if (!changesProperties(settings)) return update;
    // The file's, if it has some: it replaces those of now.
    const Json& from_file = memberOf(memberOf(update, "EnvironmentPropertyUpdates"), "PropertyGroups");
    Properties properties;
    for (const Json& group :
         from_file.is_array() ? from_file : memberOf(current_properties, "PropertyGroupDescriptions"))
        properties[shown(group, "PropertyGroupId")] =
            group.value("PropertyMap", std::map<std::string, std::string>());
    removeProperties(properties, settings.removed_properties);
    setProperties(properties, settings.properties);
    update["EnvironmentPropertyUpdates"] = propertyGroups(properties);
    return update;
}

void finishOperation(const AppContext& context, const std::string& application, const Json& answer,
                     const Waiting& waiting) {
    const std::string id = shown(answer, "OperationId");
    if (id.empty()) {  // it is done already
        const Json& detail = memberOf(answer, "ApplicationDetail");
        context.print(answer, [&] {
            return fmt::format(
                "{}: {}\n", application,
                statusText(detail.is_object() ? detail : describeApplication(context, application)));
        });
        return;
    }
    if (waiting.none) {
        context.print(answer, [&] { return fmt::format("{}: operation {}\n", application, id); });
        return;
    }
    const Json ended = awaitOperation(context, application, id, *waiting.timeout);
    context.print(ended, [&] {
        std::string text =
            fmt::format("{}: {}\n", application, statusText(describeApplication(context, application)));
        const Json& downtime =
            memberOf(memberOf(ended, "ApplicationOperationInfoDetails"), "DowntimeMilliseconds");
        if (downtime.is_number_integer())
            text += fmt::format("The job was stopped for {}.\n",
                                shownDuration(std::chrono::milliseconds(downtime.get<int64_t>())));
        return text;
    });
}

}  // namespace millrace::cli
