#include <fmt/format.h>

#include "base/error.h"
#include "formats/confluent/avro_confluent.h"

namespace millrace {
namespace {

constexpr const char* kConfluentPrefix = "avro-confluent";

SubjectStrategy subjectStrategy(const std::string& key, std::string name) {
    // The names of Confluent's classes are taken, too.
    const size_t dot = name.rfind('.');
    if (dot != std::string::npos) name.erase(0, dot + 1);
    if (name.ends_with("Strategy")) name.erase(name.size() - 8);
    if (name == "TopicName") return SubjectStrategy::TopicName;
    if (name == "RecordName") return SubjectStrategy::RecordName;
    if (name == "TopicRecordName") return SubjectStrategy::TopicRecordName;
    throw UserError("config.bad-value",
                    fmt::format("'{}' has the value '{}', which is not one of: TopicName, "
                                "RecordName, TopicRecordName",
                                key, name));
}

}  // namespace

AvroConfluentOptions AvroConfluentOptions::from(const std::map<std::string, std::string>& options) {
    AvroConfluentOptions out;
    const auto find = [&](const std::string& name) -> const std::string* {
        const auto found = options.find(fmt::format("{}.{}", kConfluentPrefix, name));
        return found == options.end() ? nullptr : &found->second;
    };
    const auto flag = [&](const char* name, const char* property, bool& value) {
        for (const std::string& key : {"properties." + std::string(property), std::string(name)})
            if (const std::string* given = find(key))
                value = parseConfigValue<bool>(fmt::format("{}.{}", kConfluentPrefix, key), *given);
    };
    out.registry = SchemaRegistryOptions::from(kConfluentPrefix, options);
    if (const std::string* subject = find("subject")) out.subject = *subject;
    if (const std::string* schema = find("schema")) out.schema = avro::Schema::parse(*schema);
    flag("auto.register.schemas", "auto.register.schemas", out.register_schemas);
    flag("use.latest.version", "use.latest.version", out.use_latest);
    flag("timestamp_mapping.legacy", "timestamp_mapping.legacy", out.legacy_timestamps);
    if (const auto topic = options.find(kMessageTopic); topic != options.end()) out.topic = topic->second;
    if (const auto part = options.find(kMessagePart); part != options.end()) out.part = part->second;
    for (const std::string& key :
         {fmt::format("properties.{}.subject.name.strategy", out.part.empty() ? "value" : out.part),
          std::string("subject-name-strategy")}) {
        if (const std::string* name = find(key))
            out.strategy = subjectStrategy(fmt::format("{}.{}", kConfluentPrefix, key), *name);
    }
    return out;
}

std::vector<OptionDescription> AvroConfluentOptions::describe() {
    std::vector<OptionDescription> options = SchemaRegistryOptions::describe(kConfluentPrefix);
    for (OptionDescription option : std::vector<OptionDescription>{
             {"subject", "string", "",
              "The registry's subject of the schemas; for Kafka, '<topic>-value' or '<topic>-key' by "
              "default."},
             {"schema", "string", "",
              "The schema, in JSON: what is written is registered as it stands, and what is read is resolved "
              "to "
              "it."},
             {"subject-name-strategy", "string", "TopicName",
              "Without a subject, how it is named: TopicName, RecordName or TopicRecordName."},
             {"auto.register.schemas", "boolean", "true",
              "Whether a schema that the subject does not have is registered; with false that is an error."},
             {"use.latest.version", "boolean", "true",
              "Without a schema, write under the subject's latest one, if it has one; with false a schema "
              "that "
              "follows from the table's columns is registered."},
             {"timestamp_mapping.legacy", "boolean", "true",
              "Whether TIMESTAMP is Avro's timestamp; with false TIMESTAMP is a local-timestamp, and "
              "TIMESTAMP_LTZ a timestamp."}}) {
        option.key = fmt::format("{}.{}", kConfluentPrefix, option.key);
        options.push_back(std::move(option));
    }
    return options;
}

std::string AvroConfluentOptions::subjectOf(const avro::Schema* record) const {
    if (!subject.empty()) return subject;
    const auto missing = [](const char* why) -> std::string {
        throw UserError("config.missing-option",
                        fmt::format("the format needs the option '{}.subject'", kConfluentPrefix), why);
    };
    if (strategy != SubjectStrategy::RecordName && topic.empty())
        return missing("this connector has no topic that would name it");
    if (strategy == SubjectStrategy::TopicName) return topic + "-" + (part.empty() ? "value" : part);
    if (record == nullptr)
        return missing("a subject by the record's name needs 'avro-confluent.schema', or is given itself");
    return strategy == SubjectStrategy::RecordName ? record->root().name : topic + "-" + record->root().name;
}

}  // namespace millrace
