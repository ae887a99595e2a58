// Searching short texts, 16 bytes at a time: a call of memchr() for every candidate costs more than all of
// it.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string_view>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "batch/string_view.h"

namespace millrace {

// The place of the n-th `c`, counted from 0, at or behind `from`; npos if there are fewer.
size_t findNth(std::string_view text, char c, size_t n, size_t from = 0);

// The n-th part, counted from 0, of the text cut at every `c`; nothing if there are fewer.
std::optional<std::string_view> partAt(std::string_view text, char c, size_t n);

// StringView(part), where `part` lies in `text` (or is empty): short ones are taken without a loop.
inline StringView viewOfPart(std::string_view text, std::string_view part) {
    const size_t size = part.size();
    if (size > StringView::kInlineSize || size == 0 || part.data() < text.data() ||
        part.data() + StringView::kInlineSize > text.data() + text.size())
        return StringView(part);
    uint64_t first;
    uint32_t rest;
    std::memcpy(&first, part.data(), sizeof(first));
    std::memcpy(&rest, part.data() + sizeof(first), sizeof(rest));
    if (size < sizeof(first)) {
        first &= (uint64_t{1} << (8 * size)) - 1;
        rest = 0;
    } else if (size < StringView::kInlineSize) {
        rest &= (uint32_t{1} << (8 * (size - sizeof(first)))) - 1;
    }
    const uint64_t words[2] = {size | first << 32, first >> 32 | uint64_t{rest} << 32};
    StringView view;
    static_assert(sizeof(view) == sizeof(words) && std::endian::native == std::endian::little);
    std::memcpy(static_cast<void*>(&view), words, sizeof(words));
    return view;
}

// The same part where that can be told at a glance: of a text of at least 16 bytes, if the part and what ends
// it lie in the first 64. Nothing says only that partAt() must be asked.
inline std::optional<StringView> shortPartAt(std::string_view text, char c, size_t n) {
#ifdef __SSE2__
    constexpr size_t kBlock = 16, kWindow = 64;
    if (text.size() < kBlock) return std::nullopt;
    // A bit for each cut. Of a shorter text, the last blocks overlap.
    const __m128i wanted = _mm_set1_epi8(c);
    const size_t last = (text.size() < kWindow ? text.size() : kWindow) - kBlock;
    uint64_t cuts = 0;
    for (size_t block = 0; block < kWindow; block += kBlock) {
        const size_t base = block < last ? block : last;
        const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(text.data() + base));
        cuts |= static_cast<uint64_t>(static_cast<uint32_t>(_mm_movemask_epi8(_mm_cmpeq_epi8(bytes, wanted))))
                << base;
    }
    for (size_t i = 1; i < n; ++i)
        cuts &= cuts - 1;
    size_t begin = 0;
    if (n > 0) {
        if (cuts == 0) return std::nullopt;
        begin = static_cast<size_t>(std::countr_zero(cuts)) + 1;
        cuts &= cuts - 1;
    }
    if (cuts == 0) return std::nullopt;
    return viewOfPart(text, text.substr(begin, static_cast<size_t>(std::countr_zero(cuts)) - begin));
#else
    (void)text, (void)c, (void)n;
    return std::nullopt;
#endif
}

// As text.find(part, from).
size_t findText(std::string_view text, std::string_view part, size_t from = 0);

}  // namespace millrace
