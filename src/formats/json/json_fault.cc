#include "formats/json/json_fault.h"

#include <fmt/format.h>
#include <simdjson.h>

#include <bit>
#include <cstring>

#include "formats/json/json_scan.h"

namespace millrace::json {
namespace {

bool isDigit(char c) { return c >= '0' && c <= '9'; }

std::string shown(const char* at, const char* end) {
    if (at == end) return "the record ends";
    const unsigned char c = static_cast<unsigned char>(*at);
    if (c < 0x20 || c == 0x7F) return fmt::format("found the control character 0x{:02X}", c);
    size_t size = 1;
    while (c >= 0xC0 && at + size < end && (static_cast<unsigned char>(at[size]) & 0xC0) == 0x80)
        ++size;
    return fmt::format("found '{}'", std::string_view(at, size));
}

// Where the first sequence starts that is not UTF-8 (RFC 3629); the caller knows that there is one.
size_t firstInvalidUtf8(std::string_view text) {
    size_t i = 0;
    while (i < text.size()) {
        const auto byte = [&](size_t at) {
            return at < text.size() ? static_cast<unsigned char>(text[at]) : static_cast<unsigned char>(0);
        };
        const unsigned char first = byte(i);
        size_t size = first < 0x80 ? 1 : first >= 0xC2 && first <= 0xDF ? 2 : (first & 0xF0) == 0xE0 ? 3 : 4;
        if (size == 4 && (first < 0xF0 || first > 0xF4)) break;
        if (size > 1) {
            const unsigned char low = first == 0xE0 ? 0xA0 : first == 0xF0 ? 0x90 : 0x80;
            const unsigned char high = first == 0xED ? 0x9F : first == 0xF4 ? 0x8F : 0xBF;
            if (byte(i + 1) < low || byte(i + 1) > high) break;
            for (size_t k = 2; k < size; ++k) {
                if ((byte(i + k) & 0xC0) != 0x80) return i;
            }
        }
        i += size;
    }
    return i < text.size() ? i : 0;
}

class Reader {
  public:
    Reader(const char* at, const char* end) : at_(at), end_(end) {}

    // False leaves the fault in place_ and, if `explains_`, reason().
    bool value(int depth) {
        skipSpace();
        if (at_ == end_) return fail("a value is missing");
        switch (*at_) {
            case '{':
                return object(depth);
            case '[':
                return array(depth);
            case '"':
                return string();
            case 't':
                return atom("true");
            case 'f':
                return atom("false");
            case 'n':
                return atom("null");
            default:
                return number();
        }
    }

    void skipSpace() {
        while (at_ != end_ && (*at_ == ' ' || *at_ == '\t' || *at_ == '\n' || *at_ == '\r'))
            ++at_;
    }

    const char* at() const { return at_; }
    const char* reason() const { return reason_; }
    bool nonAscii() const { return non_ascii_; }
    bool fail(const char* reason) {
        reason_ = reason;
        return false;
    }

  private:
    bool object(int depth) {
        if (depth > kNestingMax) return fail("it is nested more than 1000 levels deep");
        ++at_;
        skipSpace();
        if (at_ != end_ && *at_ == '}') {
            ++at_;
            return true;
        }
        while (true) {
            skipSpace();
            if (at_ == end_ || *at_ != '"') return fail("a field name in quotes is missing");
            if (!string()) return false;
            skipSpace();
            if (at_ == end_ || *at_ != ':') return fail("':' is missing after a field name");
            ++at_;
            if (!value(depth + 1)) return false;
            skipSpace();
            if (at_ == end_) return fail("the object is not closed");
            if (*at_ == '}') break;
            if (*at_ != ',') return fail("',' or '}' is missing after a field");
            ++at_;
        }
        ++at_;
        return true;
    }

    bool array(int depth) {
        if (depth > kNestingMax) return fail("it is nested more than 1000 levels deep");
        ++at_;
        skipSpace();
        if (at_ != end_ && *at_ == ']') {
            ++at_;
            return true;
        }
        while (true) {
            if (!value(depth + 1)) return false;
            skipSpace();
            if (at_ == end_) return fail("the array is not closed");
            if (*at_ == ']') break;
            if (*at_ != ',') return fail("',' or ']' is missing after an element");
            ++at_;
        }
        ++at_;
        return true;
    }

    // \uXXXX; -1 if it is none.
    int hex4(const char* at) const {
        if (end_ - at < 4) return -1;
        int code = 0;
        for (int i = 0; i < 4; ++i) {
            const char c = at[i];
            const int digit = isDigit(c)             ? c - '0'
                              : c >= 'a' && c <= 'f' ? c - 'a' + 10
                              : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                                     : -1;
            if (digit < 0) return -1;
            code = code * 16 + digit;
        }
        return code;
    }

