// The options of the kafka connector, by the names of Flink's (Flink docs, Table API connectors, "Kafka").
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "connectors/kafka/kafka_client.h"
#include "runtime/connector.h"

namespace millrace {

// Where reading starts or ends.
struct KafkaPosition {
    enum class Kind : uint8_t { Earliest, Latest, GroupOffsets, Timestamp, Specific, Unbounded };
    Kind kind = Kind::GroupOffsets;
    int64_t timestamp_ms = 0;
    std::map<int32_t, int64_t> offsets;  // by partition
};

inline constexpr const char* kUpsertKafka = "upsert-kafka";

struct KafkaOptions {
    std::string table;
    bool upsert = false;  // the connector upsert-kafka
    std::vector<std::string> topics;
    std::string topic_pattern;
    KafkaSettings settings;
    bool has_group = false;
    bool commit_offsets = false;  // the group's, with each checkpoint
    // Where reading goes on whose position is not there (`auto.offset.reset`).
    enum class Reset : uint8_t { Error, Earliest, Latest };
    Reset reset = Reset::Error;

    KafkaPosition start;
    KafkaPosition end;
    Duration discovery_interval;  // 0: none

    std::string value_format, key_format;
    std::vector<size_t> value_columns, key_columns;  // of the table's, both physical
    std::string key_prefix;
    std::map<std::string, std::string> format_options, key_format_options;

    enum class Guarantee : uint8_t { None, AtLeastOnce, ExactlyOnce };
    Guarantee guarantee = Guarantee::AtLeastOnce;
    enum class Partitioner : uint8_t { Default, Fixed, RoundRobin };
    Partitioner partitioner = Partitioner::Default;
    std::string transactional_id_prefix;
    // Of upsert: changes are gathered by key, up to so many keys and for so long; 0: they are not.
    int64_t buffer_rows_max = 0;
    Duration buffer_interval;

    // UserError for what is missing, cannot be, or does not go together.
    static KafkaOptions from(const TableSpec& spec);
    static std::vector<OptionDescription> describe();
    static std::vector<OptionDescription> describeUpsert();
    // What only a source, or only a sink, needs: UserError likewise.
    void checkSource(const TableSpec& spec) const;
    void checkSink(const TableSpec& spec) const;

    // The table's columns in the message's value, and in its key (without the prefix).
    Schema valueSchema(const Schema& table_schema) const;
    Schema keySchema(const Schema& table_schema) const;
};

}  // namespace millrace
