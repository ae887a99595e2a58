#include "functions/local_times.h"
#include "functions/temporal.h"

namespace millrace {

namespace {

struct Step {
    int64_t months = 0;
    int64_t micros = 0;
};

// One unit as months or as microseconds; nothing for units that have no length (EPOCH, DOW...).
std::optional<Step> stepOf(TimeUnit unit) {
    switch (unit) {
        case TimeUnit::Microsecond:
            return Step{0, 1};
        case TimeUnit::Millisecond:
            return Step{0, 1000};
        case TimeUnit::Second:
            return Step{0, kMicrosPerSecond};
        case TimeUnit::Minute:
            return Step{0, 60 * kMicrosPerSecond};
        case TimeUnit::Hour:
            return Step{0, 3600 * kMicrosPerSecond};
        case TimeUnit::Day:
            return Step{0, kMicrosPerDay};
        case TimeUnit::Week:
            return Step{0, 7 * kMicrosPerDay};
        case TimeUnit::Month:
            return Step{1, 0};
        case TimeUnit::Quarter:
            return Step{3, 0};
        case TimeUnit::Year:
            return Step{12, 0};
        case TimeUnit::Decade:
            return Step{120, 0};
        case TimeUnit::Century:
            return Step{1200, 0};
        case TimeUnit::Millennium:
            return Step{12000, 0};
        default:
            return std::nullopt;
    }
}

Step unitArgument(std::string_view name, std::span<const ArgumentInfo> arguments, std::string_view accepted) {
    const auto unit = parseTimeUnit(literalText(name, arguments, 0, accepted));
    const auto step = unit ? stepOf(*unit) : std::nullopt;
    if (!step) badArguments(name, arguments, accepted);
    return *step;
}

// Character strings are read as timestamps.
LogicalType temporalType(std::string_view name, std::span<const ArgumentInfo> arguments, size_t index,
                         std::string_view accepted) {
    const LogicalType& type = arguments[index].type;
    if (type.isCharacter() || type.kind() == TypeKind::Null) return LogicalType::timestamp(3);
    if (!type.isTemporal() || type.kind() == TypeKind::Time) badArguments(name, arguments, accepted);
    return type;
}

BoundScalar bindAdd(std::span<const ArgumentInfo> arguments) {
    constexpr std::string_view accepted = "a unit, a number of them, and a date or time";
    checkArgumentCount("TIMESTAMPADD", arguments, 3, 3, accepted);
    const Step step = unitArgument("TIMESTAMPADD", arguments, accepted);
    const LogicalType type = temporalType("TIMESTAMPADD", arguments, 2, accepted);
    if (!arguments[1].type.isInteger() && arguments[1].type.kind() != TypeKind::Null)
        badArguments("TIMESTAMPADD", arguments, accepted);
    const bool stays_date = type.kind() == TypeKind::Date && step.micros % kMicrosPerDay == 0;
    BoundScalar bound;
    bound.arguments = {arguments[0].type, LogicalType::bigint(), type};
    bound.result = (stays_date                      ? LogicalType::of(TypeKind::Date)
                    : type.kind() == TypeKind::Date ? LogicalType::timestamp(3)
                                                    : type)
                       .withNullable(anyNullable(arguments));
    bound.total = true;
    const bool local_months = dependsOnZone(type) && step.months != 0;
    bound.context_free = !local_months;
    bound.kernel = [step, stays_date, local_months, result = bound.result](
                       const FunctionContext& context, std::span<const ColumnPtr> columns, size_t rows) {
        auto column = makeResult(result, columns, rows);
        const auto* const counts = columns[1]->data<int64_t>();
        if (stays_date) {
            const auto* const days = columns[2]->data<int32_t>();
            auto* const out = column->mutableData<int32_t>();
            for (size_t i = 0; i < rows; ++i) {
                out[i] = step.months != 0
                             ? addMonthsToDays(days[i], counts[i] % 1'000'000 * step.months)
                             : static_cast<int32_t>(days[i] + counts[i] * (step.micros / kMicrosPerDay));
            }
            return ColumnPtr(column);
        }
        const auto later = [&](int64_t micros, int64_t count) {
            if (step.months != 0) return addMonthsToMicros(micros, count % 1'000'000 * step.months);
            return static_cast<int64_t>(static_cast<uint64_t>(micros) +
                                        static_cast<uint64_t>(count) * static_cast<uint64_t>(step.micros));
        };
        if (columns[2]->physical() == PhysicalType::Int32) {
            const auto* const days = columns[2]->data<int32_t>();
            for (size_t i = 0; i < rows; ++i)
                column->mutableData<int64_t>()[i] = later(days[i] * kMicrosPerDay, counts[i]);
            return ColumnPtr(column);
        }
        ZoneConverter* const zone = local_months ? &zoneConverter(context.time_zone) : nullptr;
        dispatchTime(result, [&]<class T>() {
            for (size_t i = 0; i < rows; ++i) {
                TimePoint time = timePointIn<T>(columns[2]->data<T>()[i]);
                time.micros = zone == nullptr ? later(time.micros, counts[i])
                                              : zone->toInstant(later(zone->toLocal(time.micros), counts[i]));
                column->mutableData<T>()[i] = timeTicks<T>(time);
            }
        });
        return ColumnPtr(column);
    };
    return bound;
}

// Whole months from one local time to another.
int64_t monthsBetween(int64_t from, int64_t to) {
    if (to < from) return -monthsBetween(to, from);
    const CivilDate a = civilFromDays(floorDivide(from, kMicrosPerDay));
    const CivilDate b = civilFromDays(floorDivide(to, kMicrosPerDay));
    int64_t months = (b.year - a.year) * 12 + (b.month - a.month);
    if (months > 0 && addMonthsToMicros(from, months) > to) --months;
    return months;
}

BoundScalar bindDiff(std::span<const ArgumentInfo> arguments) {
    constexpr std::string_view accepted = "a unit and two dates or times";
    checkArgumentCount("TIMESTAMPDIFF", arguments, 3, 3, accepted);
    const Step step = unitArgument("TIMESTAMPDIFF", arguments, accepted);
    BoundScalar bound;
    bound.arguments = {arguments[0].type, temporalType("TIMESTAMPDIFF", arguments, 1, accepted),
                       temporalType("TIMESTAMPDIFF", arguments, 2, accepted)};
    // Flink counts seconds and what is longer between times cut to the millisecond.
    const bool of_millis = step.months != 0 || step.micros >= kMicrosPerSecond;
    const auto cut = [of_millis](int64_t micros) {
        return of_millis ? TimePoint{micros}.cutTo(3).micros : micros;
    };
    // Two instants, or two local times; mixed, both are local.
    const bool instants =
        dependsOnZone(bound.arguments[1]) && dependsOnZone(bound.arguments[2]) && step.months == 0;
    bound.context_free =
        instants || (!dependsOnZone(bound.arguments[1]) && !dependsOnZone(bound.arguments[2]));
    bound.result = LogicalType::integer().withNullable(anyNullable(arguments));
    bound.total = true;
    bound.kernel = [step, cut, instants, result = bound.result](
                       const FunctionContext& context, std::span<const ColumnPtr> columns, size_t rows) {
        auto column = makeResult(result, columns, rows);
        auto* const out = column->mutableData<int32_t>();
        if (instants) {
            for (size_t i = 0; i < rows; ++i)
                out[i] = static_cast<int32_t>(
                    (cut(timePointAt(*columns[2], i).micros) - cut(timePointAt(*columns[1], i).micros)) /
                    step.micros);
            return ColumnPtr(column);
        }
        const std::vector<int64_t> from = localMicros(context, *columns[1], rows);
        const std::vector<int64_t> to = localMicros(context, *columns[2], rows);
        for (size_t i = 0; i < rows; ++i) {
            const int64_t first = cut(from[i]), last = cut(to[i]);
            out[i] = static_cast<int32_t>(step.months != 0 ? monthsBetween(first, last) / step.months
                                                           : (last - first) / step.micros);
        }
        return ColumnPtr(column);
    };
    return bound;
}

}  // namespace

std::vector<ScalarFunction> describeScalarTimeArithmetic() {
    return {
        {.name = "TIMESTAMPADD",
         .signature = "TIMESTAMPADD(unit, count, time)",
         .documentation = "The time, `count` units later. Months end where the calendar does.",
         .examples = {{"TIMESTAMPADD(MONTH, 1, DATE '2024-01-31')", "2024-02-29"},
                      {"TIMESTAMPADD(HOUR, -1, TIMESTAMP '2024-03-01 00:30:00')", "2024-02-29 23:30:00"}},
         .bind = bindAdd},
        {.name = "TIMESTAMPDIFF",
         .signature = "TIMESTAMPDIFF(unit, from, to)",
         .documentation = "How many whole units lie between the times; negative when `to` is before `from`.",
         .examples = {{"TIMESTAMPDIFF(DAY, TIMESTAMP '2003-01-02 10:00:00', TIMESTAMP '2003-01-03 10:00:00')",
                       "1"},
                      {"TIMESTAMPDIFF(MONTH, DATE '2024-01-31', DATE '2024-02-29')", "1"}},
         .bind = bindDiff},
    };
}

}  // namespace millrace
