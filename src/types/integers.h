// Whole numbers as decimal text. Eight digits are made at once, each in a byte of a word, without a loop or a
// branch on how many there are: std::to_chars counts them first, and columns of numbers make it guess
// wrongly.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>

namespace millrace {

namespace digits {

static_assert(std::endian::native == std::endian::little);

// The eight digits of a number below 10^8, the first in the lowest byte.
inline uint64_t eightOf(uint32_t value) {
    const uint64_t fours = uint64_t{value / 10'000} | uint64_t{value % 10'000} << 32;
    const uint64_t hundreds = ((fours * 10'486) >> 20) & 0x0000'007f'0000'007f;
    const uint64_t twos = hundreds | (fours - 100 * hundreds) << 16;
    const uint64_t tens = ((twos * 103) >> 10) & 0x000f'000f'000f'000f;
    return tens | (twos - 10 * tens) << 8;
}

inline constexpr uint64_t kZeros = 0x3030'3030'3030'3030;

inline char* appendEight(char* out, uint32_t value) {
    const uint64_t text = eightOf(value) | kZeros;
    std::memcpy(out, &text, 8);
    return out + 8;
}

// Below 10^8, without leading zeros.
inline char* appendUpToEight(char* out, uint32_t value) {
    const uint64_t digits = eightOf(value);
    const int leading = std::countr_zero(digits | uint64_t{1} << 56) / 8;
    const uint64_t text = (digits | kZeros) >> (8 * leading);
    std::memcpy(out, &text, 8);
    return out + (8 - leading);
}

}  // namespace digits

// Writes at `out` (24 bytes must be free) and returns the new end.
inline char* appendInteger(char* out, int64_t value) {
    constexpr uint64_t kUnit = 100'000'000;
    auto rest = static_cast<uint64_t>(value);
    if (value < 0) {
        *out++ = '-';
        rest = 0 - rest;
    }
    if (rest < kUnit) return digits::appendUpToEight(out, static_cast<uint32_t>(rest));
    const auto low = static_cast<uint32_t>(rest % kUnit);
    rest /= kUnit;
    if (rest < kUnit) {
        out = digits::appendUpToEight(out, static_cast<uint32_t>(rest));
    } else {
        out = digits::appendUpToEight(out, static_cast<uint32_t>(rest / kUnit));
        out = digits::appendEight(out, static_cast<uint32_t>(rest % kUnit));
    }
    return digits::appendEight(out, low);
}

}  // namespace millrace
