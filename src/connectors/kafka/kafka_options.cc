#include "connectors/kafka/kafka_options.h"

#include <fmt/format.h>
#include <re2/re2.h>

#include <algorithm>
#include <charconv>
#include <set>

#include "base/error.h"
#include "formats/format.h"

namespace millrace {
namespace {

constexpr const char* kDefaultDiscovery = "5 min";
constexpr const char* kCommitOffsets = "properties.commit.offsets.on.checkpoint";

class KafkaOptionReader {
  public:
    explicit KafkaOptionReader(const TableSpec& spec) : spec_(spec) {}

    const std::string* find(const std::string& key) const {
        const auto found = spec_.options.find(key);
        return found == spec_.options.end() ? nullptr : &found->second;
    }
    std::string get(const std::string& key, const char* otherwise) const {
        const std::string* const value = find(key);
        return value == nullptr ? otherwise : *value;
    }
    [[noreturn]] void bad(const std::string& key, const std::string& why, const std::string& hint) const {
        throw UserError("config.bad-value", fmt::format("table '{}': '{}' {}", spec_.name, key, why), hint);
    }
    [[noreturn]] void missing(const std::string& key, const std::string& hint) const {
        throw UserError("config.missing-option",
                        fmt::format("table '{}' needs the option '{}'", spec_.name, key), hint);
    }

    // "partition:0,offset:42;partition:1,offset:300"
    std::map<int32_t, int64_t> offsets(const std::string& key) const {
        static const RE2 pattern(R"(\s*partition:(\d+),offset:(\d+)\s*;?)");
        const std::string* const text = find(key);
        if (text == nullptr) missing(key, "such as 'partition:0,offset:42;partition:1,offset:300'");
        std::map<int32_t, int64_t> offsets;
        re2::StringPiece rest(*text);
        int32_t partition = 0;
        int64_t offset = 0;
        while (RE2::Consume(&rest, pattern, &partition, &offset))
            offsets[partition] = offset;
        if (!rest.empty() || offsets.empty())
            bad(key, fmt::format("cannot be read: '{}'", *text),
                "such as 'partition:0,offset:42;partition:1,offset:300'");
        return offsets;
    }

    int64_t timestamp(const std::string& key) const {
        if (find(key) == nullptr) missing(key, "milliseconds since the epoch");
        return parseConfigValue<int64_t>(key, *find(key));
    }

    size_t column(const std::string& key, const std::string& name) const {
        const int index = spec_.schema.find(name);
        if (index < 0 || spec_.isMetadata(static_cast<size_t>(index)))
            bad(key, fmt::format("names the column '{}', which the records of the table do not have", name),
                "only physical columns");
        return static_cast<size_t>(index);
    }

