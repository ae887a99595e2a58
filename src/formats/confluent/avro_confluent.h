// The avro-confluent format (Flink docs, "Confluent Avro Format"). A message is a zero byte, the number of
// its schema in the registry (4 bytes, big-endian), and the record in Avro's binary encoding.
//
// Reading: the writer's schema is fetched when its number is first met, and resolved against the table's
// schema ('schema', else its columns). Writing: under the given schema, else under the latest one of the
// subject, if there is one, else under one that follows from the table's columns
// (docs/decisions/0016-avro.md).
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "formats/avro/avro_schema.h"
#include "formats/format.h"
#include "formats/registry/schema_registry.h"

namespace millrace {

enum class SubjectStrategy : uint8_t { TopicName, RecordName, TopicRecordName };

struct AvroConfluentOptions {
    SchemaRegistryOptions registry;
    std::string subject;
    avro::SchemaPtr schema;
    SubjectStrategy strategy = SubjectStrategy::TopicName;
    bool register_schemas = true;
    bool use_latest = true;
    bool legacy_timestamps = true;
    std::string topic, part;  // of the messages: "key" or "value"
    int retry_ms = 200;

    // UserError "config.missing-option", "config.bad-value", "avro.bad-schema".
    static AvroConfluentOptions from(const std::map<std::string, std::string>& options);
    static std::vector<OptionDescription> describe();
    // That of records of this schema (nullptr: it is not known yet). UserError "config.missing-option" if
    // nothing says.
    std::string subjectOf(const avro::Schema* schema) const;
};

std::unique_ptr<Decoder> makeAvroConfluentDecoder(const Schema& schema,
                                                  const std::vector<ColumnPath>& projection,
                                                  const AvroConfluentOptions& options,
                                                  std::shared_ptr<HttpClient> client);
std::unique_ptr<Encoder> makeAvroConfluentEncoder(const Schema& schema, const AvroConfluentOptions& options,
                                                  std::shared_ptr<HttpClient> client);
// The columns of a table that names none: those of 'schema', else of the subject's latest one.
Schema inferConfluentColumns(const AvroConfluentOptions& options, std::shared_ptr<HttpClient> client);

}  // namespace millrace
