#include "formats/json/json_shape.h"

#include <simdjson.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

#include "formats/format.h"
#include "formats/json/json_fault.h"
#include "formats/json/json_scan.h"
#include "types/calendar.h"

namespace millrace {
namespace {

using json::blockEquals;
using json::kBlock;
using json::textEnds;

static_assert(kDecoderPadding >= 2 * kBlock);

bool literalMatches(const char* at, const char* literal, uint32_t size) {
    while (size > kBlock) {
        if (!blockEquals(at, literal, kBlock)) return false;
        at += kBlock;
        literal += kBlock;
        size -= kBlock;
    }
    return blockEquals(at, literal, size);
}

// What the character behind a backslash stands for; 0 where that is no escape, or \u.
constexpr std::array<char, 256> kEscapes = [] {
    std::array<char, 256> meanings{};
    meanings['"'] = '"';
    meanings['\\'] = '\\';
    meanings['/'] = '/';
    meanings['b'] = '\b';
    meanings['f'] = '\f';
    meanings['n'] = '\n';
    meanings['r'] = '\r';
    meanings['t'] = '\t';
    return meanings;
}();

// The closing quote of a text whose first character is at `at`; nullptr if there is \u, a control character
// (a line end too, so it never runs on) or bytes that are not UTF-8. With kKeep, `text` is what it says if
// there are escapes, else empty.
template <bool kKeep>
const char* textEnd(const char* at, std::string& text) {
    const char* const start = at;
    if constexpr (kKeep) text.clear();
    uint32_t seen_non_ascii = 0;
    const char* plain = at;  // from here on nothing was kept yet
    while (true) {
        uint32_t non_ascii;
        const uint32_t ends = textEnds(at, non_ascii);
        if (ends == 0) {
            seen_non_ascii |= non_ascii;
            at += kBlock;
            continue;
        }
        const int offset = std::countr_zero(ends);
        seen_non_ascii |= non_ascii & ((1U << offset) - 1);
        at += offset;
        if (*at == '"') break;
        if (*at != '\\') return nullptr;
        const char meaning = kEscapes[static_cast<unsigned char>(at[1])];
        if (meaning == '\0') return nullptr;
        if constexpr (kKeep) {
            text.append(plain, at);
            text += meaning;
        }
        plain = at += 2;
    }
    if (seen_non_ascii != 0 && !simdjson::validate_utf8(start, static_cast<size_t>(at - start)))
        return nullptr;
    if (kKeep && plain != start) text.append(plain, at);
    return at;
}

unsigned digitOf(char c) { return static_cast<unsigned char>(c) - unsigned{'0'}; }

// A whole number of at most 18 digits without superfluous zeros; nullptr if it is anything else.
const char* readInteger(const char* at, int64_t& value) {
    const bool negative = *at == '-';
    at += negative;
    const char* const first = at;
    int64_t number = 0;
    for (unsigned digit; (digit = digitOf(*at)) <= 9; ++at) {
        if (at - first == 18) return nullptr;
        number = number * 10 + static_cast<int64_t>(digit);
    }
    if (at == first || (*first == '0' && at - first > 1)) return nullptr;
    if (*at == '.' || *at == 'e' || *at == 'E') return nullptr;
    value = negative ? -number : number;
    return at;
}

// digits[.digits], at most 18 in all: value = number / 10^fraction.
const char* readFixed(const char* at, int64_t& number, int& fraction) {
    const bool negative = *at == '-';
    at += negative;
    const char* const first = at;
    int64_t digits = 0;
    for (unsigned digit; (digit = digitOf(*at)) <= 9; ++at) {
        if (at - first == 18) return nullptr;
        digits = digits * 10 + static_cast<int64_t>(digit);
    }
    if (at == first || (*first == '0' && at - first > 1)) return nullptr;
    fraction = 0;
    if (*at == '.') {
        const char* const point = at++;
        for (unsigned digit; (digit = digitOf(*at)) <= 9; ++at) {
            if (at - first == 19) return nullptr;
            digits = digits * 10 + static_cast<int64_t>(digit);
        }
        fraction = static_cast<int>(at - point) - 1;
        if (fraction == 0) return nullptr;
    }
    if (*at == 'e' || *at == 'E') return nullptr;
    number = negative ? -digits : digits;
    return at;
}

constexpr int64_t kPowers[] = {1LL,
                               10LL,
                               100LL,
                               1'000LL,
                               10'000LL,
                               100'000LL,
                               1'000'000LL,
                               10'000'000LL,
                               100'000'000LL,
                               1'000'000'000LL,
                               10'000'000'000LL,
                               100'000'000'000LL,
                               1'000'000'000'000LL,
                               10'000'000'000'000LL,
                               100'000'000'000'000LL,
                               1'000'000'000'000'000LL,
                               10'000'000'000'000'000LL,
                               100'000'000'000'000'000LL,
                               1'000'000'000'000'000'000LL};

int two(const char* at) {
    const unsigned high = digitOf(at[0]);
    const unsigned low = digitOf(at[1]);
    return high > 9 || low > 9 ? 100 : static_cast<int>(high * 10 + low);
}

bool isSpace(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

}  // namespace

const char* JsonShape::readText(const Step& step, const char* at, BatchBuilder& out) {
    if (*at++ != '"') return nullptr;
    const char* const end = textEnd<true>(at, unescaped_);
    if (end == nullptr) return nullptr;
    const std::string_view token = unescaped_.empty() ? std::string_view(at, static_cast<size_t>(end - at))
                                                      : std::string_view(unescaped_);
    if (step.kind == Kind::String) {
        out.column(step.column).appendString(token);
        return end + 1;
    }
    const LogicalType& type = targets_.types[step.column];
    const std::optional<text::Scalar> scalar =
        text::readScalar(type, text::TokenKind::Text, token, options_.standard, scratch_);
    if (!scalar || (scalar->kind == text::Scalar::Kind::Null && !step.nullable)) return nullptr;
    text::appendScalar(*scalar, out.column(step.column));
    return end + 1;
}

// "2026-03-01 12:30:15[.ffffff]"
const char* JsonShape::readTimestamp(const Step& step, const char* at, BatchBuilder& out) {
    if (*at++ != '"') return nullptr;
    if (std::memcmp(at, last_date_, sizeof(last_date_)) != 0) {
        const std::optional<int32_t> days = text::readDate({at, sizeof(last_date_)});
        if (!days) return nullptr;
        std::memcpy(last_date_, at, sizeof(last_date_));
        last_date_micros_ = *days * kMicrosPerDay;
    }
    if (at[10] != ' ' || at[13] != ':' || at[16] != ':') return nullptr;
    const int hour = two(at + 11);
    const int minute = two(at + 14);
    const int second = two(at + 17);
    if (hour > 23 || minute > 59 || second > 59) return nullptr;
    int64_t micros = last_date_micros_ + (int64_t{hour} * 3600 + minute * 60 + second) * kMicrosPerSecond;
    at += 19;
    if (*at == '.') {
        const char* const point = at++;
        int64_t part = 0;
        for (unsigned digit; (digit = digitOf(*at)) <= 9; ++at) {
            if (at - point > 6) return nullptr;
            part = part * 10 + digit;
        }
        const int count = static_cast<int>(at - point) - 1;
        part *= kPowers[6 - count];
        micros += part - part % kPowers[6 - step.scale];
    }
    if (*at != '"') return nullptr;
    out.column(step.column).append<int64_t>(micros);
    return at + 1;
}

const char* JsonShape::readValue(const Step& step, const char* at, const char* limit, BatchBuilder& out) {
    switch (step.kind) {
        case Kind::Skip: {
            if (*at == '"') {
                const char* const end = textEnd<false>(at + 1, unescaped_);
                if (end != nullptr) return end + 1;
            } else if (const char* const end = json::skipNumber(at, limit); end != at) {
                return end;
            }
            bool non_ascii = false;
            const char* const end = json::skipValue(at, limit, non_ascii);
            if (end == nullptr) return nullptr;
            if (non_ascii && !simdjson::validate_utf8(at, static_cast<size_t>(end - at))) return nullptr;
            // A nested value may be spread over lines, a record may not.
            if (std::memchr(at, '\n', static_cast<size_t>(end - at)) != nullptr) return nullptr;
            return end;
        }
        case Kind::Int64: {
            int64_t value;
            at = readInteger(at, value);
            if (at != nullptr) out.column(step.column).append<int64_t>(value);
            return at;
        }
        case Kind::Int32: {
            int64_t value;
            at = readInteger(at, value);
            if (at == nullptr || value < INT32_MIN || value > INT32_MAX) return nullptr;
            out.column(step.column).append<int32_t>(static_cast<int32_t>(value));
            return at;
        }
        case Kind::Double: {
            // A quotient of two exactly representable numbers is rounded correctly (Clinger 1990).
            const char* const start = at;
            int64_t number;
            int fraction;
            at = readFixed(at, number, fraction);
            if (at == nullptr || number > (1LL << 53) || number < -(1LL << 53)) return nullptr;
            if (number == 0 && *start == '-') return nullptr;  // "-0.0" keeps its sign the plain way
            out.column(step.column)
                .append<double>(static_cast<double>(number) / static_cast<double>(kPowers[fraction]));
            return at;
        }
        case Kind::Decimal64: {
            int64_t number;
            int fraction;
            at = readFixed(at, number, fraction);
            if (at == nullptr || fraction > step.scale) return nullptr;
            const int precision = targets_.types[step.column].precision();
            const int64_t bound = kPowers[precision - (step.scale - fraction)];
            if (number >= bound || number <= -bound) return nullptr;
            out.column(step.column).append<int64_t>(number * kPowers[step.scale - fraction]);
            return at;
        }
        case Kind::Bool:
            if (blockEquals(at, "true            ", 4)) {
                out.column(step.column).append<uint8_t>(1);
                return at + 4;
            }
            if (blockEquals(at, "false           ", 5)) {
                out.column(step.column).append<uint8_t>(0);
                return at + 5;
            }
            return nullptr;
        case Kind::Number: {
            const char* const end = json::skipNumber(at, limit);
            if (end == at) return nullptr;
            const std::optional<text::Scalar> scalar =
                text::readScalar(targets_.types[step.column], text::TokenKind::Number,
                                 {at, static_cast<size_t>(end - at)}, options_.standard, scratch_);
            if (!scalar || (scalar->kind == text::Scalar::Kind::Null && !step.nullable)) return nullptr;
            text::appendScalar(*scalar, out.column(step.column));
            return end;
        }
        case Kind::Timestamp:
            return readTimestamp(step, at, out);
        case Kind::String:
        case Kind::Text:
            return readText(step, at, out);
    }
    return nullptr;
}

const char* JsonShape::decode(const char* at, const char* limit, BatchBuilder& out) {
    const char* const literals = literals_.data();
    for (const Step& step : steps_) {
        if (!literalMatches(at, literals + step.literal, step.literal_size)) return nullptr;
        at += step.literal_size;
        if (*at == 'n' && step.kind != Kind::Skip) {
            if (!step.nullable || !blockEquals(at, "null            ", 4)) return nullptr;
            out.column(step.column).appendNull();
            at += 4;
            continue;
        }
        at = readValue(step, at, limit, out);
        if (at == nullptr) return nullptr;
    }
    if (!literalMatches(at, tail_.data(), static_cast<uint32_t>(tail_.size() - kBlock))) return nullptr;
    at += tail_.size() - kBlock;
    if (*at == '\r') ++at;
    if (*at != '\n') return nullptr;
    for (const uint16_t column : absent_)
        out.column(column).appendNull();
    return at + 1;
}

bool JsonShape::addStep(std::string_view literal, const JsonTarget* target, char first) {
    Step step{};
    step.literal = static_cast<uint32_t>(literals_.size());
    step.literal_size = static_cast<uint32_t>(literal.size());
    step.kind = Kind::Skip;
    literals_ += literal;
    if (target == nullptr) {
        steps_.push_back(step);
        return true;
    }
    const LogicalType& type = target->type;
    step.column = static_cast<uint16_t>(*target->column);
    step.nullable = type.nullable();
    switch (type.kind()) {
        case TypeKind::Boolean:
            step.kind = Kind::Bool;
            break;
        case TypeKind::Integer:
            step.kind = Kind::Int32;
            break;
        case TypeKind::BigInt:
            step.kind = Kind::Int64;
            break;
        case TypeKind::Double:
            step.kind = Kind::Double;
            break;
        case TypeKind::Char:
        case TypeKind::Varchar:
            if (first == '{' || first == '[') return false;
            step.kind = Kind::String;
            break;
        case TypeKind::Decimal:
            step.kind = type.physical() == PhysicalType::Int64 ? Kind::Decimal64 : Kind::Number;
            step.scale = static_cast<int8_t>(type.scale());
            break;
        case TypeKind::TinyInt:
        case TypeKind::SmallInt:
        case TypeKind::Float:
        case TypeKind::IntervalYearMonth:
        case TypeKind::IntervalDayTime:
            step.kind = Kind::Number;
            break;
        case TypeKind::Timestamp:
            step.kind = options_.standard == text::TimestampStandard::Sql ? Kind::Timestamp : Kind::Text;
            step.scale = static_cast<int8_t>(type.precision());
            break;
        case TypeKind::TimestampLtz:
        case TypeKind::Date:
        case TypeKind::Time:
        case TypeKind::Binary:
        case TypeKind::Varbinary:
            step.kind = Kind::Text;
            break;
        default:
            return false;
    }
    steps_.push_back(step);
    return true;
}

struct JsonShape::Learning {
    const char* at;
    const char* end;
    const char* literal;     // what is not part of a step yet starts here
    std::vector<bool> seen;  // targets, by number

