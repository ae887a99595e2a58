// Between the microseconds of timestamp columns and the milliseconds of watermarks and windows.
#pragma once

#include <cstdint>

namespace millrace {

inline constexpr int64_t floorToMillis(int64_t micros) {
    const int64_t quotient = micros / 1000;
    return quotient - (micros % 1000 < 0 ? 1 : 0);
}

inline constexpr int64_t floorDivide(int64_t dividend, int64_t divisor) {  // divisor > 0
    const int64_t quotient = dividend / divisor;
    return quotient - (dividend % divisor < 0 ? 1 : 0);
}

}  // namespace millrace
