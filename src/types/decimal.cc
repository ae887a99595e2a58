#include "types/decimal.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "base/error.h"
#include "types/coercion.h"
#include "types/floating.h"

namespace millrace {

namespace {

using UInt128 = unsigned __int128;

struct PowersOfTen {
    std::array<Int128, 39> values{};
    constexpr PowersOfTen() {
        Int128 power = 1;
        for (size_t i = 0; i < values.size(); ++i) {
            values[i] = power;
            if (i + 1 < values.size()) power *= 10;
        }
    }
};
constexpr PowersOfTen kPowers;

UInt128 magnitude(Int128 value) {
    return value < 0 ? UInt128(0) - static_cast<UInt128>(value) : static_cast<UInt128>(value);
}

// An unsigned integer of 256 bits, for the products and quotients that do not fit 128.
struct Wide {
    UInt128 high = 0;
    UInt128 low = 0;
};

Wide multiplyWide(UInt128 a, UInt128 b) {
    const UInt128 mask = ~uint64_t(0);
    const UInt128 a0 = a & mask;
    const UInt128 a1 = a >> 64;
    const UInt128 b0 = b & mask;
    const UInt128 b1 = b >> 64;
    const UInt128 low = a0 * b0;
    const UInt128 middle1 = a1 * b0 + (low >> 64);
    const UInt128 middle2 = a0 * b1 + (middle1 & mask);
    return {a1 * b1 + (middle1 >> 64) + (middle2 >> 64), (middle2 << 64) | (low & mask)};
}

// The quotient and remainder; the quotient's high half is kept too.
Wide divideWide(Wide value, UInt128 divisor, UInt128& remainder) {
    Wide quotient;
    quotient.high = value.high / divisor;
    remainder = value.high % divisor;
    for (int bit = 127; bit >= 0; --bit) {
        const bool carry = (remainder >> 127) != 0;
        remainder = (remainder << 1) | ((value.low >> bit) & 1);
        quotient.low <<= 1;
        if (carry || remainder >= divisor) {
            remainder -= divisor;
            quotient.low |= 1;
        }
    }
    return quotient;
}

// value / divisor, rounded half up, as a signed number that fits `precision` digits.
std::optional<Int128> roundedQuotient(Wide value, UInt128 divisor, bool negative, int precision) {
    UInt128 remainder = 0;
    UInt128 quotient = 0;
    if (value.high == 0) {
        quotient = value.low / divisor;
        remainder = value.low % divisor;
    } else {
        const Wide wide = divideWide(value, divisor, remainder);
        if (wide.high != 0) return std::nullopt;
        quotient = wide.low;
    }
    if (remainder >= divisor - remainder) ++quotient;
    if (quotient >= static_cast<UInt128>(powerOfTen(precision))) return std::nullopt;
    const auto result = static_cast<Int128>(quotient);
    return negative ? -result : result;
}

LogicalType adjusted(int precision, int scale) {
    if (precision <= LogicalType::kMaxDecimalPrecision) return LogicalType::decimal(precision, scale);
    const int digits = precision - scale;
    const int scale_min = std::min(scale, 6);
    return LogicalType::decimal(LogicalType::kMaxDecimalPrecision,
                                std::max(LogicalType::kMaxDecimalPrecision - digits, scale_min));
}

struct Shape {
    int precision;
    int scale;
};

Shape shapeOf(const LogicalType& type) {
    const LogicalType decimal = decimalFor(type);
    return {decimal.precision(), decimal.scale()};
}

LogicalType nullableLike(const LogicalType& result, const LogicalType& a, const LogicalType& b) {
    return result.withNullable(a.nullable() || b.nullable());
}

}  // namespace

Int128 powerOfTen(int exponent) {
    MILLRACE_CHECK(exponent >= 0 && exponent <= 38, "10^{}", exponent);
    return kPowers.values[static_cast<size_t>(exponent)];
}

bool fitsPrecision(Int128 unscaled, int precision) {
    const Int128 bound = kPowers.values[static_cast<size_t>(precision)];
    return unscaled > -bound && unscaled < bound;
}

std::optional<Int128> rescaleDecimal(Int128 unscaled, int from_scale, int to_scale, int to_precision) {
    if (to_scale >= from_scale) {
        Int128 result = 0;
        if (to_scale - from_scale > 38 ||
            __builtin_mul_overflow(unscaled, kPowers.values[static_cast<size_t>(to_scale - from_scale)],
                                   &result) ||
            !fitsPrecision(result, to_precision)) {
            return unscaled == 0 ? std::optional<Int128>(0) : std::nullopt;
        }
        return result;
    }
    if (from_scale - to_scale > 38) return Int128(0);
    return roundedQuotient({0, magnitude(unscaled)},
                           static_cast<UInt128>(kPowers.values[static_cast<size_t>(from_scale - to_scale)]),
                           unscaled < 0, to_precision);
}

std::optional<Int128> divideDecimal(Int128 left, int left_scale, Int128 right, int right_scale,
                                    int to_precision, int to_scale) {
    MILLRACE_CHECK(right != 0, "division by zero must be caught by the caller");
    const bool negative = (left < 0) != (right < 0);
    const int shift = to_scale - left_scale + right_scale;
    UInt128 divisor = magnitude(right);
    UInt128 dividend = magnitude(left);
    if (shift < 0) {
        // Only for a result scale below what Flink's rules give; the divisor grows instead.
        const Wide grown = multiplyWide(divisor, static_cast<UInt128>(powerOfTen(std::min(-shift, 38))));
        if (grown.high != 0) return Int128(0);
        return roundedQuotient({0, dividend}, grown.low, negative, to_precision);
    }
    if (shift <= 38) {
        return roundedQuotient(multiplyWide(dividend, static_cast<UInt128>(powerOfTen(shift))), divisor,
                               negative, to_precision);
    }
    const Wide grown = multiplyWide(dividend, static_cast<UInt128>(powerOfTen(shift - 38)));
    if (grown.high != 0) return std::nullopt;
    return roundedQuotient(multiplyWide(grown.low, static_cast<UInt128>(powerOfTen(38))), divisor, negative,
                           to_precision);
}

std::optional<Int128> multiplyDecimal(Int128 left, Int128 right, int unscaled_scale, int to_precision,
                                      int to_scale) {
    if (to_scale >= unscaled_scale) {
        Int128 product = 0;
        if (__builtin_mul_overflow(left, right, &product)) return std::nullopt;
        return rescaleDecimal(product, unscaled_scale, to_scale, to_precision);
    }
    const int drop = unscaled_scale - to_scale;
    const Wide product = multiplyWide(magnitude(left), magnitude(right));
    const bool negative = (left < 0) != (right < 0);
    if (drop > 38) return Int128(0);
    return roundedQuotient(product, static_cast<UInt128>(powerOfTen(drop)), negative, to_precision);
}

std::optional<Int128> decimalFromDouble(double value, int precision, int scale) {
    if (!std::isfinite(value)) return std::nullopt;
    // Through the shortest digits, as Java's BigDecimal.valueOf: 0.1 is one tenth and not the nearest binary
    // fraction.
    return parseDecimal(formatDouble(value), precision, scale);
}

std::optional<Int128> parseDecimal(std::string_view text, int precision, int scale) {
    size_t at = 0;
    bool negative = false;
    if (at < text.size() && (text[at] == '+' || text[at] == '-')) negative = text[at++] == '-';
    UInt128 digits = 0;
    int exponent = 0;  // of the last kept digit
    bool any = false;
    bool point = false;
    bool full = false;          // no further digit fits
    bool dropped_half = false;  // the first dropped digit is 5 or more
    for (; at < text.size(); ++at) {
        const char c = text[at];
        if (c == '.') {
            if (point) return std::nullopt;
            point = true;
            continue;
        }
        if (c < '0' || c > '9') break;
        any = true;
        if (!full && digits >= static_cast<UInt128>(powerOfTen(37))) {
            full = true;
            dropped_half = c >= '5';
        }
        if (full) {
            if (!point) ++exponent;
        } else {
            digits = digits * 10 + static_cast<unsigned>(c - '0');
            if (point) --exponent;
        }
    }
    if (!any) return std::nullopt;
    if (at < text.size()) {
        if (text[at] != 'e' && text[at] != 'E') return std::nullopt;
        ++at;
        bool exponent_negative = false;
        if (at < text.size() && (text[at] == '+' || text[at] == '-')) exponent_negative = text[at++] == '-';
        if (at == text.size()) return std::nullopt;
        int value = 0;
        for (; at < text.size(); ++at) {
            if (text[at] < '0' || text[at] > '9') return std::nullopt;
            value = std::min(value * 10 + (text[at] - '0'), 100000);
        }
        exponent += exponent_negative ? -value : value;
    }
    if (digits == 0) return Int128(0);
    const int shift = exponent + scale;  // the result is digits * 10^shift
    std::optional<Int128> result;
    if (shift >= 0) {
        if (shift > 38) return std::nullopt;
        const Wide wide = multiplyWide(digits, static_cast<UInt128>(powerOfTen(shift)));
        if (wide.high != 0) return std::nullopt;
        const UInt128 rounded = wide.low + (dropped_half && shift == 0 ? 1 : 0);
        if (rounded >= static_cast<UInt128>(powerOfTen(precision))) return std::nullopt;
        result = static_cast<Int128>(rounded);
        if (negative) result = -*result;
    } else {
        if (shift < -38) return Int128(0);
        result = roundedQuotient({0, digits}, static_cast<UInt128>(powerOfTen(-shift)), negative, precision);
    }
    return result;
}

char* appendDecimal(char* out, Int128 unscaled, int scale) {
    UInt128 rest = magnitude(unscaled);
    if (unscaled < 0) *out++ = '-';
    char digits[48];
    int count = 0;
    while (rest >> 64 != 0) {
        digits[count++] = static_cast<char>('0' + static_cast<int>(rest % 10));
        rest /= 10;
    }
    for (auto low = static_cast<uint64_t>(rest); low > 0; low /= 10)
        digits[count++] = static_cast<char>('0' + low % 10);
    while (count <= scale)
        digits[count++] = '0';
    while (count > scale)
        *out++ = digits[--count];
    if (scale > 0) {
        *out++ = '.';
        while (count > 0)
            *out++ = digits[--count];
    }
    return out;
}

std::string formatDecimal(Int128 unscaled, int scale) {
    char text[64];
    return {text, appendDecimal(text, unscaled, scale)};
}

double decimalToDouble(Int128 unscaled, int scale) {
    // Both parts exact: one correctly rounded division.
    if (scale <= 22 && magnitude(unscaled) < (UInt128(1) << 53)) {
        return static_cast<double>(static_cast<int64_t>(unscaled)) / static_cast<double>(powerOfTen(scale));
    }
    return *parseDouble(formatDecimal(unscaled, scale));
}

LogicalType decimalAddType(const LogicalType& a, const LogicalType& b) {
    const auto [p1, s1] = shapeOf(a);
    const auto [p2, s2] = shapeOf(b);
    const int scale = std::max(s1, s2);
    return nullableLike(adjusted(std::max(p1 - s1, p2 - s2) + scale + 1, scale), a, b);
}

LogicalType decimalMultiplyType(const LogicalType& a, const LogicalType& b) {
    const auto [p1, s1] = shapeOf(a);
    const auto [p2, s2] = shapeOf(b);
    return nullableLike(adjusted(p1 + p2 + 1, s1 + s2), a, b);
}

LogicalType decimalDivideType(const LogicalType& a, const LogicalType& b) {
    const auto [p1, s1] = shapeOf(a);
    const auto [p2, s2] = shapeOf(b);
    const int scale = std::max(6, s1 + p2 + 1);
    return nullableLike(adjusted(p1 - s1 + s2 + scale, scale), a, b);
}

LogicalType decimalModuloType(const LogicalType& a, const LogicalType& b) {
    const auto [p1, s1] = shapeOf(a);
    const auto [p2, s2] = shapeOf(b);
    const int scale = std::max(s1, s2);
    return nullableLike(adjusted(std::max(1, std::min(p1 - s1, p2 - s2) + scale), scale), a, b);
}

LogicalType decimalRoundType(const LogicalType& a, int digits) {
    const auto [precision, scale] = shapeOf(a);
    LogicalType result;
    if (digits >= scale) {
        result = LogicalType::decimal(precision, scale);
    } else if (digits < 0) {
        result = LogicalType::decimal(std::min(LogicalType::kMaxDecimalPrecision, 1 + precision - scale), 0);
    } else {
        result = LogicalType::decimal(
            std::min(LogicalType::kMaxDecimalPrecision, 1 + precision - scale + digits), digits);
    }
    return result.withNullable(a.nullable());
}

LogicalType decimalSumType(const LogicalType& a) {
    return LogicalType::decimal(LogicalType::kMaxDecimalPrecision, shapeOf(a).scale)
        .withNullable(a.nullable());
}

LogicalType decimalAvgType(const LogicalType& a) {
    return LogicalType::decimal(LogicalType::kMaxDecimalPrecision, std::max(6, shapeOf(a).scale))
        .withNullable(a.nullable());
}

}  // namespace millrace
