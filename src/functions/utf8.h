// UTF-8 by code points, as SQL counts characters: "é" is one, and so is a character outside the basic plane.
// Malformed bytes count as one character each.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace millrace {

inline bool isContinuation(char c) { return (static_cast<unsigned char>(c) & 0xC0) == 0x80; }

inline bool isAscii(std::string_view text) {
    unsigned char all = 0;
    for (const char c : text)
        all |= static_cast<unsigned char>(c);
    return all < 0x80;
}

inline size_t characterCount(std::string_view text) {
    size_t count = 0;
    for (const char c : text)
        count += isContinuation(c) ? 0 : 1;
    return count;
}

// The byte at which character `index` begins (the size when there are fewer).
inline size_t characterOffset(std::string_view text, size_t index) {
    size_t at = 0;
    while (at < text.size()) {
        if (!isContinuation(text[at])) {
            if (index == 0) return at;
            --index;
        }
        ++at;
    }
    return at;
}

inline std::string_view firstCharacters(std::string_view text, size_t count) {
    return text.substr(0, characterOffset(text, count));
}

void appendCodePoint(std::string& out, uint32_t code_point);
// The code point at `at`, which is advanced; U+FFFD for malformed bytes.
uint32_t nextCodePoint(std::string_view text, size_t& at);

}  // namespace millrace
