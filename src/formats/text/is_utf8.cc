#include "formats/text/is_utf8.h"

#include <simdjson.h>
#include <unicode/unistr.h>

#include <cstring>

namespace millrace::text {

// Short texts are mostly ASCII, and then the call is not worth its cost.
bool isUtf8(std::string_view text) {
    if (text.size() > 64) return simdjson::validate_utf8(text.data(), text.size());
    uint64_t high = 0;
    size_t at = 0;
    for (; at + 8 <= text.size(); at += 8) {
        uint64_t word;
        std::memcpy(&word, text.data() + at, 8);
        high |= word;
    }
    for (; at < text.size(); ++at)
        high |= static_cast<uint8_t>(text[at]);
    return (high & 0x8080808080808080U) == 0 || simdjson::validate_utf8(text.data(), text.size());
}

std::string toUtf8(std::string_view bytes) {
    std::string text(bytes);
    if (isUtf8(bytes)) return text;
    const icu::StringPiece piece(bytes.data(), static_cast<int32_t>(bytes.size()));
    text.clear();
    icu::UnicodeString::fromUTF8(piece).toUTF8String(text);
    return text;
}

}  // namespace millrace::text
