// How two types meet in a comparison, which is wider than commonType: a character string meets a date or time
// as one.
#pragma once

#include "functions/function.h"

namespace millrace {

// The type in which `a` and `b` are compared; nothing if they cannot be. UserError "sql.bad-argument" for a
// number and a character string, which Flink refuses too.
std::optional<LogicalType> comparisonType(std::string_view name, const LogicalType& a, const LogicalType& b);

// =, <>, <, <=, >, >= by their symbol, over arguments of one type.
ScalarKernel comparisonKernel(std::string_view symbol, const LogicalType& type, const LogicalType& result);

}  // namespace millrace
