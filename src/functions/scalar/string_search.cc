#include <cctype>

#include "functions/simple.h"
#include "functions/text_search.h"
#include "functions/utf8.h"

namespace millrace {

namespace {

// The place of a part, counted in characters from 1, not before character `from`; 0 when it is not there.
int32_t positionOf(std::string_view part, std::string_view text, int64_t from) {
    from = std::max<int64_t>(from, 1);
    const size_t begin = characterOffset(text, static_cast<size_t>(from - 1));
    if (from > 1 && begin >= text.size()) return 0;
    const size_t found = findText(text, part, begin);
    return found == std::string_view::npos ? 0
                                           : static_cast<int32_t>(characterCount(text.substr(0, found))) + 1;
}

// INSTR(string, part, start, occurrence): a negative start counts from the end and searches backwards.
bool instr(const Arguments& a, size_t i, int32_t& out) {
    const std::string_view text = a.text(0, i);
    const std::string_view part = a.text(1, i);
    const int64_t start = a.count() > 2 ? a.integer(2, i) : 1;
    int64_t occurrence = a.count() > 3 ? a.integer(3, i) : 1;
    out = 0;
    if (start == 0 || occurrence <= 0) return true;
    if (part.empty()) {
        out = start > 0 ? 1 : 0;
        return true;
    }
    const auto size = static_cast<int64_t>(characterCount(text));
    if (start > 0) {
        int64_t from = start;
        for (; occurrence > 0; --occurrence) {
            out = positionOf(part, text, from);
            if (out == 0) return true;
            from = out + 1;
        }
        return true;
    }
    for (int64_t at = size + start + 1; at >= 1; --at) {
        const size_t offset = characterOffset(text, static_cast<size_t>(at - 1));
        if (text.substr(offset).starts_with(part) && --occurrence == 0) {
            out = static_cast<int32_t>(at);
            return true;
        }
    }
    return true;
}

bool replace(const Arguments& a, size_t i, std::string& out) {
    const std::string_view text = a.text(0, i);
    const std::string_view from = a.text(1, i);
    const std::string_view to = a.text(2, i);
    if (from.empty()) {  // between all characters, as Java does
        out += to;
        for (size_t at = 0; at < text.size();) {
            const size_t size = characterOffset(text.substr(at), 1);
            out.append(text, at, size);
            out += to;
            at += size;
        }
        return true;
    }
    size_t at = 0;
    for (size_t found = findText(text, from); found != std::string_view::npos;
         found = findText(text, from, at)) {
        out.append(text, at, found - at);
        out += to;
        at = found + from.size();
    }
    out.append(text, at);
    return true;
}

template <class Test>
ScalarFunction testFunction(const std::string& name, const std::string& documentation,
                            const std::vector<FunctionExample>& examples, Test test) {
    const std::string signature = name + "(string)";
    return valueFunction<uint8_t>({.name = name,
                                   .pattern = "s",
                                   .signature = signature,
                                   .documentation = documentation,
                                   .examples = examples},
                                  LogicalType::boolean(), [test](const Arguments& a, size_t i, uint8_t& out) {
                                      const std::string_view text = a.text(0, i);
                                      out = !text.empty() && test(text);
                                      return true;
                                  });
}

bool allDigits(std::string_view text) {
    return std::all_of(text.begin(), text.end(), [](unsigned char c) { return std::isdigit(c) != 0; });
}

// As Java's BigDecimal is written.
bool isDecimal(std::string_view text) {
    const auto unsign = [](std::string_view& number) {
        if (number.starts_with('+') || number.starts_with('-')) number.remove_prefix(1);
    };
    unsign(text);
    if (const size_t exponent = text.find_first_of("eE"); exponent != std::string_view::npos) {
        std::string_view digits = text.substr(exponent + 1);
        unsign(digits);
        if (digits.empty() || digits.size() > 10 || !allDigits(digits)) return false;
        text = text.substr(0, exponent);
    }
    const size_t point = text.find('.');
    if (point == std::string_view::npos) return !text.empty() && allDigits(text);
    const std::string_view whole = text.substr(0, point);
    const std::string_view fraction = text.substr(point + 1);
    return !(whole.empty() && fraction.empty()) && allDigits(whole) && allDigits(fraction);
}

// Part of a URL: PROTOCOL, HOST, PATH, QUERY (a key's value with a third argument), REF, AUTHORITY, FILE,
// USERINFO.
std::optional<std::string_view> parseUrl(const Arguments& a, size_t i, std::string_view url) {
    const std::string_view part = a.text(1, i);
    const size_t scheme_end = url.find("://");
    if (scheme_end == std::string_view::npos) return std::nullopt;
    if (part == "PROTOCOL") return url.substr(0, scheme_end);
    std::string_view rest = url.substr(scheme_end + 3);
    std::optional<std::string_view> reference;
    if (const size_t hash = rest.find('#'); hash != std::string_view::npos) {
        reference = rest.substr(hash + 1);
        rest = rest.substr(0, hash);
    }
    if (part == "REF") return reference;
    const size_t file_begin = std::min(rest.find_first_of("/?"), rest.size());
    const std::string_view authority = rest.substr(0, file_begin);
    const std::string_view file = rest.substr(file_begin);
    if (part == "AUTHORITY") return authority;
    if (part == "FILE") return file;
    const size_t at = authority.find('@');
    if (part == "USERINFO")
        return at == std::string_view::npos ? std::nullopt : std::optional(authority.substr(0, at));
    if (part == "HOST") {
        const std::string_view host = at == std::string_view::npos ? authority : authority.substr(at + 1);
        return host.substr(0, host.find(':'));
    }
    const size_t question = file.find('?');
    if (part == "PATH") return file.substr(0, question);
    if (part != "QUERY" || question == std::string_view::npos) return std::nullopt;
    std::string_view query = file.substr(question + 1);
    if (a.count() < 3) return query;
    const std::string_view key = a.text(2, i);
    while (!query.empty()) {
        const std::string_view pair = query.substr(0, query.find('&'));
        if (pair.size() > key.size() && pair.starts_with(key) && pair[key.size()] == '=')
            return pair.substr(key.size() + 1);
        query.remove_prefix(std::min(query.size(), pair.size() + 1));
    }
    return std::nullopt;
}

bool hexDigit(char c, int& value) {
    if (c >= '0' && c <= '9') return value = c - '0', true;
    if (c >= 'a' && c <= 'f') return value = c - 'a' + 10, true;
    if (c >= 'A' && c <= 'F') return value = c - 'A' + 10, true;
    return false;
}

bool urlEncode(const Arguments& a, size_t i, std::string& out) {
    constexpr const char* kHex = "0123456789ABCDEF";
    for (const char c : a.text(0, i)) {
        const auto byte = static_cast<unsigned char>(c);
        if (std::isalnum(byte) != 0 || c == '.' || c == '-' || c == '*' || c == '_') {
            out.push_back(c);
        } else if (c == ' ') {
            out.push_back('+');
        } else {
            out += {'%', kHex[byte >> 4], kHex[byte & 15]};
        }
    }
    return true;
}

bool urlDecode(const Arguments& a, size_t i, std::string& out) {
    const std::string_view text = a.text(0, i);
    for (size_t at = 0; at < text.size(); ++at) {
        if (text[at] == '%') {
            int high = 0;
            int low = 0;
            if (at + 2 >= text.size() || !hexDigit(text[at + 1], high) || !hexDigit(text[at + 2], low))
                return false;
            out.push_back(static_cast<char>(high * 16 + low));
            at += 2;
        } else {
            out.push_back(text[at] == '+' ? ' ' : text[at]);
        }
    }
    return true;
}

template <bool kEnd>
bool affix(const Arguments& a, size_t i, uint8_t& out) {
    out = kEnd ? a.text(0, i).ends_with(a.text(1, i)) : a.text(0, i).starts_with(a.text(1, i));
    return true;
}

}  // namespace

std::vector<ScalarFunction> describeScalarStringSearch() {
    return {
        valueFunction<int32_t>(
            {.name = "POSITION",
             .pattern = "ss[i",
             .signature = "POSITION(part IN string [FROM start])",
             .documentation = "Where the part first occurs, counted from 1; 0 if it does not.",
             .examples = {{"POSITION('c' IN 'abcde')", "3"}, {"POSITION('z' IN 'abc')", "0"}}},
            LogicalType::integer(),
            [](const Arguments& a, size_t i, int32_t& out) {
                out = positionOf(a.text(0, i), a.text(1, i), a.count() > 2 ? a.integer(2, i) : 1);
                return true;
            }),
        valueFunction<int32_t>(
            {.name = "LOCATE",
             .pattern = "ss[i",
             .signature = "LOCATE(part, string [, start])",
             .documentation =
                 "Where the part first occurs from character `start` on, counted from 1; 0 if it does not.",
             .examples = {{"LOCATE('a', 'banana', 3)", "4"}}},
            LogicalType::integer(),
            [](const Arguments& a, size_t i, int32_t& out) {
                out = positionOf(a.text(0, i), a.text(1, i), a.count() > 2 ? a.integer(2, i) : 1);
                return true;
            }),
        valueFunction<int32_t>(
            {.name = "INSTR",
             .pattern = "ss[ii",
             .signature = "INSTR(string, part [, start [, occurrence]])",
             .documentation = "Where the part occurs for the given time, from `start` on (backwards from the "
                              "end when negative).",
             .examples = {{"INSTR('banana', 'an')", "2"}, {"INSTR('banana', 'an', -1)", "4"}}},
            LogicalType::integer(), instr),
        textFunction({.name = "REPLACE",
                      .pattern = "sss",
                      .signature = "REPLACE(string, part, replacement)",
                      .documentation = "The string with every occurrence of the part replaced.",
                      .examples = {{"REPLACE('hello world', 'world', 'flink')", "hello flink"}}},
                     replace),
        valueFunction<uint8_t>({.name = "STARTSWITH",
                                .pattern = "xx",
                                .signature = "STARTSWITH(string, start)",
                                .documentation = "TRUE if the string starts so.",
                                .examples = {{"STARTSWITH('SQL', 'S')", "TRUE"}}},
                               LogicalType::boolean(), affix<false>),
        valueFunction<uint8_t>({.name = "ENDSWITH",
                                .pattern = "xx",
                                .signature = "ENDSWITH(string, end)",
                                .documentation = "TRUE if the string ends so.",
                                .examples = {{"ENDSWITH('SQL', 'S')", "FALSE"}}},
                               LogicalType::boolean(), affix<true>),
        testFunction("IS_ALPHA", "TRUE if all characters are letters.", {{"IS_ALPHA('ab1')", "FALSE"}},
                     [](std::string_view text) {
                         return std::all_of(text.begin(), text.end(), [](unsigned char c) {
                             return std::isalpha(c) != 0 || c >= 0x80;
                         });
                     }),
        testFunction("IS_DIGIT", "TRUE if all characters are digits.", {{"IS_DIGIT('123')", "TRUE"}},
                     allDigits),
        testFunction("IS_DECIMAL", "TRUE if the string is a number.", {{"IS_DECIMAL('-1.5')", "TRUE"}},
                     isDecimal),
        partFunction({.name = "PARSE_URL",
                      .pattern = "ss[s",
                      .signature = "PARSE_URL(url, part [, key])",
                      .documentation = "HOST, PATH, QUERY, REF, PROTOCOL, FILE, AUTHORITY or USERINFO of the "
                                       "URL; of QUERY also the value of a key.",
                      .examples = {{"PARSE_URL('http://a.org/p?k=v#r', 'QUERY', 'k')", "v"},
                                   {"PARSE_URL('http://a.org:80/p', 'HOST')", "a.org"}}},
                     parseUrl),
        textFunction({.name = "URL_ENCODE",
                      .pattern = "s",
                      .signature = "URL_ENCODE(string)",
                      .documentation = "The string as a part of an application/x-www-form-urlencoded text.",
                      .examples = {{"URL_ENCODE('a b&c')", "a+b%26c"}}},
                     urlEncode),
        textFunction({.name = "URL_DECODE",
                      .pattern = "s",
                      .signature = "URL_DECODE(string)",
                      .documentation = "The opposite of URL_ENCODE; NULL for malformed text.",
                      .examples = {{"URL_DECODE('a+b%26c')", "a b&c"}}},
                     urlDecode),
    };
}

}  // namespace millrace
