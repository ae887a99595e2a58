#include <cmath>

#include "functions/kernels.h"
#include "functions/time_rounding.h"
#include "types/decimal.h"

namespace millrace {

namespace {

// Which way the fraction of a number goes.
enum class Toward : uint8_t { Down, Up };

template <class T>
ScalarKernel wholeDecimalKernel(const LogicalType& result, int scale, Toward toward) {
    return unaryKernel<T, T>(result, [unit = static_cast<T>(powerOfTen(scale)), toward](T v) {
        const T quotient = v / unit;
        const T rest = v % unit;
        if (toward == Toward::Up) return static_cast<T>(quotient + (rest > 0 ? 1 : 0));
        return static_cast<T>(quotient - (rest < 0 ? 1 : 0));
    });
}

BoundScalar bindWhole(std::string_view name, Toward toward, std::span<const ArgumentInfo> arguments) {
    constexpr std::string_view accepted = "a number, or a date or time and a unit";
    checkArgumentCount(name, arguments, 1, 2, accepted);
    if (arguments.size() == 2) return bindTimeRounding(name, toward == Toward::Up, arguments);
    const LogicalType type =
        arguments[0].type.kind() == TypeKind::Null ? LogicalType::integer() : arguments[0].type;
    if (!type.isNumeric()) badArguments(name, arguments, accepted);
    BoundScalar bound;
    bound.arguments = {type};
    bound.result = type;
    bound.total = true;
    if (type.kind() == TypeKind::Decimal) {
        bound.result = LogicalType::decimal(type.precision(), 0).withNullable(type.nullable());
        bound.kernel = type.physical() == PhysicalType::Int64
                           ? wholeDecimalKernel<int64_t>(bound.result, type.scale(), toward)
                           : wholeDecimalKernel<Int128>(bound.result, type.scale(), toward);
    } else if (type.isInteger()) {
        bound.kernel = [result = type](const FunctionContext&, std::span<const ColumnPtr> columns, size_t) {
            return Column::retyped(columns[0], result);
        };
    } else if (type.kind() == TypeKind::Float) {
        bound.kernel = toward == Toward::Up
                           ? unaryKernel<float, float>(type, [](float v) { return std::ceil(v); })
                           : unaryKernel<float, float>(type, [](float v) { return std::floor(v); });
    } else {
        bound.kernel = toward == Toward::Up
                           ? unaryKernel<double, double>(type, [](double v) { return std::ceil(v); })
                           : unaryKernel<double, double>(type, [](double v) { return std::floor(v); });
    }
    return bound;
}

// The unscaled number at `digits` digits after the point (before it when negative), at scale `to_scale`.
std::optional<Int128> cutDecimal(Int128 unscaled, int scale, int digits, bool truncates, int to_precision,
                                 int to_scale) {
    const int drop = scale - digits;
    if (drop > 0) {
        if (drop > 38) return Int128(0);
        const Int128 unit = powerOfTen(drop);
        const Int128 rest = unscaled % unit;
        unscaled -= rest;
        if (!truncates && (rest >= unit - rest || -rest >= unit + rest)) {
            if (__builtin_add_overflow(unscaled, rest > 0 ? unit : -unit, &unscaled)) return std::nullopt;
        }
    }
    return rescaleDecimal(unscaled, scale, to_scale, to_precision);
}

double cutDouble(double value, int digits, bool truncates) {
    if (!std::isfinite(value)) return value;
    if (digits >= 17 - static_cast<int>(std::floor(std::log10(std::fabs(value) + 1)))) return value;
    // Through the shortest decimal digits, as Java's BigDecimal.valueOf does: 1.005 is rounded to 1.01.
    const auto decimal = decimalFromDouble(value, 38, 18);
    if (!decimal) return value;  // so large that it has no fraction
    const auto cut = cutDecimal(*decimal, 18, digits, truncates, 38, 18);
    return cut ? decimalToDouble(*cut, 18) : value;
}

template <class R, class A, class Cut>
ScalarKernel cutKernel(const LogicalType& result, bool has_digits, Cut cut) {
    return
        [result, has_digits, cut](const FunctionContext&, std::span<const ColumnPtr> columns, size_t rows) {
            auto column = makeResult(result, columns, rows);
            R* const out = column->template mutableData<R>();
            std::fill_n(out, rows, R());
            const A* const in = columns[0]->template data<A>();
            const int32_t* const digits = has_digits ? columns[1]->data<int32_t>() : nullptr;
            forValidRows(*column, rows,
                         [&](size_t i) { return cut(in[i], digits != nullptr ? digits[i] : 0, out[i]); });
            return ColumnPtr(column);
        };
}

template <class A>
ScalarKernel decimalCutKernel(const LogicalType& type, const LogicalType& result, bool has_digits,
                              bool truncates) {
    const auto kernel = [&]<class R>() {
        return cutKernel<R, A>(result, has_digits,
                               [from = type.scale(), to = result.scale(), precision = result.precision(),
                                truncates](A v, int digits, R& out) {
                                   const auto cut = cutDecimal(v, from, digits, truncates, precision, to);
                                   if (cut) out = static_cast<R>(*cut);
                                   return cut.has_value();
                               });
    };
    return result.physical() == PhysicalType::Int64 ? kernel.template operator()<int64_t>()
                                                    : kernel.template operator()<Int128>();
}

template <class T>
ScalarKernel integerCutKernel(const LogicalType& type, bool has_digits, bool truncates) {
    return cutKernel<T, T>(type, has_digits, [truncates](T v, int digits, T& out) {
        const auto cut = cutDecimal(v, 0, std::min(digits, 0), truncates, 38, 0);
        out = static_cast<T>(cut.value_or(0));
        return true;
    });
}

BoundScalar bindCut(std::string_view name, bool truncates, std::span<const ArgumentInfo> arguments) {
    constexpr std::string_view accepted = "a number, or a number and the digits to keep";
    checkArgumentCount(name, arguments, 1, 2, accepted);
    const LogicalType type =
        arguments[0].type.kind() == TypeKind::Null ? LogicalType::integer() : arguments[0].type;
    const bool has_digits = arguments.size() == 2;
    if (!type.isNumeric() ||
        (has_digits && !arguments[1].type.isInteger() && arguments[1].type.kind() != TypeKind::Null)) {
        badArguments(name, arguments, accepted);
    }
    BoundScalar bound;
    bound.arguments = {type};
    if (has_digits) bound.arguments.push_back(LogicalType::integer());
    bound.result = type.withNullable(anyNullable(arguments));
    bound.total = true;
    if (type.kind() == TypeKind::Decimal) {
        const bool known = !has_digits || (arguments[1].literal && !arguments[1].literal->isNull());
        if (known && !truncates) {
            const auto digits = has_digits ? static_cast<int>(arguments[1].literal->asInt64()) : 0;
            bound.result = decimalRoundType(type, digits);
        }
        bound.result = bound.result.withNullable(true);
        bound.kernel = type.physical() == PhysicalType::Int64
                           ? decimalCutKernel<int64_t>(type, bound.result, has_digits, truncates)
                           : decimalCutKernel<Int128>(type, bound.result, has_digits, truncates);
    } else if (type.isInteger()) {
        bound.kernel = type.physical() == PhysicalType::Int64
                           ? integerCutKernel<int64_t>(bound.result, has_digits, truncates)
                           : integerCutKernel<int32_t>(bound.result, has_digits, truncates);
    } else if (type.kind() == TypeKind::Float) {
        bound.kernel =
            cutKernel<float, float>(bound.result, has_digits, [truncates](float v, int digits, float& out) {
                out = static_cast<float>(cutDouble(v, digits, truncates));
                return true;
            });
    } else {
        bound.kernel = cutKernel<double, double>(bound.result, has_digits,
                                                 [truncates](double v, int digits, double& out) {
                                                     out = cutDouble(v, digits, truncates);
                                                     return true;
                                                 });
    }
    return bound;
}

}  // namespace

std::vector<ScalarFunction> describeScalarRounding() {
    return {
        {.name = "FLOOR",
         .signature = "FLOOR(number), FLOOR(time TO unit)",
         .documentation = "The greatest whole number that is not greater; of a date or time, the beginning "
                          "of the unit it lies in.",
         .examples = {{"FLOOR(-1.5)", "-2"},
                      {"FLOOR(TIMESTAMP '2024-02-29 12:44:31' TO HOUR)", "2024-02-29 12:00:00"}},
         .bind =
             [](std::span<const ArgumentInfo> arguments) {
                 return bindWhole("FLOOR", Toward::Down, arguments);
             }},
        {.name = "CEIL",
         .aliases = {"CEILING"},
         .signature = "CEIL(number), CEIL(time TO unit)",
         .documentation =
             "The least whole number that is not less; of a date or time, the beginning of the next unit.",
         .examples = {{"CEIL(1.2)", "2"}, {"CEIL(DATE '2024-02-15' TO MONTH)", "2024-03-01"}},
         .bind =
             [](std::span<const ArgumentInfo> arguments) {
                 return bindWhole("CEIL", Toward::Up, arguments);
             }},
        {.name = "ROUND",
         .signature = "ROUND(number [, digits])",
         .documentation =
             "The number rounded half up to the digits after the point (before it when negative).",
         .examples = {{"ROUND(2.555, 2)", "2.56"}, {"ROUND(-2.5)", "-3"}, {"ROUND(1234, -2)", "1200"}},
         .bind = [](std::span<const ArgumentInfo> arguments) { return bindCut("ROUND", false, arguments); }},
        {.name = "TRUNCATE",
         .signature = "TRUNCATE(number [, digits])",
         .documentation = "The number without what follows the digits after the point.",
         .examples = {{"TRUNCATE(42.345, 2)", "42.340"}, {"TRUNCATE(-1.9)", "-1.0"}},
         .bind =
             [](std::span<const ArgumentInfo> arguments) { return bindCut("TRUNCATE", true, arguments); }},
    };
}

}  // namespace millrace
