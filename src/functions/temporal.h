// Calendar arithmetic that several time functions share.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace millrace {

inline int64_t floorDivide(int64_t value, int64_t unit) {
    const int64_t quotient = value / unit;
    return quotient - (value % unit < 0 ? 1 : 0);
}

int32_t addMonthsToDays(int32_t days, int64_t months);
int64_t addMonthsToMicros(int64_t micros, int64_t months);

enum class TimeUnit : uint8_t {
    Microsecond,
    Millisecond,
    Second,
    Minute,
    Hour,
    Day,
    Week,
    Month,
    Quarter,
    Year,
    Decade,
    Century,
    Millennium,
    DayOfWeek,
    DayOfYear,
    IsoDayOfWeek,
    IsoYear,
    Epoch,
    Nanosecond,
};

// "DAY", "SQL_TSI_DAY", "DOW"...; in any case.
std::optional<TimeUnit> parseTimeUnit(std::string_view name);

}  // namespace millrace
