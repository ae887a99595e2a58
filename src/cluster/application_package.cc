#include "cluster/application_package.h"

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/file_system.h"

namespace millrace {
namespace {

using Json = nlohmann::json;

// A JSON object whose members are read by name and checked for their kind.
class PackageReader {
  public:
    PackageReader(const Json& object, const std::string& path) : object_(object), path_(path) {}

    std::string text(const char* name, std::string otherwise = "") const {
        const Json* value = find(name);
        if (value == nullptr) return otherwise;
        if (!value->is_string()) malformed(fmt::format("'{}' is not a text", name));
        return value->get<std::string>();
    }
    std::string textOrInteger(const char* name) const {
        const Json* value = find(name);
        return value != nullptr && value->is_number_integer() ? std::to_string(value->get<int64_t>())
                                                              : text(name);
    }
    int64_t integer(const char* name) const {
        const Json* value = find(name);
        if (value == nullptr) return 0;
        if (!value->is_number_integer()) malformed(fmt::format("'{}' is not an integer", name));
        return value->get<int64_t>();
    }
    bool boolean(const char* name) const {
        const Json* value = find(name);
        if (value == nullptr) return false;
        if (!value->is_boolean()) malformed(fmt::format("'{}' is neither true nor false", name));
        return value->get<bool>();
    }
    // A map of texts, sorted by key.
    std::map<std::string, std::string> texts(const char* name) const {
        const Json* value = find(name);
        return value == nullptr ? std::map<std::string, std::string>() : texts(*value, name);
    }
    std::map<std::string, std::map<std::string, std::string>> groups(const char* name) const {
        std::map<std::string, std::map<std::string, std::string>> all;
        const Json* value = find(name);
        if (value == nullptr) return all;
        if (!value->is_object()) malformed(fmt::format("'{}' is not an object", name));
        for (const auto& [key, group] : value->items())
            all[key] = texts(group, name);
        return all;
    }
    [[noreturn]] void malformed(const std::string& reason) const {
        throw UserError("package.malformed",
                        fmt::format("the application package {} cannot be used: {}", path_, reason));
    }

  private:
    const Json* find(const char* name) const {
        const auto found = object_.find(name);
        return found == object_.end() || found->is_null() ? nullptr : &*found;
    }
    std::map<std::string, std::string> texts(const Json& value, const char* name) const {
        std::map<std::string, std::string> all;
        if (!value.is_object()) malformed(fmt::format("'{}' is not an object", name));
        for (const auto& [key, entry] : value.items()) {
            if (!entry.is_string()) malformed(fmt::format("'{}': '{}' is not a text", name, key));
            all[key] = entry.get<std::string>();
        }
        return all;
    }

    const Json& object_;
    const std::string& path_;
};

LogLevel logLevelOf(const std::string& name, const PackageReader& reader) {
    if (name == "DEBUG") return LogLevel::Debug;
    if (name == "INFO") return LogLevel::Info;
    if (name == "WARN") return LogLevel::Warn;
    if (name == "ERROR") return LogLevel::Error;
    reader.malformed(fmt::format("'logLevel' is '{}', not one of DEBUG, INFO, WARN, ERROR", name));
}

}  // namespace

ApplicationPackage parseApplicationPackage(const std::string& text, const std::string& path) {
    const Json json = Json::parse(text, nullptr, false);
    const PackageReader reader(json, path);
    if (!json.is_object()) reader.malformed("it is not a JSON object");

    ApplicationPackage package;
    package.application_name = reader.text("applicationName");
    package.application_arn = reader.text("applicationArn");
    package.application_version_id = reader.textOrInteger("applicationVersionId");
    const std::string sql = reader.text("sql");
    const auto files = reader.texts("files");
    if (sql.empty() == files.empty()) reader.malformed("it needs either 'sql' or 'files'");
    if (!sql.empty()) package.sql_files.emplace_back("", sql);
    for (const auto& [name, content] : files)
        package.sql_files.emplace_back(name, content);
    for (const auto& [group, entries] : reader.groups("properties")) {
        for (const auto& [key, value] : entries)
            package.parameters[group + "." + key] = value;
    }
    package.configuration = Configuration(reader.texts("configuration"));
    package.job_id = reader.text("jobId", package.configuration.find("millrace.job-id").value_or(""));
    package.restore_path = reader.text("restore");
    package.check_path = reader.text("checkAgainst");
    package.allow_non_restored_state = reader.boolean("allowNonRestoredState");
    package.full_restarts = reader.integer("fullRestarts");
    package.log_level = logLevelOf(reader.text("logLevel", "INFO"), reader);
    package.log_path = reader.text("logFile");
    package.runtime_environment = reader.text("runtimeEnvironment");
    package.metrics_level = reader.text("metricsLevel", package.metrics_level);
    return package;
}

ApplicationPackage readApplicationPackage(const std::string& path) {
    return parseApplicationPackage(readFile(localFileSystem(), path), path);
}

}  // namespace millrace
