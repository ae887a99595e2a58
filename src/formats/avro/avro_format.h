// The avro format's decoder and encoder (Flink docs, "Avro Format"). Files: avro_container.h. What Millrace
// adds to Flink's options is avro.schema, and the codec zstandard.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "formats/avro/avro_codec.h"
#include "formats/avro/avro_schema.h"
#include "formats/format.h"

namespace millrace {

struct AvroOptions {
    avro::Codec codec = avro::Codec::Snappy;
    bool legacy_timestamps = true;
    avro::SchemaPtr schema;  // nullptr: the table's columns say
    bool messages = false;   // not files

    // UserError "config.bad-value", "avro.bad-schema".
    static AvroOptions from(const std::map<std::string, std::string>& options);
    static std::vector<OptionDescription> describe();
    Schema columns() const;  // of the schema; UserError "config.missing-option" without one
};

std::unique_ptr<Decoder> makeAvroDecoder(const Schema& schema, const std::vector<ColumnPath>& projection,
                                         const AvroOptions& options);
std::unique_ptr<Encoder> makeAvroEncoder(const Schema& schema, const AvroOptions& options);

}  // namespace millrace
