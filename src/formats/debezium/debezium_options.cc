#include "base/error.h"
#include "formats/debezium/debezium_json.h"

namespace millrace {
namespace {

constexpr std::string_view kDebeziumPrefix = "debezium-json.";
// Of the json format's options, those that this format shares.
constexpr const char* kSharedWithJson[] = {
    "ignore-parse-errors",  "timestamp-format.standard",      "map-null-key.mode",
    "map-null-key.literal", "encode.decimal-as-plain-number", "encode.ignore-null-fields"};

}  // namespace

DebeziumJsonOptions DebeziumJsonOptions::from(const std::map<std::string, std::string>& options) {
    DebeziumJsonOptions out;
    std::map<std::string, std::string> json;
    for (const char* name : kSharedWithJson) {
        const auto found = options.find(std::string(kDebeziumPrefix) + name);
        if (found != options.end()) json["json." + std::string(name)] = found->second;
    }
    try {
        out.json = JsonOptions::from(json);
    } catch (const UserError& error) {
        Problem problem = error.problem();
        for (size_t at = 0; (at = problem.message.find("'json.", at)) != std::string::npos; at += 2)
            problem.message.replace(at + 1, 5, kDebeziumPrefix);
        throw UserError(std::move(problem));
    }
    const std::string key = "debezium-json.schema-include";
    if (const auto found = options.find(key); found != options.end())
        out.schema_include = parseConfigValue<bool>(key, found->second);
    return out;
}

std::vector<OptionDescription> DebeziumJsonOptions::describe() {
    std::vector<OptionDescription> options = {
        {"debezium-json.schema-include", "boolean", "false",
         "Whether messages hold the schema beside the payload, as Kafka Connect's JSON converter writes them "
         "with schemas.enable. Such messages can be read only."},
    };
    for (OptionDescription option : JsonOptions::describe()) {
        const std::string name = option.key.substr(5);
        for (const char* shared : kSharedWithJson) {
            if (name != shared) continue;
            option.key = std::string(kDebeziumPrefix) + name;
            options.push_back(option);
        }
    }
    return options;
}

}  // namespace millrace
