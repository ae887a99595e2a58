// LAG(value [, offset [, default]]): the value of the row that many rows before the current one. It stands
// only with OVER, over a frame of rows that ends at the current one, so it is no aggregate function that a
// GROUP BY could call, and not among those that are collected.
#pragma once

#include "functions/function.h"

namespace millrace {

inline constexpr int64_t kLagMax = 100;  // rows that LAG goes back

const AggregateFunction& lagFunction();
// How far a call goes back: 1 unless its second argument, a literal, says so. UserError "sql.bad-argument".
int64_t lagOffset(std::span<const ArgumentInfo> arguments);

}  // namespace millrace
