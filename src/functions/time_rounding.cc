#include "functions/time_rounding.h"

#include "batch/time_points.h"
#include "functions/kernels.h"
#include "functions/time_zone.h"

namespace millrace {

namespace {

constexpr int64_t kMicrosPerMinute = 60 * kMicrosPerSecond;
constexpr int64_t kMicrosPerHour = 60 * kMicrosPerMinute;

int64_t daysOf(int64_t micros) { return floorDivide(micros, kMicrosPerDay); }

// Weeks begin on Sunday when rounding, as Flink's; 1970-01-01 was a Thursday.
int64_t floorToWeek(int64_t days) { return floorDivide(days + 4, 7) * 7 - 4; }

// The first day of the period of `years` years (1, 10, 100, 1000) that holds the date; a century begins with
// year 1.
int64_t firstYearOf(int64_t year, TimeUnit unit) {
    switch (unit) {
        case TimeUnit::Decade:
            return floorDivide(year, 10) * 10;
        case TimeUnit::Century:
            return floorDivide(year - 1, 100) * 100 + 1;
        case TimeUnit::Millennium:
            return floorDivide(year - 1, 1000) * 1000 + 1;
        default:
            return year;
    }
}

int64_t yearsOf(TimeUnit unit) {
    return unit == TimeUnit::Decade       ? 10
           : unit == TimeUnit::Century    ? 100
           : unit == TimeUnit::Millennium ? 1000
                                          : 1;
}

int64_t nextUnit(int64_t floor_micros, TimeUnit unit) {
    switch (unit) {
        case TimeUnit::Millisecond:
            return floor_micros + 1000;
        case TimeUnit::Second:
            return floor_micros + kMicrosPerSecond;
        case TimeUnit::Minute:
            return floor_micros + kMicrosPerMinute;
        case TimeUnit::Hour:
            return floor_micros + kMicrosPerHour;
        case TimeUnit::Day:
            return floor_micros + kMicrosPerDay;
        case TimeUnit::Week:
            return floor_micros + 7 * kMicrosPerDay;
        case TimeUnit::Month:
            return addMonthsToMicros(floor_micros, 1);
        case TimeUnit::Quarter:
            return addMonthsToMicros(floor_micros, 3);
        default:
            return addMonthsToMicros(floor_micros, 12 * yearsOf(unit));
    }
}

// The ISO week's Thursday decides its year; weeks begin on Monday.
int64_t thursdayOf(int64_t days) { return floorDivide(days + 3, 7) * 7; }

}  // namespace

int64_t floorToUnit(int64_t micros, TimeUnit unit) {
    switch (unit) {
        case TimeUnit::Millisecond:
            return floorDivide(micros, 1000) * 1000;
        case TimeUnit::Second:
            return floorDivide(micros, kMicrosPerSecond) * kMicrosPerSecond;
        case TimeUnit::Minute:
            return floorDivide(micros, kMicrosPerMinute) * kMicrosPerMinute;
        case TimeUnit::Hour:
            return floorDivide(micros, kMicrosPerHour) * kMicrosPerHour;
        case TimeUnit::Day:
            return daysOf(micros) * kMicrosPerDay;
        case TimeUnit::Week:
            return floorToWeek(daysOf(micros)) * kMicrosPerDay;
        default:
            break;
    }
    const CivilDate date = civilFromDays(daysOf(micros));
    int month = 1;
    if (unit == TimeUnit::Month) month = date.month;
    if (unit == TimeUnit::Quarter) month = (date.month - 1) / 3 * 3 + 1;
    return daysFromCivil(firstYearOf(date.year, unit), month, 1) * kMicrosPerDay;
}

int64_t extractUnit(int64_t micros, TimeUnit unit) {
    const int64_t days = daysOf(micros);
    const int64_t of_day = micros - days * kMicrosPerDay;
    switch (unit) {
        case TimeUnit::Epoch:
            return floorDivide(micros, kMicrosPerSecond);
        case TimeUnit::Hour:
            return of_day / kMicrosPerHour;
        case TimeUnit::Minute:
            return of_day / kMicrosPerMinute % 60;
        case TimeUnit::Second:
            return of_day / kMicrosPerSecond % 60;
        case TimeUnit::Millisecond:
            return of_day / 1000 % 1000;
        case TimeUnit::Microsecond:
            return of_day % kMicrosPerSecond;
        case TimeUnit::Nanosecond:
            return of_day % kMicrosPerSecond * 1000;
        case TimeUnit::DayOfWeek:
            return (days % 7 + 7 + 4) % 7 + 1;  // Sunday is 1
        case TimeUnit::IsoDayOfWeek:
            return (days % 7 + 7 + 3) % 7 + 1;  // Monday is 1
        case TimeUnit::IsoYear:
            return civilFromDays(thursdayOf(days)).year;
        case TimeUnit::Week: {
            const int64_t thursday = thursdayOf(days);
            return (thursday - daysFromCivil(civilFromDays(thursday).year, 1, 1)) / 7 + 1;
        }
        default:
            break;
    }
    const CivilDate date = civilFromDays(days);
    switch (unit) {
        case TimeUnit::Day:
            return date.day;
        case TimeUnit::Month:
            return date.month;
        case TimeUnit::Quarter:
            return (date.month - 1) / 3 + 1;
        case TimeUnit::DayOfYear:
            return days - daysFromCivil(date.year, 1, 1) + 1;
        case TimeUnit::Decade:
            return floorDivide(date.year, 10);
        case TimeUnit::Century:
            return date.year > 0 ? (date.year + 99) / 100 : -((99 - date.year) / 100);
        case TimeUnit::Millennium:
            return date.year > 0 ? (date.year + 999) / 1000 : -((999 - date.year) / 1000);
        default:
            return date.year;
    }
}

BoundScalar bindTimeRounding(std::string_view name, bool up, std::span<const ArgumentInfo> arguments) {
    constexpr std::string_view accepted = "a date or time and a unit: (value TO DAY)";
    const LogicalType& type = arguments[0].type;
    const auto unit = parseTimeUnit(literalText(name, arguments, 1, accepted));
    if (!type.isTemporal() || !unit || *unit > TimeUnit::Millennium || *unit == TimeUnit::Microsecond) {
        badArguments(name, arguments, accepted);
    }
    const auto round = [up, unit = *unit](int64_t local) {
        const int64_t floor = floorToUnit(local, unit);
        return up && floor != local ? nextUnit(floor, unit) : floor;
    };
    BoundScalar bound;
    bound.result = type;
    bound.arguments = {type, arguments[1].type};
    bound.total = true;
    switch (type.kind()) {
        case TypeKind::Date:
            bound.kernel = unaryKernel<int32_t, int32_t>(
                type, [round](int32_t days) { return round(days * kMicrosPerDay) / kMicrosPerDay; });
            break;
        case TypeKind::Time:
            if (*unit > TimeUnit::Hour) badArguments(name, arguments, "a TIME and a unit up to HOUR");
            bound.kernel = unaryKernel<int32_t, int32_t>(
                type, [round](int32_t millis) { return round(int64_t(millis) * 1000) / 1000 % 86'400'000; });
            break;
        case TypeKind::Timestamp:
            bound.kernel = dispatchTime(type, [&]<class T>() {
                return unaryKernel<T, T>(
                    type, [round](T v) { return timeTicks<T>({round(timePointIn<T>(v).cutTo(3).micros)}); });
            });
            break;
        default:
            bound.context_free = false;
            bound.kernel = dispatchTime(type, [&]<class T>() -> ScalarKernel {
                return [type, round](const FunctionContext& context, std::span<const ColumnPtr> columns,
                                     size_t rows) {
                    ZoneConverter& zone = zoneConverter(context.time_zone);
                    return mapUnary<T, T>(type, columns, rows, [&](T v) {
                        const int64_t millis = timePointIn<T>(v).cutTo(3).micros;
                        return timeTicks<T>({zone.toInstant(round(zone.toLocal(millis)))});
                    });
                };
            });
            break;
    }
    return bound;
}

}  // namespace millrace
