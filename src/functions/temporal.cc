#include "functions/temporal.h"

#include <algorithm>
#include <cctype>
#include <string>

#include "types/calendar.h"

namespace millrace {

int32_t addMonthsToDays(int32_t days, int64_t months) {
    const CivilDate date = civilFromDays(days);
    const int64_t month = date.year * 12 + (date.month - 1) + months;
    const int64_t year = floorDivide(month, 12);
    const int month_of_year = static_cast<int>(month - year * 12) + 1;
    return static_cast<int32_t>(
        daysFromCivil(year, month_of_year, std::min(date.day, daysInMonth(year, month_of_year))));
}

int64_t addMonthsToMicros(int64_t micros, int64_t months) {
    const int64_t days = floorDivide(micros, kMicrosPerDay);
    return addMonthsToDays(static_cast<int32_t>(days), months) * kMicrosPerDay +
           (micros - days * kMicrosPerDay);
}

std::optional<TimeUnit> parseTimeUnit(std::string_view name) {
    std::string upper(name);
    for (char& c : upper)
        c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    if (upper.starts_with("SQL_TSI_")) upper = upper.substr(8);
    struct Name {
        std::string_view text;
        TimeUnit unit;
    };
    static constexpr Name kNames[] = {
        {"NANOSECOND", TimeUnit::Nanosecond},
        {"MICROSECOND", TimeUnit::Microsecond},
        {"MILLISECOND", TimeUnit::Millisecond},
        {"SECOND", TimeUnit::Second},
        {"MINUTE", TimeUnit::Minute},
        {"HOUR", TimeUnit::Hour},
        {"DAY", TimeUnit::Day},
        {"WEEK", TimeUnit::Week},
        {"MONTH", TimeUnit::Month},
        {"QUARTER", TimeUnit::Quarter},
        {"YEAR", TimeUnit::Year},
        {"DECADE", TimeUnit::Decade},
        {"CENTURY", TimeUnit::Century},
        {"MILLENNIUM", TimeUnit::Millennium},
        {"DOW", TimeUnit::DayOfWeek},
        {"DOY", TimeUnit::DayOfYear},
        {"ISODOW", TimeUnit::IsoDayOfWeek},
        {"ISOYEAR", TimeUnit::IsoYear},
        {"EPOCH", TimeUnit::Epoch},
    };
    for (const Name& entry : kNames) {
        if (upper == entry.text ||
            (upper.size() == entry.text.size() + 1 && upper.back() == 'S' && upper.starts_with(entry.text))) {
            return entry.unit;
        }
    }
    return std::nullopt;
}

}  // namespace millrace