  private:
    const TableSpec& spec_;
};

std::vector<std::string> splitList(const std::string& text) {
    std::vector<std::string> parts;
    for (size_t at = 0; at <= text.size();) {
        const size_t end = std::min(text.find(';', at), text.size());
        std::string part = text.substr(at, end - at);
        part.erase(0, part.find_first_not_of(' '));
        part.erase(part.find_last_not_of(' ') + 1);
        if (!part.empty()) parts.push_back(std::move(part));
        at = end + 1;
    }
    return parts;
}

KafkaPosition startOf(const KafkaOptionReader& reader) {
    const std::string mode = reader.get("scan.startup.mode", "group-offsets");
    using Kind = KafkaPosition::Kind;
    if (mode == "earliest-offset") return {Kind::Earliest, 0, {}};
    if (mode == "latest-offset") return {Kind::Latest, 0, {}};
    if (mode == "timestamp") return {Kind::Timestamp, reader.timestamp("scan.startup.timestamp-millis"), {}};
    if (mode == "specific-offsets")
        return {Kind::Specific, 0, reader.offsets("scan.startup.specific-offsets")};
    return {Kind::GroupOffsets, 0, {}};
}

KafkaPosition endOf(const KafkaOptionReader& reader) {
    const std::string mode = reader.get("scan.bounded.mode", "unbounded");
    using Kind = KafkaPosition::Kind;
    if (mode == "latest-offset") return {Kind::Latest, 0, {}};
    if (mode == "group-offsets") return {Kind::GroupOffsets, 0, {}};
    if (mode == "timestamp") return {Kind::Timestamp, reader.timestamp("scan.bounded.timestamp-millis"), {}};
    if (mode == "specific-offsets")
        return {Kind::Specific, 0, reader.offsets("scan.bounded.specific-offsets")};
    return {Kind::Unbounded, 0, {}};
}

KafkaOptions::Reset resetOf(const KafkaSettings& settings) {
    const auto found = settings.find("auto.offset.reset");
    const std::string how = found == settings.end() ? "error" : found->second;
    if (how == "earliest" || how == "smallest" || how == "beginning") return KafkaOptions::Reset::Earliest;
    if (how == "latest" || how == "largest" || how == "end") return KafkaOptions::Reset::Latest;
    return KafkaOptions::Reset::Error;
}

void readFormats(const TableSpec& spec, const KafkaOptionReader& reader, KafkaOptions& out) {
    const bool named_value = reader.find("value.format") != nullptr;
    if (named_value && reader.find("format") != nullptr)
        reader.bad("value.format", "and 'format' are the same option", "leave one of them out");
    if (!named_value && out.upsert) reader.missing("value.format", "such as 'json' or 'csv'");
    if (!named_value && reader.find("format") == nullptr) reader.missing("format", "such as 'json' or 'csv'");
    out.value_format = *reader.find(named_value ? "value.format" : "format");
    out.key_format = reader.get("key.format", "");
    for (const auto& [key, value] : spec.options) {
        if (key.starts_with("value.")) {
            if (named_value) out.format_options[key.substr(6)] = value;
        } else if (key.starts_with("key.")) {
            out.key_format_options[key.substr(4)] = value;
        } else if (!named_value) {
            out.format_options[key] = value;
        }
    }
    // What names the subject in a schema registry.
    if (out.topics.size() == 1)
        out.format_options[kMessageTopic] = out.key_format_options[kMessageTopic] = out.topics.front();
    out.format_options[kMessagePart] = "value";
    out.key_format_options[kMessagePart] = "key";
    out.key_prefix = reader.get("key.fields-prefix", "");
    const std::vector<std::string> key_fields =
        out.upsert ? spec.primary_key : splitList(reader.get("key.fields", ""));
    if (out.upsert && key_fields.empty())
        throw UserError(
            "sql.no-primary-key",
            fmt::format("table '{}' needs a PRIMARY KEY: it is the key of the messages", spec.name),
            "PRIMARY KEY (column, ...) NOT ENFORCED");
    if (out.upsert && out.key_format.empty()) reader.missing("key.format", "such as 'json' or 'csv'");
    if (out.key_format.empty() != key_fields.empty())
        reader.missing(out.key_format.empty() ? "key.format" : "key.fields",
                       "'key.format' and 'key.fields' come together");
    for (const std::string& name : key_fields) {
        if (!name.starts_with(out.key_prefix))
            reader.bad("key.fields",
                       fmt::format("names '{}', which does not begin with '{}'", name, out.key_prefix),
                       "every key field begins with 'key.fields-prefix'");
        out.key_columns.push_back(reader.column("key.fields", name));
    }
    const std::string include = reader.get("value.fields-include", "ALL");
    if (include != "EXCEPT_KEY" && !out.key_prefix.empty())
        reader.bad("key.fields-prefix", "needs 'value.fields-include' = 'EXCEPT_KEY'",
                   "else the value would have to hold the fields with the prefix");
    for (size_t i = 0; i < spec.schema.size(); ++i) {
        if (spec.isMetadata(i)) continue;
        const bool in_key =
            std::find(out.key_columns.begin(), out.key_columns.end(), i) != out.key_columns.end();
        if (include != "EXCEPT_KEY" || !in_key) out.value_columns.push_back(i);
    }
}

}  // namespace

KafkaOptions KafkaOptions::from(const TableSpec& spec) {
    const KafkaOptionReader reader(spec);
    KafkaOptions out;
    out.table = spec.name;
    const std::string* const connector = reader.find("connector");
    out.upsert = connector != nullptr && *connector == kUpsertKafka;
    out.topics = splitList(reader.get("topic", ""));
    out.topic_pattern = reader.get("topic-pattern", "");
    if (out.topics.empty() == out.topic_pattern.empty())
        reader.missing(out.topics.empty() ? "topic" : "topic' or 'topic-pattern", "one of the two, not both");
    if (!out.topic_pattern.empty() && !RE2(out.topic_pattern, RE2::Quiet).ok())
        reader.bad("topic-pattern", "is not a regular expression", "it must match a topic's whole name");
    if (reader.find("properties.bootstrap.servers") == nullptr)
        reader.missing("properties.bootstrap.servers", "such as 'localhost:9092'");
    out.settings = kafkaSettings(spec.name, spec.options);
    out.has_group = out.settings.contains("group.id");
    out.reset = resetOf(out.settings);
    const std::string* const commit = reader.find(kCommitOffsets);
    out.commit_offsets = commit == nullptr ? out.has_group : parseConfigValue<bool>(kCommitOffsets, *commit);
    out.start = out.upsert ? KafkaPosition{KafkaPosition::Kind::Earliest, 0, {}} : startOf(reader);
    out.end = endOf(reader);
    out.discovery_interval =
        parseConfigValue<Duration>("scan.topic-partition-discovery.interval",
                                   reader.get("scan.topic-partition-discovery.interval", kDefaultDiscovery));
    readFormats(spec, reader, out);

    out.buffer_rows_max = parseConfigValue<int64_t>("sink.buffer-flush.max-rows",
                                                    reader.get("sink.buffer-flush.max-rows", "0"));
    out.buffer_interval = parseConfigValue<Duration>("sink.buffer-flush.interval",
                                                     reader.get("sink.buffer-flush.interval", "0"));
    if ((out.buffer_rows_max > 0) != (out.buffer_interval.ms > 0))
        reader.bad(out.buffer_rows_max > 0 ? "sink.buffer-flush.max-rows" : "sink.buffer-flush.interval",
                   "alone buffers nothing",
                   "both 'sink.buffer-flush.max-rows' and 'sink.buffer-flush.interval'");
    const std::string guarantee = reader.get("sink.delivery-guarantee", "at-least-once");
    out.guarantee = guarantee == "exactly-once" ? Guarantee::ExactlyOnce
                    : guarantee == "none"       ? Guarantee::None
                                                : Guarantee::AtLeastOnce;
    out.transactional_id_prefix = reader.get("sink.transactional-id-prefix", "");
    const std::string partitioner = reader.get("sink.partitioner", "default");
    if (partitioner == "fixed")
        out.partitioner = Partitioner::Fixed;
    else if (partitioner == "round-robin")
        out.partitioner = Partitioner::RoundRobin;
    else if (partitioner != "default")
        reader.bad("sink.partitioner", fmt::format("is '{}': classes of Java cannot be called", partitioner),
                   "'default', 'fixed' or 'round-robin'");
    return out;
}

void KafkaOptions::checkSource(const TableSpec& spec) const {
    const KafkaOptionReader reader(spec);
    using Kind = KafkaPosition::Kind;
    if ((start.kind == Kind::GroupOffsets || end.kind == Kind::GroupOffsets) && !has_group)
        reader.missing("properties.group.id",
                       "whose offsets are where reading starts; or say another 'scan.startup.mode'");
    if (commit_offsets && !has_group)
        reader.missing("properties.group.id",
                       fmt::format("'{}' commits the offsets of that group", kCommitOffsets));
    if ((start.kind == Kind::Specific || end.kind == Kind::Specific) && topics.size() != 1)
        reader.bad("topic", "must be a single one for specific offsets", "offsets are given by partition");
}

void KafkaOptions::checkSink(const TableSpec& spec) const {
    const KafkaOptionReader reader(spec);
    if (topics.size() != 1) reader.bad("topic", "must be a single one to be written to", "");
    if (guarantee == Guarantee::ExactlyOnce && transactional_id_prefix.empty())
        reader.missing("sink.transactional-id-prefix", "exactly-once names its transactions with it");
}

std::vector<OptionDescription> KafkaOptions::describeUpsert() {
    const std::set<std::string, std::less<>> shared = {"topic",
                                                       "topic-pattern",
                                                       "properties.bootstrap.servers",
                                                       "properties.group.id",
                                                       kCommitOffsets,
                                                       "properties.#",
                                                       "scan.bounded.mode",
                                                       "scan.bounded.specific-offsets",
                                                       "scan.bounded.timestamp-millis",
                                                       "scan.topic-partition-discovery.interval",
                                                       "key.fields-prefix",
                                                       "value.fields-include",
                                                       "sink.partitioner",
                                                       "sink.delivery-guarantee",
                                                       "sink.transactional-id-prefix"};
    std::vector<OptionDescription> options;
    for (OptionDescription& option : describe())
        if (shared.contains(option.key)) options.push_back(std::move(option));
    options.push_back({"sink.buffer-flush.max-rows", "integer", "0",
                       "How many keys' changes are gathered before they are written; 0 for none."});
    options.push_back({"sink.buffer-flush.interval", "duration", "0",
                       "How long changes are gathered at most; of a key's, the last one is written."});
    return options;
}

std::vector<OptionDescription> KafkaOptions::describe() {
    return {
        {"topic", "string", "", "The topic, or topics with ';' between them; of a sink, one."},
        {"topic-pattern", "string", "",
         "Reads every topic whose whole name this regular expression matches."},
        {"properties.bootstrap.servers", "string", "", "The brokers to begin with: 'host:port,host:port'.",
         true},
        {"properties.group.id", "string", "",
         "The consumer group whose offsets reading starts from, and are committed with each checkpoint."},
        {kCommitOffsets, "boolean", "true",
         "Whether each checkpoint commits the positions as offsets of 'properties.group.id'."},
        {"properties.#", "string", "", "Any setting of Kafka's clients, by its name there."},
        {"scan.startup.mode",
         "enum",
         "group-offsets",
         "Where reading starts, for partitions without a position in the restored state.",
         false,
         {"earliest-offset", "latest-offset", "group-offsets", "timestamp", "specific-offsets"}},
        {"scan.startup.specific-offsets", "string", "", "'partition:0,offset:42;partition:1,offset:300'."},
        {"scan.startup.timestamp-millis", "integer", "", "Milliseconds since the epoch."},
        {"scan.bounded.mode",
         "enum",
         "unbounded",
         "Where reading ends.",
         false,
         {"unbounded", "latest-offset", "group-offsets", "timestamp", "specific-offsets"}},
        {"scan.bounded.specific-offsets", "string", "", "'partition:0,offset:42;partition:1,offset:300'."},
        {"scan.bounded.timestamp-millis", "integer", "", "Milliseconds since the epoch."},
        {"scan.topic-partition-discovery.interval", "duration", kDefaultDiscovery,
         "How often to look for new topics and partitions; 0 for never."},
        {"key.fields", "string", "", "The columns in the message's key, with ';' between them."},
        {"key.fields-prefix", "string", "", "Of the key columns' names; the key's own fields lack it."},
        {"value.fields-include",
         "enum",
         "ALL",
         "Whether the key columns are in the value, too.",
         false,
         {"ALL", "EXCEPT_KEY"}},
        {"sink.partitioner", "string", "default",
         "'default': by the key, or any; 'fixed': one partition for each writer; 'round-robin'."},
        {"sink.delivery-guarantee",
         "enum",
         "at-least-once",
         "exactly-once writes in transactions, which readers see with each checkpoint.",
         false,
         {"none", "at-least-once", "exactly-once"}},
        {"sink.transactional-id-prefix", "string", "",
         "Of the transactions of exactly-once; no two running jobs may share it."},
    };
}

Schema KafkaOptions::valueSchema(const Schema& table_schema) const {
    std::vector<Field> fields;
    fields.reserve(value_columns.size());
    for (const size_t column : value_columns)
        fields.push_back(table_schema[column]);
    return Schema(std::move(fields));
}

Schema KafkaOptions::keySchema(const Schema& table_schema) const {
    std::vector<Field> fields;
    for (const size_t column : key_columns) {
        Field field = table_schema[column];
        field.name.erase(0, key_prefix.size());
        fields.push_back(std::move(field));
    }
    return Schema(std::move(fields));
}

}  // namespace millrace
