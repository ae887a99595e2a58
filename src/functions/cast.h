// CAST and TRY_CAST between any two types that Flink allows. A few kernel families (numbers, text, parsing,
// times) meet here; each is a file in cast/.
#pragma once

#include "functions/function.h"

namespace millrace {

// UserError "sql.bad-cast" when there is no such cast. `or_null`: a value that cannot be converted becomes
// NULL (TRY_CAST) instead of failing the job with "data.bad-cast".
BoundScalar bindCast(const LogicalType& from, const LogicalType& to, bool or_null);

}  // namespace millrace
