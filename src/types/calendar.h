// Dates and times as numbers and as text: the proleptic Gregorian calendar, no zone. Appenders write at `out`
// and return the new end (at least 32 bytes must be free).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "types/value.h"

namespace millrace {

struct CivilDate {
    int64_t year = 1970;
    int month = 1;  // 1..12
    int day = 1;    // 1..31
};

int64_t daysFromCivil(int64_t year, int month, int day);  // days since 1970-01-01
CivilDate civilFromDays(int64_t days);
bool isLeapYear(int64_t year);
int daysInMonth(int64_t year, int month);

inline constexpr int64_t kMicrosPerSecond = 1'000'000;
inline constexpr int64_t kMicrosPerDay = 86'400 * kMicrosPerSecond;
inline constexpr int64_t kNanosPerMicro = 1000;

// By the number of digits of a fraction.
inline constexpr int64_t kNanosOfDigits[] = {1'000'000'000, 100'000'000, 10'000'000, 1'000'000, 100'000,
                                             10'000,        1'000,       100,        10,        1};

// A TIMESTAMP or TIMESTAMP_LTZ of any precision: what calendars and zones know of it is in its microseconds.
struct TimePoint {
    int64_t micros = 0;
    int64_t nanos = 0;  // 0..999, past the microsecond

    static TimePoint ofNanos(Int128 nanos) {
        auto micros = static_cast<int64_t>(nanos / kNanosPerMicro);
        auto rest = static_cast<int64_t>(nanos % kNanosPerMicro);
        if (rest < 0) {
            rest += kNanosPerMicro;
            --micros;
        }
        return {micros, rest};
    }
    Int128 inNanos() const { return Int128{micros} * kNanosPerMicro + nanos; }
    // Without the digits of its fraction behind the first `precision` ones, 0..9.
    TimePoint cutTo(int precision) const {
        const int64_t unit = kNanosOfDigits[precision];
        if (unit < kNanosPerMicro) return {micros, nanos - nanos % unit};
        const int64_t rest = micros % (unit / kNanosPerMicro);
        return {micros - (rest < 0 ? rest + unit / kNanosPerMicro : rest), 0};
    }
    auto operator<=>(const TimePoint&) const = default;
};

// A value that is not NULL, of a TIMESTAMP or TIMESTAMP_LTZ, and back.
TimePoint timePointOf(const Value& value, const LogicalType& type);
Value timeValue(TimePoint time, const LogicalType& type);

// SQL form "2026-03-01 00:00:00[.fff]": `precision` digits of fraction at most, trailing zeros dropped in
// groups of three (none at all for a whole second).
char* appendTimestamp(char* out, TimePoint time, int precision);
char* appendDate(char* out, int32_t days);
char* appendTime(char* out, int32_t millis, int precision);
// As CAST to STRING shows them: exactly `precision` digits of fraction.
char* appendTimestampFixed(char* out, TimePoint time, int precision);
char* appendTimeFixed(char* out, int32_t millis, int precision);
std::string formatTimestamp(TimePoint time, int precision);
std::string formatTimestamp(int64_t micros, int precision = 6);
std::string formatDate(int32_t days);
std::string formatTime(int32_t millis, int precision = 0);

// "2026-03-01", "2026-03-01 12:30:15.123456", a 'T' for the space, missing time or seconds read as zero. The
// whole text must match and every field be in range; else nothing.
std::optional<int64_t> parseTimestamp(std::string_view text);    // microseconds; what is finer is cut
std::optional<TimePoint> parseTimePoint(std::string_view text);  // to the nanosecond
std::optional<int32_t> parseDate(std::string_view text);
std::optional<int32_t> parseTime(std::string_view text);

}  // namespace millrace
