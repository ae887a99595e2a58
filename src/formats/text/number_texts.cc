#include "formats/text/number_texts.h"

#include <bit>
#include <cstring>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#include "types/integers.h"

namespace millrace::text {
namespace {

constexpr uint64_t kEightDigits = 100'000'000;

// Digits as digits::eightOf() makes them, without the leading zeros.
std::string_view putUpToEight(uint64_t eight, char* slot) {
    const int leading = std::countr_zero(eight | uint64_t{1} << 56) / 8;
    const uint64_t text = (eight | digits::kZeros) >> (8 * leading);
    std::memcpy(slot, &text, 8);
    return {slot, static_cast<size_t>(8 - leading)};
}

#if defined(__SSE2__)
// digits::eightOf() of two numbers, one in each half.
__m128i eightOfTwo(__m128i values) {
    const __m128i high = _mm_srli_epi64(_mm_mul_epu32(values, _mm_set1_epi64x(0xd1b7'1759)), 45);  // / 10'000
    const __m128i low = _mm_sub_epi64(values, _mm_mul_epu32(high, _mm_set1_epi64x(10'000)));
    const __m128i fours = _mm_or_si128(high, _mm_slli_epi64(low, 32));
    const __m128i hundreds = _mm_srli_epi16(_mm_mulhi_epu16(fours, _mm_set1_epi16(5'243)), 3);
    const __m128i rest = _mm_sub_epi16(fours, _mm_mullo_epi16(hundreds, _mm_set1_epi16(100)));
    const __m128i twos = _mm_or_si128(hundreds, _mm_slli_epi32(rest, 16));
    const __m128i tens = _mm_srli_epi16(_mm_mullo_epi16(twos, _mm_set1_epi16(103)), 10);
    const __m128i ones = _mm_sub_epi16(twos, _mm_mullo_epi16(tens, _mm_set1_epi16(10)));
    return _mm_or_si128(tens, _mm_slli_epi16(ones, 8));
}

// Of two values that are below 10^8.
template <class T>
void writeTwo(const T* values, char* slots, std::string_view* texts) {
    const __m128i eights =
        eightOfTwo(_mm_set_epi64x(static_cast<int64_t>(values[1]), static_cast<int64_t>(values[0])));
    texts[0] = putUpToEight(static_cast<uint64_t>(_mm_cvtsi128_si64(eights)), slots);
    texts[1] = putUpToEight(static_cast<uint64_t>(_mm_cvtsi128_si64(_mm_unpackhi_epi64(eights, eights))),
                            slots + kSlotBytes);
}
#endif

template <class T>
void writeAll(const T* values, size_t count, char* slots, std::string_view* texts) {
    size_t i = 0;
#if defined(__SSE2__)
    const auto small = [&](size_t at) {
        return static_cast<uint64_t>(static_cast<int64_t>(values[at])) < kEightDigits;
    };
    for (; i + 2 <= count && small(i) && small(i + 1); i += 2)
        writeTwo(values + i, slots + i * kSlotBytes, texts + i);
#endif
    for (; i < count; ++i) {
        char* const slot = slots + i * kSlotBytes;
        texts[i] = {slot, static_cast<size_t>(appendInteger(slot, values[i]) - slot)};
    }
}

}  // namespace

void writeIntegers(const int32_t* values, size_t count, char* slots, std::string_view* texts) {
    writeAll(values, count, slots, texts);
}

void writeIntegers(const int64_t* values, size_t count, char* slots, std::string_view* texts) {
    writeAll(values, count, slots, texts);
}

}  // namespace millrace::text
