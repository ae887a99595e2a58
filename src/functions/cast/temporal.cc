#include "functions/cast/families.h"
#include "functions/time_zone.h"
#include "types/calendar.h"

namespace millrace::cast {

namespace {

int64_t floorTo(int64_t value, int64_t unit) {
    const int64_t rest = value % unit;
    return value - (rest < 0 ? rest + unit : rest);
}

int64_t unitOf(int precision) {
    int64_t unit = kMicrosPerSecond;
    for (int i = 0; i < precision; ++i)
        unit /= 10;
    return unit;
}

// Every step through a local timestamp: local = toLocal(value); result = fromLocal(local).
template <class R, class A, class Convert>
Found withZone(const Request& request, Convert convert) {
    return {.kernel =
                [to = request.to, convert](const FunctionContext& context,
                                           std::span<const ColumnPtr> arguments, size_t rows) {
                    ZoneConverter& zone = zoneConverter(context.time_zone);
                    return mapUnary<R, A>(to, arguments, rows, [&](A value) { return convert(zone, value); });
                },
            .total = true,
            .context_free = false};
}

template <class R, class A, class Convert>
Found withoutZone(const Request& request, Convert convert) {
    return {.kernel = unaryKernel<R, A>(request.to, convert), .total = true};
}

int32_t dateOf(int64_t local) { return static_cast<int32_t>(floorTo(local, kMicrosPerDay) / kMicrosPerDay); }
int64_t millisOfDay(int64_t local) { return (local - floorTo(local, kMicrosPerDay)) / 1000; }

std::optional<Found> toTimestamp(const Request& request) {
    const bool from_ltz = request.from.kind() == TypeKind::TimestampLtz;
    const bool to_ltz = request.to.kind() == TypeKind::TimestampLtz;
    const int64_t unit = unitOf(request.to.precision());
    switch (request.from.kind()) {
        case TypeKind::Date:
            if (to_ltz) {
                return withZone<int64_t, int32_t>(request, [](ZoneConverter& zone, int32_t v) {
                    return zone.toInstant(v * kMicrosPerDay);
                });
            }
            return withoutZone<int64_t, int32_t>(request, [](int32_t v) { return v * kMicrosPerDay; });
        case TypeKind::Time:
            if (to_ltz) {
                return withZone<int64_t, int32_t>(request, [unit](ZoneConverter& zone, int32_t v) {
                    return zone.toInstant(floorTo(int64_t(v) * 1000, unit));
                });
            }
            return withoutZone<int64_t, int32_t>(
                request, [unit](int32_t v) { return floorTo(int64_t(v) * 1000, unit); });
        default:
            break;
    }
    if (from_ltz == to_ltz)
        return withoutZone<int64_t, int64_t>(request, [unit](int64_t v) { return floorTo(v, unit); });
    if (to_ltz) {
        return withZone<int64_t, int64_t>(
            request, [unit](ZoneConverter& zone, int64_t v) { return zone.toInstant(floorTo(v, unit)); });
    }
    return withZone<int64_t, int64_t>(
        request, [unit](ZoneConverter& zone, int64_t v) { return floorTo(zone.toLocal(v), unit); });
}

}  // namespace

std::optional<Found> temporal(const Request& request) {
    if (!request.from.isTemporal() || !request.to.isTemporal()) return std::nullopt;
    if (request.to.isTimestamp()) return toTimestamp(request);
    const bool ltz = request.from.kind() == TypeKind::TimestampLtz;
    if (request.to.kind() == TypeKind::Date) {
        if (ltz)
            return withZone<int32_t, int64_t>(
                request, [](ZoneConverter& zone, int64_t v) { return dateOf(zone.toLocal(v)); });
        return withoutZone<int32_t, int64_t>(request, dateOf);
    }
    const int64_t unit = unitOf(request.to.precision()) / 1000;
    if (request.from.kind() == TypeKind::Time) {
        return withoutZone<int32_t, int32_t>(request, [unit](int32_t v) { return floorTo(v, unit); });
    }
    if (ltz) {
        return withZone<int32_t, int64_t>(request, [unit](ZoneConverter& zone, int64_t v) {
            return floorTo(millisOfDay(zone.toLocal(v)), unit);
        });
    }
    return withoutZone<int32_t, int64_t>(request,
                                         [unit](int64_t v) { return floorTo(millisOfDay(v), unit); });
}

}  // namespace millrace::cast
