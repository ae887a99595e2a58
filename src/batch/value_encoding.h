// Single values as snapshots have them (docs/formats/snapshot.md, "Rows"): a validity byte and the value.
#pragma once

#include <string>
#include <string_view>

#include "types/logical_type.h"
#include "types/value.h"

namespace millrace {

void encodeValue(const LogicalType& type, const Value& value, std::string& out);
// Advances `in`. UserError "snapshot.damaged" if it does not fit.
Value decodeValue(const LogicalType& type, std::string_view& in);

}  // namespace millrace
