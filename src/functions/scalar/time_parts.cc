#include "functions/local_times.h"
#include "functions/time_rounding.h"

namespace millrace {

namespace {

// Of a length of time: what of it is not in the next larger unit that its kind has.
BoundScalar bindIntervalPart(std::string_view name, TimeUnit unit, std::span<const ArgumentInfo> arguments,
                             size_t value) {
    struct Part {
        TimeUnit unit;
        int64_t size;  // in months, or in microseconds
        int64_t modulus;
    };
    static constexpr Part kMonths[] = {{TimeUnit::Month, 1, 12},
                                       {TimeUnit::Quarter, 3, 4},
                                       {TimeUnit::Year, 12, INT64_MAX},
                                       {TimeUnit::Decade, 120, INT64_MAX},
                                       {TimeUnit::Century, 1200, INT64_MAX},
                                       {TimeUnit::Millennium, 12000, INT64_MAX}};
    static constexpr Part kTimes[] = {
        {TimeUnit::Microsecond, 1, 60 * kMicrosPerSecond}, {TimeUnit::Millisecond, 1000, 60'000},
        {TimeUnit::Second, kMicrosPerSecond, 60},          {TimeUnit::Minute, 60 * kMicrosPerSecond, 60},
        {TimeUnit::Hour, 3600 * kMicrosPerSecond, 24},     {TimeUnit::Day, kMicrosPerDay, INT64_MAX},
        {TimeUnit::Week, 7 * kMicrosPerDay, INT64_MAX},    {TimeUnit::Epoch, kMicrosPerSecond, INT64_MAX}};
    const bool months = arguments[value].type.kind() == TypeKind::IntervalYearMonth;
    const std::span<const Part> parts =
        months ? std::span<const Part>(kMonths) : std::span<const Part>(kTimes);
    const auto part = std::find_if(parts.begin(), parts.end(), [&](const Part& p) { return p.unit == unit; });
    if (part == parts.end()) badArguments(name, arguments, "a unit that the interval has");
    BoundScalar bound;
    for (const ArgumentInfo& argument : arguments)
        bound.arguments.push_back(argument.type);
    bound.result = LogicalType::bigint().withNullable(arguments[value].type.nullable());
    bound.total = true;
    bound.kernel = [months, value, part = *part, result = bound.result](
                       const FunctionContext&, std::span<const ColumnPtr> columns, size_t rows) {
        auto column = makeResult(result, columns, rows);
        const Column& lengths = *columns[value];
        for (size_t i = 0; i < rows; ++i) {
            const int64_t length = months ? lengths.data<int32_t>()[i] : lengths.data<int64_t>()[i];
            column->mutableData<int64_t>()[i] = length / part.size % part.modulus;
        }
        return ColumnPtr(column);
    };
    return bound;
}

BoundScalar bindPart(std::string_view name, TimeUnit unit, std::span<const ArgumentInfo> arguments,
                     size_t value) {
    constexpr std::string_view accepted = "a date or time";
    if (arguments[value].type.isInterval()) return bindIntervalPart(name, unit, arguments, value);
    LogicalType type = arguments[value].type;
    if (type.kind() == TypeKind::Null) type = LogicalType::timestamp(3);
    const bool of_date = unit == TimeUnit::Day || unit >= TimeUnit::Week;
    if (!type.isTemporal() || (type.kind() == TypeKind::Time && of_date))
        badArguments(name, arguments, accepted);
    BoundScalar bound;
    for (const ArgumentInfo& argument : arguments)
        bound.arguments.push_back(argument.type);
    bound.arguments[value] = type;
    bound.result = LogicalType::bigint().withNullable(arguments[value].type.nullable());
    bound.total = true;
    // An instant's seconds since the epoch do not depend on where one is.
    const bool instant = unit == TimeUnit::Epoch && dependsOnZone(type);
    bound.context_free = !dependsOnZone(type) || instant;
    bound.kernel = [unit, value, instant, result = bound.result](
                       const FunctionContext& context, std::span<const ColumnPtr> columns, size_t rows) {
        auto column = makeResult(result, columns, rows);
        auto* const out = column->mutableData<int64_t>();
        if (instant) {
            for (size_t i = 0; i < rows; ++i)
                out[i] = floorDivide(timePointAt(*columns[value], i).micros, kMicrosPerSecond);
            return ColumnPtr(column);
        }
        const std::vector<int64_t> local = localMicros(context, *columns[value], rows);
        for (size_t i = 0; i < rows; ++i)
            out[i] = extractUnit(local[i], unit);
        if (unit == TimeUnit::Nanosecond && columns[value]->type().isNanos()) {
            for (size_t i = 0; i < rows; ++i)
                out[i] += timePointAt(*columns[value], i).nanos;
        }
        return ColumnPtr(column);
    };
    return bound;
}

ScalarFunction part(const std::string& name, TimeUnit unit, std::string documentation, std::string example,
                    std::string shown) {
    return {.name = name,
            .signature = name + "(time)",
            .documentation = std::move(documentation),
            .examples = {{std::move(example), std::move(shown)}},
            .bind = [name, unit](std::span<const ArgumentInfo> arguments) {
                checkArgumentCount(name, arguments, 1, 1, "a date or time");
                return bindPart(name, unit, arguments, 0);
            }};
}

}  // namespace

std::vector<ScalarFunction> describeScalarTimeParts() {
    return {
        {.name = "EXTRACT",
         .signature = "EXTRACT(unit FROM time)",
         .documentation =
             "The unit of a date, time or interval as a number: YEAR, QUARTER, MONTH, WEEK (ISO), DOY, DOW "
             "(Sunday is "
             "1), ISODOW, DAY, "
             "HOUR, MINUTE, SECOND, MILLISECOND, MICROSECOND, NANOSECOND, EPOCH, ISOYEAR, DECADE, CENTURY, "
             "MILLENNIUM.",
         .examples = {{"EXTRACT(DAY FROM DATE '2006-06-05')", "5"},
                      {"EXTRACT(DOW FROM DATE '2024-02-29')", "5"},
                      {"EXTRACT(WEEK FROM DATE '2021-01-03')", "53"},
                      {"EXTRACT(HOUR FROM INTERVAL '3 04:05:06' DAY TO SECOND)", "4"}},
         .bind =
             [](std::span<const ArgumentInfo> arguments) {
                 constexpr std::string_view accepted = "a unit and a date or time: (unit FROM time)";
                 checkArgumentCount("EXTRACT", arguments, 2, 2, accepted);
                 const auto unit = parseTimeUnit(literalText("EXTRACT", arguments, 0, accepted));
                 if (!unit) badArguments("EXTRACT", arguments, accepted);
                 return bindPart("EXTRACT", *unit, arguments, 1);
             }},
        part("YEAR", TimeUnit::Year, "The year.", "YEAR(DATE '1994-09-27')", "1994"),
        part("QUARTER", TimeUnit::Quarter, "The quarter of the year, from 1 to 4.",
             "QUARTER(DATE '1994-09-27')", "3"),
        part("MONTH", TimeUnit::Month, "The month, from 1 to 12.", "MONTH(DATE '1994-09-27')", "9"),
        part("WEEK", TimeUnit::Week, "The ISO week, from 1 to 53.", "WEEK(DATE '1994-09-27')", "39"),
        part("DAYOFYEAR", TimeUnit::DayOfYear, "The day of the year, from 1 to 366.",
             "DAYOFYEAR(DATE '1994-09-27')", "270"),
        part("DAYOFMONTH", TimeUnit::Day, "The day of the month, from 1 to 31.",
             "DAYOFMONTH(DATE '1994-09-27')", "27"),
        part("DAYOFWEEK", TimeUnit::DayOfWeek, "The day of the week, from 1 for Sunday to 7.",
             "DAYOFWEEK(DATE '1994-09-27')", "3"),
        part("HOUR", TimeUnit::Hour, "The hour of the day, from 0 to 23.",
             "HOUR(TIMESTAMP '1994-09-27 13:14:15')", "13"),
        part("MINUTE", TimeUnit::Minute, "The minute of the hour.", "MINUTE(TIMESTAMP '1994-09-27 13:14:15')",
             "14"),
        part("SECOND", TimeUnit::Second, "The second of the minute.",
             "SECOND(TIMESTAMP '1994-09-27 13:14:15')", "15"),
    };
}

}  // namespace millrace
