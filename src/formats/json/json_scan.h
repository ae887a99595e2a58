// Looking at 16 bytes of JSON text at a time.
#pragma once

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#include <cstddef>
#include <cstdint>

namespace millrace::json {

inline constexpr size_t kBlock = 16;
#if defined(__SSE2__)
// A bit for each byte of the block at `at` that ends the plain part of a text: quote, backslash, control.
inline uint32_t textEnds(const char* at, uint32_t& non_ascii) {
    const __m128i block = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
    const __m128i quote = _mm_cmpeq_epi8(block, _mm_set1_epi8('"'));
    const __m128i slash = _mm_cmpeq_epi8(block, _mm_set1_epi8('\\'));
    const __m128i control = _mm_cmpeq_epi8(_mm_min_epu8(block, _mm_set1_epi8(0x1F)), block);
    non_ascii = static_cast<uint32_t>(_mm_movemask_epi8(block));
    return static_cast<uint32_t>(_mm_movemask_epi8(_mm_or_si128(_mm_or_si128(quote, slash), control)));
}
#else
inline uint32_t textEnds(const char* at, uint32_t& non_ascii) {
    uint32_t ends = 0;
    non_ascii = 0;
    for (size_t i = 0; i < kBlock; ++i) {
        const unsigned char c = static_cast<unsigned char>(at[i]);
        ends |= static_cast<uint32_t>(c == '"' || c == '\\' || c < 0x20) << i;
        non_ascii |= static_cast<uint32_t>(c > 0x7F) << i;
    }
    return ends;
}
#endif

}  // namespace millrace::json
