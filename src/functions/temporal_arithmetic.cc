// Dates, times and intervals under + - * /. Months are added by the calendar: the day is cut to the month's
// length.
#include "batch/time_points.h"
#include "functions/arithmetic.h"
#include "functions/kernels.h"
#include "functions/temporal.h"

namespace millrace {

namespace {

template <class R, class A, class B, class Op>
BoundScalar bound(const LogicalType& result, std::vector<LogicalType> arguments, Op op) {
    BoundScalar made;
    made.result = result;
    made.arguments = std::move(arguments);
    made.kernel = binaryKernel<R, A, B>(result, op);
    made.total = true;
    return made;
}

int64_t wrappingAdd(int64_t a, int64_t b, int64_t sign) {
    return static_cast<int64_t>(static_cast<uint64_t>(a) +
                                static_cast<uint64_t>(b) * static_cast<uint64_t>(sign));
}

int32_t timeOfDay(int64_t millis) {
    constexpr int64_t kMillisPerDay = 86'400'000;
    const int64_t rest = millis % kMillisPerDay;
    return static_cast<int32_t>(rest < 0 ? rest + kMillisPerDay : rest);
}

// temporal + sign * interval
std::optional<BoundScalar> shift(const LogicalType& when, const LogicalType& interval, int64_t sign,
                                 bool nullable) {
    const LogicalType result = when.withNullable(nullable);
    const bool months = interval.kind() == TypeKind::IntervalYearMonth;
    switch (when.kind()) {
        case TypeKind::Date:
            if (months) {
                return bound<int32_t, int32_t, int32_t>(
                    result, {when, interval},
                    [sign](int32_t days, int32_t count) { return addMonthsToDays(days, sign * count); });
            }
            return bound<int32_t, int32_t, int64_t>(
                result, {when, interval}, [sign](int32_t days, int64_t micros) {
                    return days + static_cast<int32_t>(sign * (micros / kMicrosPerDay));
                });
        case TypeKind::Time:
            if (months)
                return bound<int32_t, int32_t, int32_t>(result, {when, interval},
                                                        [](int32_t millis, int32_t) { return millis; });
            return bound<int32_t, int32_t, int64_t>(result, {when, interval},
                                                    [sign](int32_t millis, int64_t micros) {
                                                        return timeOfDay(millis + sign * (micros / 1000));
                                                    });
        case TypeKind::Timestamp:
        case TypeKind::TimestampLtz:
            return dispatchTime(when, [&]<class T>() {
                if (months) {
                    return bound<T, T, int32_t>(result, {when, interval}, [sign](T ticks, int32_t count) {
                        const TimePoint time = timePointIn<T>(ticks);
                        return timeTicks<T>({addMonthsToMicros(time.micros, sign * count), time.nanos});
                    });
                }
                return bound<T, T, int64_t>(result, {when, interval}, [sign](T ticks, int64_t length) {
                    const TimePoint time = timePointIn<T>(ticks);
                    return timeTicks<T>({wrappingAdd(time.micros, length, sign), time.nanos});
                });
            });
        default:
            return std::nullopt;
    }
}

std::optional<BoundScalar> scaleInterval(const LogicalType& interval, const LogicalType& number, bool divide,
                                         bool nullable, bool interval_first) {
    if (!number.isInteger()) return std::nullopt;
    const LogicalType result = interval.withNullable(nullable);
    const LogicalType first = interval_first ? interval : LogicalType::bigint();
    const LogicalType second = interval_first ? LogicalType::bigint() : interval;
    const auto apply = [](int64_t length, int64_t by) {
        return static_cast<int64_t>(static_cast<uint64_t>(length) * static_cast<uint64_t>(by));
    };
    BoundScalar made;
    const bool months = interval.kind() == TypeKind::IntervalYearMonth;
    if (divide) {
        // NULL rows must not divide by what lies under them.
        const LogicalType wide = LogicalType::bigint();
        made.result = result;
        made.arguments = {interval, wide};
        made.kernel = [months, result](const FunctionContext&, std::span<const ColumnPtr> columns,
                                       size_t rows) {
            auto column = makeResult(result, columns, rows);
            const auto* by = columns[1]->data<int64_t>();
            forValidRows(*column, rows, [&](size_t i) {
                if (by[i] == 0) divisionByZero();
                if (months) {
                    column->mutableData<int32_t>()[i] =
                        static_cast<int32_t>(columns[0]->data<int32_t>()[i] / by[i]);
                } else {
                    column->mutableData<int64_t>()[i] = columns[0]->data<int64_t>()[i] / by[i];
                }
                return true;
            });
            return ColumnPtr(column);
        };
        return made;
    }
    if (months && interval_first) return bound<int32_t, int32_t, int64_t>(result, {first, second}, apply);
    if (months) return bound<int32_t, int64_t, int32_t>(result, {first, second}, apply);
    return bound<int64_t, int64_t, int64_t>(result, {first, second}, apply);
}

}  // namespace

std::optional<BoundScalar> bindTemporalArithmetic(Arithmetic operation,
                                                  std::span<const ArgumentInfo> arguments) {
    const LogicalType& a = arguments[0].type;
    const LogicalType& b = arguments[1].type;
    const bool nullable = anyNullable(arguments);
    const bool sum = operation == Arithmetic::Add || operation == Arithmetic::Subtract;
    const int64_t sign = operation == Arithmetic::Subtract ? -1 : 1;
    if (sum && a.isTemporal() && b.isInterval()) return shift(a, b, sign, nullable);
    if (operation == Arithmetic::Add && a.isInterval() && b.isTemporal()) {
        auto swapped = shift(b, a, 1, nullable);
        if (!swapped) return std::nullopt;
        std::swap(swapped->arguments[0], swapped->arguments[1]);
        swapped->kernel = [inner = swapped->kernel](const FunctionContext& context,
                                                    std::span<const ColumnPtr> columns, size_t rows) {
            const ColumnPtr reversed[] = {columns[1], columns[0]};
            return inner(context, reversed, rows);
        };
        return swapped;
    }
    if (sum && a.isInterval() && a.kind() == b.kind()) {
        const LogicalType result = a.withNullable(nullable);
        if (a.kind() == TypeKind::IntervalYearMonth) {
            return bound<int32_t, int32_t, int32_t>(
                result, {a, b}, [sign](int32_t x, int32_t y) { return wrappingAdd(x, y, sign); });
        }
        return bound<int64_t, int64_t, int64_t>(
            result, {a, b}, [sign](int64_t x, int64_t y) { return wrappingAdd(x, y, sign); });
    }
    if (operation == Arithmetic::Multiply && a.isInterval())
        return scaleInterval(a, b, false, nullable, true);
    if (operation == Arithmetic::Multiply && b.isInterval())
        return scaleInterval(b, a, false, nullable, false);
    if (operation == Arithmetic::Divide && a.isInterval()) return scaleInterval(a, b, true, nullable, true);
    return std::nullopt;
}

}  // namespace millrace
