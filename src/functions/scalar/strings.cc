#include <unicode/locid.h>
#include <unicode/unistr.h>

#include <cctype>
#include <cstring>

#include "functions/simple.h"
#include "functions/utf8.h"

namespace millrace {

namespace {

constexpr uint64_t kEach = 0x0101010101010101;
constexpr uint64_t kHighBits = 0x80 * kEach;

// Of eight ASCII bytes, the highest bit of those that are letters of the case to be changed.
template <bool kUpper>
uint64_t lettersToChange(uint64_t bytes) {
    constexpr uint64_t kFirst = kUpper ? uint8_t{'a'} : uint8_t{'A'};
    const uint64_t from_first = bytes + (0x80 - kFirst) * kEach;
    const uint64_t behind_last = bytes + (0x80 - kFirst - 26) * kEach;
    return (from_first ^ behind_last) & kHighBits;
}

// Of a text that lies within its view: 16 bytes at once, whose first four are the size. False if it is not
// ASCII.
template <bool kUpper>
bool changeCaseInline(const StringView& text, StringView& out) {
    constexpr uint64_t kText = 0xFFFFFFFF00000000;  // of the first word
    uint64_t words[2];
    std::memcpy(words, &text, sizeof(words));
    if ((((words[0] & kText) | words[1]) & kHighBits) != 0) return false;
    words[0] ^= lettersToChange<kUpper>(words[0] & kText) >> 2;  // 0x20 where there was 0x80
    words[1] ^= lettersToChange<kUpper>(words[1]) >> 2;
    std::memcpy(&out, words, sizeof(words));
    return true;
}

// ASCII is changed in place of its copy; the rest goes through ICU.
template <bool kUpper>
StringView changeCase(std::string_view text, StringHeap& heap, std::string& scratch) {
    if (isAscii(text)) {
        char buffer[StringView::kInlineSize];
        char* const out = text.size() <= StringView::kInlineSize ? buffer : heap.reserve(text.size());
        constexpr unsigned kFirst = kUpper ? uint8_t{'a'} : uint8_t{'A'};
        for (size_t k = 0; k < text.size(); ++k) {
            const auto c = static_cast<unsigned char>(text[k]);
            out[k] = static_cast<char>(c ^ (static_cast<unsigned char>(c - kFirst) < 26 ? 0x20 : 0));
        }
        return StringView({out, text.size()});
    }
    auto unicode = icu::UnicodeString::fromUTF8({text.data(), static_cast<int32_t>(text.size())});
    kUpper ? unicode.toUpper(icu::Locale::getRoot()) : unicode.toLower(icu::Locale::getRoot());
    scratch.clear();
    unicode.toUTF8String(scratch);
    return heap.add(scratch);
}

template <bool kUpper>
ScalarFunction caseFunction(SimpleSpec spec) {
    ScalarFunction function{.name = spec.name,
                            .signature = spec.signature,
                            .documentation = spec.documentation,
                            .examples = spec.examples};
    function.bind = [spec = std::move(spec)](std::span<const ArgumentInfo> arguments) {
        BoundScalar bound;
        bound.arguments = matchPattern(spec, arguments);
        bound.result = LogicalType::string().withNullable(anyNullable(arguments));
        bound.kernel = [result = bound.result](const FunctionContext&, std::span<const ColumnPtr> columns,
                                               size_t rows) {
            auto column = makeResult(result, columns, rows);
            auto* const out = column->mutableData<StringView>();
            const auto* const in = columns[0]->data<StringView>();
            StringHeap& heap = column->heap();
            std::string scratch;
            forValidRows(*column, rows, [&](size_t i) {
                if (!in[i].isInline() || !changeCaseInline<kUpper>(in[i], out[i]))
                    out[i] = changeCase<kUpper>(in[i].view(), heap, scratch);
                return true;
            });
            return ColumnPtr(column);
        };
        return bound;
    };
    return function;
}

// Positions count from 1, from the end when negative; 0 is 1.
std::optional<std::string_view> substring(const Arguments& a, size_t i, std::string_view text) {
    const int64_t position = a.integer(1, i);
    const int64_t length = a.count() > 2 ? a.integer(2, i) : INT32_MAX;
    if (length < 0) return std::nullopt;
    int64_t start = position > 0 ? position - 1 : 0;
    const bool ascii = isAscii(text);
    if (position < 0) {
        const auto count = static_cast<int64_t>(ascii ? text.size() : characterCount(text));
        start = count + position;
        if (start < 0) return std::string_view();
    }
    if (ascii) {
        if (start >= static_cast<int64_t>(text.size())) return std::string_view();
        return text.substr(static_cast<size_t>(start), static_cast<size_t>(length));
    }
    const std::string_view rest = text.substr(characterOffset(text, static_cast<size_t>(start)));
    return firstCharacters(rest, static_cast<size_t>(length));
}

std::optional<std::string_view> left(const Arguments& a, size_t i, std::string_view text) {
    const int32_t count = a.integer(1, i);
    return count <= 0 ? std::string_view() : firstCharacters(text, static_cast<size_t>(count));
}

std::optional<std::string_view> right(const Arguments& a, size_t i, std::string_view text) {
    const int32_t count = a.integer(1, i);
    const size_t characters = characterCount(text);
    if (count <= 0) return std::string_view();
    if (static_cast<size_t>(count) >= characters) return text;
    return text.substr(characterOffset(text, characters - static_cast<size_t>(count)));
}

bool containsCharacter(std::string_view characters, std::string_view one) {
    return characters.find(one) != std::string_view::npos;
}

// Cuts characters of the set from either end.
std::string_view trimmed(std::string_view text, std::string_view set, bool front, bool back) {
    const auto first_size = [&] { return characterOffset(text, 1); };
    while (front && !text.empty() && containsCharacter(set, text.substr(0, first_size())))
        text.remove_prefix(first_size());
    while (back && !text.empty()) {
        size_t begin = text.size() - 1;
        while (begin > 0 && isContinuation(text[begin]))
            --begin;
        if (!containsCharacter(set, text.substr(begin))) break;
        text = text.substr(0, begin);
    }
    return text;
}

template <bool kFront, bool kBack>
std::optional<std::string_view> trimSide(const Arguments& a, size_t i, std::string_view text) {
    return trimmed(text, a.count() > 1 ? a.text(1, i) : " ", kFront, kBack);
}

ScalarFunction trimFunction() {
    constexpr std::string_view accepted = "(string), or (BOTH | LEADING | TRAILING, characters, string)";
    ScalarFunction function{
        .name = "TRIM",
        .signature = "TRIM([BOTH | LEADING | TRAILING] [characters FROM] string)",
        .documentation =
            "The string without the characters (blanks, when none are given) at both ends or at one of them.",
        .examples = {{"TRIM('  ab ')", "ab"},
                     {"TRIM(LEADING 'x' FROM 'xxabx')", "abx"},
                     {"TRIM(BOTH 'xy' FROM 'xyaby')", "ab"}},
    };
    function.bind = [accepted](std::span<const ArgumentInfo> arguments) {
        if (arguments.size() != 1 && arguments.size() != 3) badArguments("TRIM", arguments, accepted);
        bool front = true;
        bool back = true;
        if (arguments.size() == 3) {
            const std::string mode = literalText("TRIM", arguments, 0, accepted);
            if (mode != "BOTH" && mode != "LEADING" && mode != "TRAILING")
                badArguments("TRIM", arguments, accepted);
            front = mode != "TRAILING";
            back = mode != "LEADING";
        }
        BoundScalar bound;
        bound.result = LogicalType::string();
        bound.arguments = matchPattern({.name = "TRIM",
                                        .pattern = arguments.size() == 1 ? "s" : "sss",
                                        .signature = std::string(accepted)},
                                       arguments);
        bound.kernel = [front, back](const FunctionContext&, std::span<const ColumnPtr> columns,
                                     size_t rows) {
            auto column = makeResult(LogicalType::string(), columns, rows);
            auto* const out = column->mutableData<StringView>();
            const auto* const in = columns.back()->data<StringView>();
            const auto* const sets = columns.size() == 3 ? columns[1]->data<StringView>() : nullptr;
            forValidRows(*column, rows, [&](size_t i) {
                out[i] =
                    StringView(trimmed(in[i].view(), sets != nullptr ? sets[i].view() : " ", front, back));
                return true;
            });
            column->keepAllOf(*columns.back());
            return ColumnPtr(column);
        };
        return bound;
    };
    return function;
}

bool concat(const Arguments& a, size_t i, std::string& out) {
    for (size_t k = 0; k < a.count(); ++k)
        out += a.text(k, i);
    return true;
}

// NULLs are left out, so the kernel is not one of those that are NULL where an argument is.
ScalarFunction concatWithSeparator() {
    const SimpleSpec spec{
        .name = "CONCAT_WS", .pattern = "s[s*", .signature = "CONCAT_WS(separator, string1, ...)"};
    return {.name = spec.name,
            .signature = spec.signature,
            .documentation =
                "The strings one after another with the separator between them; NULLs are skipped. NULL for "
                "a NULL separator.",
            .examples = {{"CONCAT_WS('~', 'AA', CAST(NULL AS STRING), 'BB', '')", "AA~BB~"}},
            .bind = [spec](std::span<const ArgumentInfo> arguments) {
                BoundScalar bound;
                bound.arguments = matchPattern(spec, arguments);
                bound.result = LogicalType::string();
                bound.kernel = [](const FunctionContext&, std::span<const ColumnPtr> columns, size_t rows) {
                    const Arguments given(columns);
                    return mapToStrings(LogicalType::string(), columns.first(1), rows,
                                        [&](size_t i, std::string& out) {
                                            bool first = true;
                                            for (size_t k = 1; k < given.count(); ++k) {
                                                if (given.isNull(k, i)) continue;
                                                if (!first) out += given.text(0, i);
                                                out += given.text(k, i);
                                                first = false;
                                            }
                                            return true;
                                        });
                };
                return bound;
            }};
}

constexpr size_t kStringBytesMax = size_t(256)
                                   << 20;  // of one result; a typo must not take the memory of the machine

template <bool kFront>
bool pad(const Arguments& a, size_t i, std::string& out) {
    const std::string_view text = a.text(0, i);
    const int32_t length = a.integer(1, i);
    const std::string_view filling = a.text(2, i);
    if (length < 0 || filling.empty()) return false;
    const auto wanted = static_cast<size_t>(length);
    const size_t present = characterCount(text);
    if (wanted <= present) {
        out = firstCharacters(text, wanted);
        return true;
    }
    if ((wanted - present) * filling.size() > kStringBytesMax) {
        throw UserError("data.too-long",
                        fmt::format("{} to {} characters is too long", kFront ? "LPAD" : "RPAD", length));
    }
    const size_t filling_size = characterCount(filling);
    std::string added;
    for (size_t left_over = wanted - present; left_over > 0;) {
        const size_t take = std::min(left_over, filling_size);
        added += firstCharacters(filling, take);
        left_over -= take;
    }
    out = kFront ? added + std::string(text) : std::string(text) + added;
    return true;
}

bool repeat(const Arguments& a, size_t i, std::string& out) {
    const std::string_view text = a.text(0, i);
    const int32_t times = a.integer(1, i);
    if (times > 0 && text.size() * static_cast<size_t>(times) > kStringBytesMax) {
        throw UserError("data.too-long",
                        fmt::format("REPEAT of {} bytes {} times is too long", text.size(), times));
    }
    for (int32_t k = 0; k < times; ++k)
        out += text;
    return true;
}

bool reverse(const Arguments& a, size_t i, std::string& out) {
    const std::string_view text = a.text(0, i);
    for (size_t end = text.size(); end > 0;) {
        size_t begin = end - 1;
        while (begin > 0 && isContinuation(text[begin]))
            --begin;
        out.append(text, begin, end - begin);
        end = begin;
    }
    return true;
}

bool initcap(const Arguments& a, size_t i, std::string& out) {
    bool word = false;
    for (const char c : a.text(0, i)) {
        const auto byte = static_cast<unsigned char>(c);
        const bool letter = byte < 0x80 && std::isalnum(byte) != 0;
        out.push_back(static_cast<char>(!letter ? byte : word ? std::tolower(byte) : std::toupper(byte)));
        word = letter;
    }
    return true;
}

bool overlay(const Arguments& a, size_t i, std::string& out) {
    const std::string_view text = a.text(0, i);
    const std::string_view with = a.text(1, i);
    const int64_t start = a.integer(2, i);
    const auto size = static_cast<int64_t>(characterCount(text));
    const int64_t length = a.count() > 3 ? a.integer(3, i) : static_cast<int64_t>(characterCount(with));
    if (start <= 0 || start > size) {
        out = text;
        return true;
    }
    out = firstCharacters(text, static_cast<size_t>(start - 1));
    out += with;
    const int64_t next = start + length;
    if (length > 0 && next <= size) out += text.substr(characterOffset(text, static_cast<size_t>(next - 1)));
    return true;
}

bool translate(const Arguments& a, size_t i, std::string& out) {
    const std::string_view text = a.text(0, i);
    const std::string_view from = a.text(1, i);
    const std::string_view to = a.text(2, i);
    for (size_t at = 0; at < text.size();) {
        const size_t size = characterOffset(text.substr(at), 1);
        const std::string_view one = text.substr(at, size);
        const size_t found = from.find(one);
        if (found == std::string_view::npos) {
            out += one;
        } else {
            const size_t index = characterCount(from.substr(0, found));
            const size_t begin = characterOffset(to, index);
            if (begin < to.size()) out += to.substr(begin, characterOffset(to.substr(begin), 1));
        }
        at += size;
    }
    return true;
}

}  // namespace

std::vector<ScalarFunction> describeScalarStrings() {
    return {
        caseFunction<true>({.name = "UPPER",
                            .pattern = "s",
                            .signature = "UPPER(string)",
                            .documentation = "The string in upper case.",
                            .examples = {{"UPPER('straße')", "STRASSE"}}}),
        caseFunction<false>({.name = "LOWER",
                             .pattern = "s",
                             .signature = "LOWER(string)",
                             .documentation = "The string in lower case.",
                             .examples = {{"LOWER('ÀB')", "àb"}}}),
        partFunction(
            {.name = "SUBSTRING",
             .aliases = {"SUBSTR"},
             .pattern = "si[i",
             .signature = "SUBSTRING(string FROM start [FOR length])",
             .documentation = "The part from character `start` on, counted from 1, or from the end when "
                              "negative; `length` characters of it.",
             .examples = {{"SUBSTRING('hello' FROM 2 FOR 3)", "ell"}, {"SUBSTR('hello', -3)", "llo"}}},
            substring),
        partFunction({.name = "LEFT",
                      .pattern = "si",
                      .signature = "LEFT(string, count)",
                      .documentation = "The first `count` characters.",
                      .examples = {{"LEFT('hello', 2)", "he"}}},
                     left),
        partFunction({.name = "RIGHT",
                      .pattern = "si",
                      .signature = "RIGHT(string, count)",
                      .documentation = "The last `count` characters.",
                      .examples = {{"RIGHT('hello', 2)", "lo"}}},
                     right),
        trimFunction(),
        partFunction(
            {.name = "LTRIM",
             .pattern = "s[s",
             .signature = "LTRIM(string [, characters])",
             .documentation = "The string without leading blanks, or without leading characters of the set.",
             .examples = {{"LTRIM('  ab ')", "ab "}, {"LTRIM('xxab', 'x')", "ab"}}},
            trimSide<true, false>),
        partFunction({.name = "RTRIM",
                      .pattern = "s[s",
                      .signature = "RTRIM(string [, characters])",
                      .documentation =
                          "The string without trailing blanks, or without trailing characters of the set.",
                      .examples = {{"RTRIM('ab  ')", "ab"}}},
                     trimSide<false, true>),
        partFunction(
            {.name = "BTRIM",
             .pattern = "s[s",
             .signature = "BTRIM(string [, characters])",
             .documentation = "The string without blanks at both ends, or without characters of the set.",
             .examples = {{"BTRIM(' ab ')", "ab"}}},
            trimSide<true, true>),
        textFunction({.name = "||",
                      .pattern = "ss",
                      .signature = "string1 || string2",
                      .documentation = "The strings, one after the other.",
                      .examples = {{"'a' || 'b'", "ab"}}},
                     concat),
        textFunction({.name = "CONCAT",
                      .pattern = "s*",
                      .signature = "CONCAT(string1, string2, ...)",
                      .documentation = "The strings one after another; NULL if one is NULL.",
                      .examples = {{"CONCAT('a', 'b', 'c')", "abc"}}},
                     concat),
        concatWithSeparator(),
        textFunction(
            {.name = "LPAD",
             .pattern = "sis",
             .signature = "LPAD(string, length, padding)",
             .documentation = "The string filled up on the left to `length` characters, or cut to them.",
             .examples = {{"LPAD('hi', 4, '*-')", "*-hi"}, {"LPAD('hi', 1, '*-')", "h"}}},
            pad<true>),
        textFunction(
            {.name = "RPAD",
             .pattern = "sis",
             .signature = "RPAD(string, length, padding)",
             .documentation = "The string filled up on the right to `length` characters, or cut to them.",
             .examples = {{"RPAD('hi', 5, 'xy')", "hixyx"}}},
            pad<false>),
        textFunction({.name = "REPEAT",
                      .pattern = "si",
                      .signature = "REPEAT(string, times)",
                      .documentation = "The string, `times` times.",
                      .examples = {{"REPEAT('ab', 3)", "ababab"}, {"REPEAT('ab', 0)", ""}}},
                     repeat),
        textFunction({.name = "REVERSE",
                      .pattern = "s",
                      .signature = "REVERSE(string)",
                      .documentation = "The characters from last to first.",
                      .examples = {{"REVERSE('a😀b')", "b😀a"}}},
                     reverse),
        textFunction({.name = "INITCAP",
                      .pattern = "s",
                      .signature = "INITCAP(string)",
                      .documentation = "Every word with a capital first letter and small ones after it.",
                      .examples = {{"INITCAP('hello wORLD')", "Hello World"}}},
                     initcap),
        textFunction({.name = "OVERLAY",
                      .pattern = "ssi[i",
                      .signature = "OVERLAY(string PLACING replacement FROM start [FOR length])",
                      .documentation = "The string with `length` characters from `start` on replaced.",
                      .examples = {{"OVERLAY('xxxxxtest' PLACING 'xxxx' FROM 6)", "xxxxxxxxx"},
                                   {"OVERLAY('xxxxxtest' PLACING 'xxxx' FROM 6 FOR 2)", "xxxxxxxxxst"}}},
                     overlay),
        textFunction(
            {.name = "TRANSLATE",
             .pattern = "sss",
             .signature = "TRANSLATE(string, from, to)",
             .documentation =
                 "Every character that is in `from` replaced by the one at its place in `to`, or dropped.",
             .examples = {{"TRANSLATE('www.apache.org', 'wapche', 'APCHE')", "AAA.PCPHE.org"}}},
            translate),
        valueFunction<int32_t>({.name = "CHAR_LENGTH",
                                .aliases = {"CHARACTER_LENGTH"},
                                .pattern = "s",
                                .signature = "CHAR_LENGTH(string)",
                                .documentation = "The number of characters.",
                                .examples = {{"CHAR_LENGTH('aé😀')", "3"}}},
                               LogicalType::integer(),
                               [](const Arguments& a, size_t i, int32_t& out) {
                                   out = static_cast<int32_t>(characterCount(a.text(0, i)));
                                   return true;
                               }),
        valueFunction<int32_t>({.name = "OCTET_LENGTH",
                                .pattern = "x",
                                .signature = "OCTET_LENGTH(string)",
                                .documentation = "The number of bytes.",
                                .examples = {{"OCTET_LENGTH('é')", "2"}}},
                               LogicalType::integer(),
                               [](const Arguments& a, size_t i, int32_t& out) {
                                   out = static_cast<int32_t>(a.text(0, i).size());
                                   return true;
                               }),
        valueFunction<int32_t>({.name = "ASCII",
                                .pattern = "s",
                                .signature = "ASCII(string)",
                                .documentation = "The code of the first character; 0 for an empty string.",
                                .examples = {{"ASCII('abc')", "97"}}},
                               LogicalType::integer(),
                               [](const Arguments& a, size_t i, int32_t& out) {
                                   size_t at = 0;
                                   out = a.text(0, i).empty()
                                             ? 0
                                             : static_cast<int32_t>(nextCodePoint(a.text(0, i), at));
                                   return true;
                               }),
        textFunction({.name = "CHR",
                      .pattern = "l",
                      .signature = "CHR(integer)",
                      .documentation = "The character of the code, modulo 256; empty for a negative one.",
                      .examples = {{"CHR(97)", "a"}, {"CHR(353)", "a"}}},
                     [](const Arguments& a, size_t i, std::string& out) {
                         const int64_t code = a.bigint(0, i);
                         if (code >= 0) appendCodePoint(out, static_cast<uint32_t>(code & 0xFF));
                         return true;
                     }),
    };
}

}  // namespace millrace
