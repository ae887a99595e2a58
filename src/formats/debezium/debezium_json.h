// The debezium-json format (Flink docs, "Debezium Format"): {"before": ROW, "after": ROW, "op": "u", ...},
// or, with schema-include, {"schema": ..., "payload": that}. "c" and "r" are inserts, "u" is an update's two
// rows, "d" a delete.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "formats/format.h"
#include "formats/json/json_options.h"

namespace millrace {

struct DebeziumJsonOptions {
    JsonOptions json;
    bool schema_include = false;

    // UserError "config.bad-value".
    static DebeziumJsonOptions from(const std::map<std::string, std::string>& options);
    static std::vector<OptionDescription> describe();
};

std::vector<MetadataKey> debeziumMetadata();
// Columns of `metadata`, keys of debeziumMetadata(), stand behind the projected ones.
std::unique_ptr<Decoder> makeDebeziumJsonDecoder(const Schema& schema,
                                                 const std::vector<ColumnPath>& projection,
                                                 const std::vector<std::string>& metadata,
                                                 const DebeziumJsonOptions& options);
std::unique_ptr<Encoder> makeDebeziumJsonEncoder(const Schema& schema, const DebeziumJsonOptions& options);

}  // namespace millrace
