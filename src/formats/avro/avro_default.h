// Default values of fields, which stand in schemas as JSON.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "formats/avro/avro_schema.h"
#include "types/value.h"

namespace millrace::avro {

// As a value of a column of `type`. UserError "avro.bad-schema" naming the field if it is none.
Value defaultValue(const nlohmann::json& json, const Node& node, const LogicalType& type,
                   const std::string& field);
// As the field's bytes, for records that are written without a column for it. Likewise.
void appendDefault(const nlohmann::json& json, const Node& node, const std::string& field, std::string& out);

// A decimal's bytes: big-endian, two's complement. Nothing if it has more than 128 bits.
std::optional<Int128> decimalOfBytes(std::string_view bytes);

}  // namespace millrace::avro
