#include "formats/json/json_text.h"

#include <array>
#include <bit>
#include <cstdint>
#include <cstring>

#include "formats/json/json_scan.h"

namespace millrace::json {
namespace {

// What a byte becomes: 0 itself, 'u' a \u00XX, else a backslash and this.
constexpr std::array<char, 256> kEscapes = [] {
    std::array<char, 256> table{};
    for (int i = 0; i < 0x20; ++i)
        table[static_cast<size_t>(i)] = 'u';
    table['\b'] = 'b';
    table['\f'] = 'f';
    table['\n'] = 'n';
    table['\r'] = 'r';
    table['\t'] = 't';
    table['"'] = '"';
    table['\\'] = '\\';
    return table;
}();

char* writeByte(char* out, unsigned char c) {
    const char escape = kEscapes[c];
    if (escape == 0) {
        *out++ = static_cast<char>(c);
        return out;
    }
    *out++ = '\\';
    *out++ = escape;
    if (escape == 'u') {
        constexpr char kHex[] = "0123456789ABCDEF";
        const char code[] = {'0', '0', kHex[c >> 4], kHex[c & 15]};
        std::memcpy(out, code, 4);
        out += 4;
    }
    return out;
}

}  // namespace

char* writeQuoted(char* out, std::string_view text) {
    *out++ = '"';
    const char* at = text.data();
    const char* const end = at + text.size();
    while (static_cast<size_t>(end - at) >= kBlock) {
        uint32_t non_ascii;
        const uint32_t special = textEnds(at, non_ascii);
        std::memcpy(out, at, kBlock);
        if (special == 0) {
            at += kBlock;
            out += kBlock;
            continue;
        }
        const int plain = std::countr_zero(special);
        out = writeByte(out + plain, static_cast<unsigned char>(at[plain]));
        at += plain + 1;
    }
    while (at != end)
        out = writeByte(out, static_cast<unsigned char>(*at++));
    *out++ = '"';
    return out;
}

void appendQuoted(std::string_view text, std::string& out) {
    const size_t size = out.size();
    out.resize(size + 6 * text.size() + 18);
    const char* const end = writeQuoted(out.data() + size, text);
    out.resize(static_cast<size_t>(end - out.data()));
}

}  // namespace millrace::json
