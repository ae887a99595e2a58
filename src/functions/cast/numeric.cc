#include <cmath>
#include <limits>

#include "functions/cast/families.h"
#include "types/decimal.h"

namespace millrace::cast {

namespace {

// Java's narrowing of an integer: the low bits.
template <class To>
To narrow(int64_t value, TypeKind kind) {
    switch (kind) {
        case TypeKind::TinyInt:
            return static_cast<To>(static_cast<int8_t>(value));
        case TypeKind::SmallInt:
            return static_cast<To>(static_cast<int16_t>(value));
        case TypeKind::Integer:
            return static_cast<To>(static_cast<int32_t>(value));
        default:
            return static_cast<To>(value);
    }
}

// Java's narrowing of a floating-point number: saturating at INT or BIGINT, NaN is 0, then the low bits.
template <class To>
To narrowFloating(double value, TypeKind kind) {
    if (std::isnan(value)) return 0;
    if (kind == TypeKind::BigInt) {
        if (value >= 9223372036854775808.0) return static_cast<To>(std::numeric_limits<int64_t>::max());
        if (value < -9223372036854775808.0) return static_cast<To>(std::numeric_limits<int64_t>::min());
        return static_cast<To>(static_cast<int64_t>(value));
    }
    const double clamped = std::fmin(std::fmax(value, -2147483648.0), 2147483647.0);
    return narrow<To>(static_cast<int64_t>(clamped), kind);
}

template <class F>
Found forSource(PhysicalType physical, F&& make) {
    switch (physical) {
        case PhysicalType::Bool:
            return make.template operator()<uint8_t>();
        case PhysicalType::Int32:
            return make.template operator()<int32_t>();
        case PhysicalType::Int64:
            return make.template operator()<int64_t>();
        case PhysicalType::Int128:
            return make.template operator()<Int128>();
        case PhysicalType::Float32:
            return make.template operator()<float>();
        case PhysicalType::Float64:
            return make.template operator()<double>();
        default:
            throw InternalError("not a number");
    }
}

template <class To, class From>
ScalarKernel plainKernel(const Request& request) {
    const TypeKind kind = request.to.kind();
    if constexpr (std::is_floating_point_v<From> && std::is_integral_v<To>) {
        return unaryKernel<To, From>(request.to, [kind](From v) { return narrowFloating<To>(v, kind); });
    } else if constexpr (std::is_integral_v<To>) {
        if (kind == TypeKind::TinyInt)
            return unaryKernel<To, From>(request.to, [](From v) { return static_cast<int8_t>(v); });
        if (kind == TypeKind::SmallInt)
            return unaryKernel<To, From>(request.to, [](From v) { return static_cast<int16_t>(v); });
        return unaryKernel<To, From>(request.to, [](From v) { return static_cast<To>(v); });
    } else {
        return unaryKernel<To, From>(request.to, [](From v) { return static_cast<To>(v); });
    }
}

// NULL where op(value, out) says that the value does not fit.
template <class To, class From, class Op>
Found nullingKernel(const Request& request, Op op) {
    Request nulling = request;
    nulling.or_null = true;
    nulling.to = request.to.withNullable(true);
    return {.kernel = checkedKernel<To, From>(nulling, [op](const FunctionContext&) { return op; }),
            .total = true,
            .may_be_null = true};
}

template <class To>
Found toDecimal(const Request& request) {
    const int precision = request.to.precision();
    const int scale = request.to.scale();
    if (request.from.kind() == TypeKind::Decimal || request.from.isInteger() ||
        request.from.kind() == TypeKind::Boolean) {
        const int from_scale = request.from.kind() == TypeKind::Decimal ? request.from.scale() : 0;
        return forSource(request.from.physical(), [&]<class From>() -> Found {
            if constexpr (std::is_floating_point_v<From>) {
                throw InternalError("not an exact number");
            } else {
                if (from_scale == scale) {
                    const Int128 bound = powerOfTen(precision);
                    return nullingKernel<To, From>(request, [bound](From value, To& out) {
                        out = static_cast<To>(value);
                        return Int128(value) < bound && Int128(value) > -bound;
                    });
                }
                return nullingKernel<To, From>(request, [=](From value, To& out) {
                    const auto rescaled = rescaleDecimal(value, from_scale, scale, precision);
                    if (rescaled) out = static_cast<To>(*rescaled);
                    return rescaled.has_value();
                });
            }
        });
    }
    const auto convert = [=](double value, To& out) {
        const auto decimal = decimalFromDouble(value, precision, scale);
        if (decimal) out = static_cast<To>(*decimal);
        return decimal.has_value();
    };
    if (request.from.physical() == PhysicalType::Float32) {
        return nullingKernel<To, float>(request,
                                        [convert](float value, To& out) { return convert(value, out); });
    }
    return nullingKernel<To, double>(request, convert);
}

template <class From>
Found fromDecimal(const Request& request) {
    const int scale = request.from.scale();
    const Int128 unit = powerOfTen(scale);
    const TypeKind kind = request.to.kind();
    switch (request.to.physical()) {
        case PhysicalType::Int32:
            return {
                unaryKernel<int32_t, From>(
                    request.to,
                    [=](From v) { return narrow<int32_t>(static_cast<int64_t>(Int128(v) / unit), kind); }),
                true};
        case PhysicalType::Int64:
            return {unaryKernel<int64_t, From>(
                        request.to, [=](From v) { return static_cast<int64_t>(Int128(v) / unit); }),
                    true};
        case PhysicalType::Float32:
            return {unaryKernel<float, From>(request.to, [=](From v) { return decimalToDouble(v, scale); }),
                    true};
        case PhysicalType::Float64:
            return {unaryKernel<double, From>(request.to, [=](From v) { return decimalToDouble(v, scale); }),
                    true};
        default:
            return {unaryKernel<uint8_t, From>(request.to, [](From v) { return v != 0; }), true};
    }
}

// INTERVAL DAY TO SECOND counts milliseconds when it meets a number, as Flink's does.
std::optional<Found> intervals(const Request& request) {
    const bool from_days = request.from.kind() == TypeKind::IntervalDayTime;
    const bool to_days = request.to.kind() == TypeKind::IntervalDayTime;
    Request step = request;
    if (from_days) {
        if (!request.to.isInteger()) return std::nullopt;
        if (request.to.physical() == PhysicalType::Int64) {
            return Found{unaryKernel<int64_t, int64_t>(request.to, [](int64_t v) { return v / 1000; }), true};
        }
        return Found{unaryKernel<int32_t, int64_t>(request.to,
                                                   [](int64_t v) { return static_cast<int32_t>(v / 1000); }),
                     true};
    }
    if (to_days) {
        if (!request.from.isInteger()) return std::nullopt;
        const auto multiply = [](int64_t v) { return static_cast<int64_t>(static_cast<uint64_t>(v) * 1000); };
        if (request.from.physical() == PhysicalType::Int64) {
            return Found{unaryKernel<int64_t, int64_t>(request.to, multiply), true};
        }
        return Found{unaryKernel<int64_t, int32_t>(request.to, multiply), true};
    }
    if (request.from.kind() == TypeKind::IntervalYearMonth) step.from = LogicalType::integer();
    if (request.to.physical() == PhysicalType::Int32)
        return forSource(step.from.physical(), [&]<class From>() {
            return Found{plainKernel<int32_t, From>(step), true};
        });
    if (request.to.physical() == PhysicalType::Int64) return Found{plainKernel<int64_t, int32_t>(step), true};
    return std::nullopt;
}

}  // namespace

std::optional<Found> numeric(const Request& request) {
    if (request.from.isInterval() || request.to.isInterval()) {
        if (auto found = intervals(request)) return found;
        throw InternalError(
            fmt::format("no kernel casts {} to {}", request.from.toString(), request.to.toString()));
    }
    if (request.to.kind() == TypeKind::Decimal) {
        return request.to.physical() == PhysicalType::Int64 ? toDecimal<int64_t>(request)
                                                            : toDecimal<Int128>(request);
    }
    if (request.from.kind() == TypeKind::Decimal) {
        return request.from.physical() == PhysicalType::Int64 ? fromDecimal<int64_t>(request)
                                                              : fromDecimal<Int128>(request);
    }
    return forSource(request.from.physical(), [&]<class From>() -> Found {
        switch (request.to.physical()) {
            case PhysicalType::Bool:
                return {unaryKernel<uint8_t, From>(request.to, [](From v) { return v != 0; }), true};
            case PhysicalType::Int32:
                return {plainKernel<int32_t, From>(request), true};
            case PhysicalType::Int64:
                return {plainKernel<int64_t, From>(request), true};
            case PhysicalType::Float32:
                return {plainKernel<float, From>(request), true};
            case PhysicalType::Float64:
                return {plainKernel<double, From>(request), true};
            default:
                throw InternalError("not a number: " + request.to.toString());
        }
    });
}

}  // namespace millrace::cast
