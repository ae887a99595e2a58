#include <type_traits>

#include "batch/time_points.h"
#include "functions/cast/families.h"
#include "functions/time_zone.h"

namespace millrace::cast {

namespace {

int64_t floorTo(int64_t value, int64_t unit) {
    const int64_t rest = value % unit;
    return value - (rest < 0 ? rest + unit : rest);
}

// convert(zone, value) where the session's time zone has a say, else convert(value).
template <class R, class A, class Convert>
Found mapped(const Request& request, Convert convert) {
    if constexpr (std::is_invocable_v<Convert, A>) {
        return {.kernel = unaryKernel<R, A>(request.to, convert), .total = true};
    } else {
        return {.kernel =
                    [to = request.to, convert](const FunctionContext& context,
                                               std::span<const ColumnPtr> arguments, size_t rows) {
                        ZoneConverter& zone = zoneConverter(context.time_zone);
                        return mapUnary<R, A>(to, arguments, rows,
                                              [&](A value) { return convert(zone, value); });
                    },
                .total = true,
                .context_free = false};
    }
}

int32_t dateOf(int64_t local) { return static_cast<int32_t>(floorTo(local, kMicrosPerDay) / kMicrosPerDay); }
int64_t millisOfDay(int64_t local) { return (local - floorTo(local, kMicrosPerDay)) / 1000; }

// R and A are the forms of the two timestamps in their columns.
template <class R, class A>
Found betweenTimestamps(const Request& request) {
    const bool from_ltz = request.from.kind() == TypeKind::TimestampLtz;
    const bool to_ltz = request.to.kind() == TypeKind::TimestampLtz;
    const int precision = request.to.precision();
    const auto cut = [precision](A v) { return timePointIn<A>(v).cutTo(precision); };
    if (from_ltz == to_ltz) return mapped<R, A>(request, [cut](A v) { return timeTicks<R>(cut(v)); });
    if (to_ltz) {
        return mapped<R, A>(request, [cut](ZoneConverter& zone, A v) {
            const TimePoint local = cut(v);
            return timeTicks<R>({zone.toInstant(local.micros), local.nanos});
        });
    }
    return mapped<R, A>(request, [cut](ZoneConverter& zone, A v) {
        const TimePoint instant = cut(v);
        return timeTicks<R>({zone.toLocal(instant.micros), instant.nanos});
    });
}

// local(value) are the microseconds of a DATE or a TIME.
template <class R, class Local>
Found toTimestamp(const Request& request, Local local) {
    if (request.to.kind() == TypeKind::Timestamp)
        return mapped<R, int32_t>(request, [local](int32_t v) { return timeTicks<R>({local(v)}); });
    return mapped<R, int32_t>(request, [local](ZoneConverter& zone, int32_t v) {
        return timeTicks<R>({zone.toInstant(local(v))});
    });
}

// part(local microseconds) of a timestamp.
template <class A, class Part>
Found fromTimestamp(const Request& request, Part part) {
    if (request.from.kind() == TypeKind::Timestamp)
        return mapped<int32_t, A>(request, [part](A v) { return part(timePointIn<A>(v).micros); });
    return mapped<int32_t, A>(
        request, [part](ZoneConverter& zone, A v) { return part(zone.toLocal(timePointIn<A>(v).micros)); });
}

}  // namespace

std::optional<Found> temporal(const Request& request) {
    if (!request.from.isTemporal() || !request.to.isTemporal()) return std::nullopt;
    if (request.to.isTimestamp()) {
        return dispatchTime(request.to, [&]<class R>() -> Found {
            if (request.from.kind() == TypeKind::Date)
                return toTimestamp<R>(request, [](int32_t days) { return days * kMicrosPerDay; });
            if (request.from.kind() == TypeKind::Time) {
                return toTimestamp<R>(request, [precision = request.to.precision()](int32_t millis) {
                    return TimePoint{int64_t(millis) * 1000}.cutTo(precision).micros;
                });
            }
            return dispatchTime(request.from, [&]<class A>() { return betweenTimestamps<R, A>(request); });
        });
    }
    const int64_t unit = kNanosOfDigits[request.to.precision()] / 1'000'000;
    if (request.from.kind() == TypeKind::Time)
        return mapped<int32_t, int32_t>(request, [unit](int32_t v) { return floorTo(v, unit); });
    return dispatchTime(request.from, [&]<class A>() {
        if (request.to.kind() == TypeKind::Date) return fromTimestamp<A>(request, dateOf);
        return fromTimestamp<A>(request, [unit](int64_t local) { return floorTo(millisOfDay(local), unit); });
    });
}

}  // namespace millrace::cast