    void space() {
        while (at != end && isSpace(*at))
            ++at;
    }
    bool take(char c) {
        space();
        if (at == end || *at != c) return false;
        ++at;
        return true;
    }
};

void JsonShape::learn(std::string_view record) {
    known_ = false;
    steps_.clear();
    absent_.clear();
    literals_.clear();
    while (!record.empty() && record.back() == '\r')
        record.remove_suffix(1);
    Learning learning{record.data(), record.data() + record.size(), record.data(),
                      std::vector<bool>(targets_.count)};
    if (!learnObject(targets_.fields, learning)) return;
    tail_.assign(learning.literal, learning.end);
    tail_.append(kBlock, ' ');
    literals_.append(kBlock, ' ');
    known_ = true;
}

bool JsonShape::learnObject(const std::vector<JsonTarget>& targets, Learning& learning) {
    if (!learning.take('{')) return false;
    do {
        if (!learning.take('"')) return false;
        const char* const name = learning.at;
        while (learning.at != learning.end && *learning.at != '"' && *learning.at != '\\')
            ++learning.at;
        if (learning.at == learning.end || *learning.at == '\\') return false;
        const std::string_view key(name, static_cast<size_t>(learning.at - name));
        ++learning.at;
        if (!learning.take(':')) return false;
        learning.space();
        if (learning.at == learning.end) return false;
        const auto found = std::find_if(targets.begin(), targets.end(),
                                        [&](const JsonTarget& target) { return target.name == key; });
        if (!learnField(found == targets.end() ? nullptr : &*found, learning)) return false;
    } while (learning.take(','));
    if (!learning.take('}')) return false;
    for (const JsonTarget& target : targets) {
        if (learning.seen[target.number]) continue;
        if (options_.fail_on_missing_field || !target.type.nullable()) return false;
        target.forEachColumn([&](size_t column) { absent_.push_back(static_cast<uint16_t>(column)); });
    }
    return true;
}

bool JsonShape::learnField(const JsonTarget* target, Learning& learning) {
    if (target != nullptr) {
        if (learning.seen[target->number])
            return false;  // the last one wins, which is the plain way's business
        learning.seen[target->number] = true;
    }
    if (target != nullptr && !target->fields.empty()) {
        if (target->column) return false;
        if (*learning.at == '{') return learnObject(target->fields, learning);
        constexpr std::string_view kNull = "null";
        if (!std::string_view(learning.at, learning.end).starts_with(kNull) || !target->type.nullable())
            return false;
        learning.at += kNull.size();  // part of the literal: a record with an object here has another shape
        target->forEachColumn([&](size_t column) { absent_.push_back(static_cast<uint16_t>(column)); });
        return true;
    }
    const std::string_view literal(learning.literal, static_cast<size_t>(learning.at - learning.literal));
    if (!addStep(literal, target, *learning.at)) return false;
    bool non_ascii = false;
    learning.at = json::skipValue(learning.at, learning.end, non_ascii);
    learning.literal = learning.at;
    return learning.at != nullptr;
}

}  // namespace millrace
