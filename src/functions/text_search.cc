#include "functions/text_search.h"

#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstring>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

namespace millrace {

namespace {

constexpr size_t kNotFound = std::string_view::npos;
constexpr size_t kBlock = 16;

#ifdef __SSE2__
// A bit for each of the 16 bytes that is `wanted`.
uint32_t equalBytes(const char* at, __m128i wanted) {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
    return static_cast<uint32_t>(_mm_movemask_epi8(_mm_cmpeq_epi8(bytes, wanted)));
}

// Calls f(base, mask) for blocks of places `from` to `end`, the last of which may overlap the one before it;
// the mask has the bits of those that are new. Until f returns a place. There are at least 16 places before
// `end`.
template <class F>
size_t overBlocks(size_t from, size_t end, F&& f) {
    while (from < end) {
        const size_t base = from + kBlock <= end ? from : end - kBlock;
        const size_t found = f(base, 0xFFFFU << (from - base));
        if (found != kNotFound) return found;
        from = base + kBlock;
    }
    return kNotFound;
}
#endif

}  // namespace

size_t findNth(std::string_view text, char c, size_t n, size_t from) {
#ifdef __SSE2__
    if (text.size() >= kBlock) {
        const __m128i wanted = _mm_set1_epi8(c);
        return overBlocks(from, text.size(), [&](size_t base, uint32_t mask) {
            for (uint32_t left = equalBytes(text.data() + base, wanted) & mask; left != 0; left &= left - 1) {
                if (n-- == 0) return base + static_cast<size_t>(std::countr_zero(left));
            }
            return kNotFound;
        });
    }
#endif
    for (; from < text.size(); ++from) {
        if (text[from] == c && n-- == 0) return from;
    }
    return kNotFound;
}

std::optional<std::string_view> partAt(std::string_view text, char c, size_t n) {
#ifdef __SSE2__
    constexpr size_t kWindow = 64;
    if (text.size() >= kBlock && n <= kWindow) {
        // A bit for each cut in the first 64 bytes; the last block may overlap the one before it.
        const __m128i wanted = _mm_set1_epi8(c);
        const size_t window = std::min(text.size(), kWindow);
        uint64_t cuts = 0;
        for (size_t base = 0; base + kBlock <= window; base += kBlock)
            cuts |= static_cast<uint64_t>(equalBytes(text.data() + base, wanted)) << base;
        const size_t last = window - kBlock;
        cuts |= static_cast<uint64_t>(equalBytes(text.data() + last, wanted)) << last;

        for (size_t i = 1; i < n; ++i)
            cuts &= cuts - 1;
        size_t begin = 0;
        if (n > 0 && cuts != 0) {
            begin = static_cast<size_t>(std::countr_zero(cuts)) + 1;
            cuts &= cuts - 1;
        }
        if (n == 0 || begin > 0) {
            if (cuts != 0) return text.substr(begin, static_cast<size_t>(std::countr_zero(cuts)) - begin);
            if (text.size() <= kWindow) return text.substr(begin);
        } else if (text.size() <= kWindow) {
            return std::nullopt;
        }
    }
#endif
    size_t begin = 0;
    if (n > 0) {
        const size_t cut = findNth(text, c, n - 1);
        if (cut == kNotFound) return std::nullopt;
        begin = cut + 1;
    }
    const size_t end = findNth(text, c, 0, begin);
    return text.substr(begin, end == kNotFound ? end : end - begin);
}

size_t findText(std::string_view text, std::string_view part, size_t from) {
    if (part.size() == 1) return findNth(text, part.front(), 0, from);
#ifdef __SSE2__
    if (part.size() > 1 && text.size() >= part.size() + kBlock - 1) {
        // Where both the first and the last byte are, the rest is compared (W. Mula, "SIMD-friendly
        // algorithms for substring searching").
        const size_t last = part.size() - 1;
        const __m128i first_byte = _mm_set1_epi8(part.front());
        const __m128i last_byte = _mm_set1_epi8(part.back());
        return overBlocks(from, text.size() - last, [&](size_t base, uint32_t mask) {
            const char* const at = text.data() + base;
            for (uint32_t left = equalBytes(at, first_byte) & equalBytes(at + last, last_byte) & mask;
                 left != 0; left &= left - 1) {
                const auto place = static_cast<size_t>(std::countr_zero(left));
                if (std::memcmp(at + place + 1, part.data() + 1, last - 1) == 0) return base + place;
            }
            return kNotFound;
        });
    }
#endif
    return text.find(part, from);
}

}  // namespace millrace
