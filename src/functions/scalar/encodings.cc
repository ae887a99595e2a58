// Texts as bytes in a character set, and bytes as hexadecimal digits.
#include "functions/simple.h"
#include "functions/utf8.h"

namespace millrace {

namespace {

enum class Charset : uint8_t { Ascii, Latin1, Utf8, Utf16, Utf16Be, Utf16Le };

std::optional<Charset> charsetOf(std::string_view name) {
    struct Named {
        std::string_view name;
        Charset charset;
    };
    static constexpr Named kCharsets[] = {{"US-ASCII", Charset::Ascii},   {"ISO-8859-1", Charset::Latin1},
                                          {"UTF-8", Charset::Utf8},       {"UTF-16", Charset::Utf16},
                                          {"UTF-16BE", Charset::Utf16Be}, {"UTF-16LE", Charset::Utf16Le}};
    for (const Named& named : kCharsets) {
        const bool same = std::equal(name.begin(), name.end(), named.name.begin(), named.name.end(),
                                     [](char a, char b) { return (a >= 'a' && a <= 'z' ? a - 32 : a) == b; });
        if (same) return named.charset;
    }
    return std::nullopt;
}

[[noreturn]] void unknownCharset(std::string_view name) {
    throw UserError("data.bad-charset", fmt::format("there is no character set '{}'", name),
                    "there are US-ASCII, ISO-8859-1, UTF-8, UTF-16, UTF-16BE and UTF-16LE");
}

void appendUnit(uint32_t unit, bool little, std::string& out) {
    const char high = static_cast<char>(unit >> 8);
    const char low = static_cast<char>(unit & 0xFF);
    out.push_back(little ? low : high);
    out.push_back(little ? high : low);
}

bool encode(const Arguments& arguments, size_t row, std::string& out) {
    const std::string_view text = arguments.text(0, row);
    const auto charset = charsetOf(arguments.text(1, row));
    if (!charset) unknownCharset(arguments.text(1, row));
    if (*charset == Charset::Utf8) {
        out = text;
        return true;
    }
    const bool little = *charset == Charset::Utf16Le;
    if (*charset == Charset::Utf16 && !text.empty()) appendUnit(0xFEFF, false, out);
    for (size_t at = 0; at < text.size();) {
        const uint32_t code = nextCodePoint(text, at);
        if (*charset == Charset::Ascii || *charset == Charset::Latin1) {
            const uint32_t most = *charset == Charset::Ascii ? 0x7F : 0xFF;
            out.push_back(code > most ? '?' : static_cast<char>(code));
        } else if (code < 0x10000) {
            appendUnit(code, little, out);
        } else {
            appendUnit(0xD800 + ((code - 0x10000) >> 10), little, out);
            appendUnit(0xDC00 + ((code - 0x10000) & 0x3FF), little, out);
        }
    }
    return true;
}

void decodeUtf16(std::string_view bytes, bool little, std::string& out) {
    constexpr uint32_t kReplacement = 0xFFFD;
    const auto unit = [&](size_t at) {
        const auto first = static_cast<unsigned char>(bytes[at]);
        const auto second = static_cast<unsigned char>(bytes[at + 1]);
        return static_cast<uint32_t>(little ? second << 8 | first : first << 8 | second);
    };
    size_t at = 0;
    while (at + 1 < bytes.size()) {
        uint32_t code = unit(at);
        at += 2;
        if (code >= 0xD800 && code < 0xE000) {
            const uint32_t low = code < 0xDC00 && at + 1 < bytes.size() ? unit(at) : 0;
            if (low >= 0xDC00 && low < 0xE000) {
                code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
                at += 2;
            } else {
                code = kReplacement;
            }
        }
        appendCodePoint(out, code);
    }
    if (at < bytes.size()) appendCodePoint(out, kReplacement);
}

bool decode(const Arguments& arguments, size_t row, std::string& out) {
    std::string_view bytes = arguments.text(0, row);
    const auto charset = charsetOf(arguments.text(1, row));
    if (!charset) unknownCharset(arguments.text(1, row));
    switch (*charset) {
        case Charset::Utf8:
            if (isAscii(bytes)) {
                out = bytes;
                return true;
            }
            for (size_t at = 0; at < bytes.size();)
                appendCodePoint(out, nextCodePoint(bytes, at));
            return true;
        case Charset::Ascii:
        case Charset::Latin1:
            for (const char c : bytes) {
                const auto byte = static_cast<unsigned char>(c);
                appendCodePoint(out, *charset == Charset::Ascii && byte > 0x7F ? 0xFFFD : byte);
            }
            return true;
        default:
            break;
    }
    bool little = *charset == Charset::Utf16Le;
    if (*charset == Charset::Utf16 && bytes.starts_with("\xFF\xFE")) little = true;
    if (*charset == Charset::Utf16 && (little || bytes.starts_with("\xFE\xFF"))) bytes.remove_prefix(2);
    decodeUtf16(bytes, little, out);
    return true;
}

bool unhex(const Arguments& arguments, size_t row, std::string& out) {
    const std::string_view digits = arguments.text(0, row);
    int value = 0;
    for (size_t i = 0; i < digits.size(); ++i) {
        const char c = digits[i];
        const int digit = c >= '0' && c <= '9'   ? c - '0'
                          : c >= 'a' && c <= 'f' ? c - 'a' + 10
                          : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                                 : -1;
        if (digit < 0) return false;
        value = value * 16 + digit;
        if ((digits.size() - i) % 2 == 1) {  // the first of an odd number of digits is a byte of its own
            out.push_back(static_cast<char>(value));
            value = 0;
        }
    }
    return true;
}

// DECODE's first argument is bytes; a string is taken for those of its UTF-8.
ScalarFunction decodeFunction() {
    SimpleSpec spec{
        .name = "DECODE",
        .pattern = "xs",
        .signature = "DECODE(bytes, charset)",
        .documentation =
            "The text that the bytes are in the character set; what is malformed becomes U+FFFD.",
        .examples = {{"DECODE(X'FEFF00F1', 'UTF-16')", "ñ"}, {"DECODE(X'F1', 'ISO-8859-1')", "ñ"}}};
    return textFunction(std::move(spec), decode);
}

}  // namespace

std::vector<ScalarFunction> describeScalarEncodings() {
    const LogicalType bytes = LogicalType::varbinary(LogicalType::kMaxLength);
    return {
        textFunction(
            {.name = "ENCODE",
             .pattern = "ss",
             .signature = "ENCODE(string, charset)",
             .documentation = "The string's bytes in the character set: US-ASCII, ISO-8859-1, UTF-8, "
                              "UTF-16, UTF-16BE or UTF-16LE. What it lacks becomes '?'.",
             .examples = {{"HEX(ENCODE('ñ', 'UTF-16'))", "FEFF00F1"},
                          {"HEX(ENCODE('ñ', 'US-ASCII'))", "3F"}}},
            encode, bytes),
        decodeFunction(),
        textFunction({.name = "UNHEX",
                      .pattern = "s",
                      .signature = "UNHEX(string)",
                      .documentation = "The bytes of the hexadecimal digits; NULL if there is anything else.",
                      .examples = {{"DECODE(UNHEX('4D696C6C'), 'UTF-8')", "Mill"}, {"UNHEX('xy')", "NULL"}}},
                     unhex, bytes),
    };
}

}  // namespace millrace