    bool escape() {
        if (at_ + 1 == end_) return fail("the text is not closed");
        if (std::strchr("\"\\/bfnrt", at_[1]) != nullptr && at_[1] != '\0') {
            at_ += 2;
            return true;
        }
        if (at_[1] != 'u') return fail("a text has an unknown escape");
        const int code = hex4(at_ + 2);
        if (code < 0) return fail("\\u must be followed by four hexadecimal digits");
        if (code >= 0xDC00 && code <= 0xDFFF) return fail("\\u escape is half of a surrogate pair");
        if (code >= 0xD800 && code <= 0xDBFF) {
            const int low = end_ - at_ >= 12 && at_[6] == '\\' && at_[7] == 'u' ? hex4(at_ + 8) : -1;
            if (low < 0xDC00 || low > 0xDFFF) return fail("\\u escape is half of a surrogate pair");
            at_ += 6;
        }
        at_ += 6;
        return true;
    }

    bool string() {
        const char* const start = at_++;
        while (at_ != end_) {
            while (static_cast<size_t>(end_ - at_) >= kBlock) {
                uint32_t non_ascii;
                const uint32_t ends = textEnds(at_, non_ascii);
                const int plain = ends == 0 ? static_cast<int>(kBlock) : std::countr_zero(ends);
                non_ascii_ |= (non_ascii & ((1U << plain) - 1)) != 0;
                at_ += plain;
                if (ends != 0) break;
            }
            if (at_ == end_) break;
            const unsigned char c = static_cast<unsigned char>(*at_);
            if (c == '"') {
                ++at_;
                return true;
            }
            if (c == '\\') {
                if (!escape()) return false;
                continue;
            }
            if (c < 0x20) return fail("a text has an unescaped control character");
            non_ascii_ |= c > 0x7F;
            ++at_;
        }
        at_ = start;
        return fail("the text is not closed");
    }

    bool number() {
        const char* const end = skipNumber(at_, end_);
        if (end == at_) return fail("this is not a value");
        at_ = end;
        return true;
    }

    bool atom(const char* word) {
        const size_t size = std::strlen(word);
        if (static_cast<size_t>(end_ - at_) < size || std::memcmp(at_, word, size) != 0) {
            return fail("this is not a value");
        }
        at_ += size;
        return true;
    }

    const char* at_;
    const char* const end_;
    const char* reason_ = "";
    bool non_ascii_ = false;
};

}  // namespace

const char* skipNumber(const char* at, const char* end) {
    const char* const start = at;
    if (at != end && *at == '-') ++at;
    if (at == end || !isDigit(*at)) return start;
    if (*at == '0') {
        ++at;
    } else {
        while (at != end && isDigit(*at))
            ++at;
    }
    if (at != end && *at == '.') {
        ++at;
        if (at == end || !isDigit(*at)) return start;
        while (at != end && isDigit(*at))
            ++at;
    }
    if (at != end && (*at == 'e' || *at == 'E')) {
        ++at;
        if (at != end && (*at == '+' || *at == '-')) ++at;
        if (at == end || !isDigit(*at)) return start;
        while (at != end && isDigit(*at))
            ++at;
    }
    // "01" and "1x" are no numbers: what follows must be able to end one.
    if (at == end) return at;
    switch (*at) {
        case ',':
        case ']':
        case '}':
        case ' ':
        case '\t':
        case '\r':
        case '\n':
        case ':':
            return at;
        default:
            return start;
    }
}

const char* skipValue(const char* at, const char* end, bool& non_ascii) {
    Reader reader(at, end);
    if (!reader.value(2)) return nullptr;
    non_ascii |= reader.nonAscii();
    return reader.at();
}

std::optional<Fault> findFault(std::string_view text) {
    if (!simdjson::validate_utf8(text.data(), text.size())) {
        const size_t offset = firstInvalidUtf8(text);
        return Fault{offset,
                     fmt::format("the byte 0x{:02X} is not UTF-8", static_cast<unsigned char>(text[offset]))};
    }
    const char* const end = text.data() + text.size();
    Reader reader(text.data(), end);
    bool sound = reader.value(1);
    if (sound) {
        reader.skipSpace();
        if (reader.at() == end) return std::nullopt;
        reader.fail("there is more after the end of the value");
    }
    return Fault{static_cast<size_t>(reader.at() - text.data()),
                 fmt::format("{} ({})", reader.reason(), shown(reader.at(), end))};
}

}  // namespace millrace::json
