// DECIMAL arithmetic on unscaled integers. Results out of range are nothing; Flink answers NULL there.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "types/logical_type.h"

namespace millrace {

Int128 powerOfTen(int exponent);  // 0..38
bool fitsPrecision(Int128 unscaled, int precision);
// Changes the scale, rounding half up (away from zero) as Java's RoundingMode.HALF_UP; nothing if it does not
// fit `precision`.
std::optional<Int128> rescaleDecimal(Int128 unscaled, int from_scale, int to_scale, int to_precision);
std::optional<Int128> divideDecimal(Int128 left, int left_scale, Int128 right, int right_scale,
                                    int to_precision, int to_scale);
// `unscaled_scale` is the sum of both scales.
std::optional<Int128> multiplyDecimal(Int128 left, Int128 right, int unscaled_scale, int to_precision,
                                      int to_scale);
std::optional<Int128> decimalFromDouble(double value, int precision,
                                        int scale);  // rounds half up; nothing for NaN
std::optional<Int128> parseDecimal(std::string_view text, int precision,
                                   int scale);  // rounds what is too fine; accepts exponents
char* appendDecimal(char* out, Int128 unscaled,
                    int scale);  // at most 42 bytes; always `scale` digits after the point
std::string formatDecimal(Int128 unscaled, int scale);
double decimalToDouble(Int128 unscaled, int scale);

// Flink's result types (LogicalTypeMerging): sum/difference, product, quotient, remainder, and of SUM and
// AVG.
LogicalType decimalAddType(const LogicalType& a, const LogicalType& b);
LogicalType decimalMultiplyType(const LogicalType& a, const LogicalType& b);
LogicalType decimalDivideType(const LogicalType& a, const LogicalType& b);
LogicalType decimalModuloType(const LogicalType& a, const LogicalType& b);
LogicalType decimalRoundType(const LogicalType& a, int digits);  // of ROUND(a, digits) and TRUNCATE
LogicalType decimalSumType(const LogicalType& a);                // DECIMAL(38, s)
LogicalType decimalAvgType(const LogicalType& a);                // DECIMAL(38, max(6, s))

}  // namespace millrace
