// FLOOR and CEIL of dates and times to a unit (of a timestamp cut to the millisecond, as Flink has it), and
// the numbers that EXTRACT finds in them: on local time, in microseconds.
#pragma once

#include "functions/function.h"
#include "functions/temporal.h"

namespace millrace {

// UserError "sql.bad-argument" for units that make no sense here.
BoundScalar bindTimeRounding(std::string_view name, bool up, std::span<const ArgumentInfo> arguments);
int64_t floorToUnit(int64_t local_micros, TimeUnit unit);
int64_t extractUnit(int64_t local_micros, TimeUnit unit);

}  // namespace millrace
