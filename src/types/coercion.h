// Which types meet in which (Flink's LogicalTypeMerging and LogicalTypeCasts).
#pragma once

#include <optional>
#include <span>

#include "types/logical_type.h"

namespace millrace {

// The type that all of them convert into without being asked (CASE branches, UNION, COALESCE, comparison);
// nothing if none.
std::optional<LogicalType> commonType(std::span<const LogicalType> types);
bool canCastImplicitly(const LogicalType& from, const LogicalType& to);
bool canCastExplicitly(const LogicalType& from, const LogicalType& to);
LogicalType decimalFor(
    const LogicalType& exact_numeric);  // INT -> DECIMAL(10, 0), BIGINT -> DECIMAL(19, 0), ...

}  // namespace millrace
