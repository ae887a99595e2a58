#include "formats/text/scalar.h"

#include <charconv>
#include <cstring>

#include <fmt/format.h>

#include "types/decimal.h"
#include "types/floating.h"

namespace millrace::text {
namespace {

std::optional<Scalar> integer(int64_t value) {
    Scalar scalar;
    scalar.kind = Scalar::Kind::Integer;
    scalar.integer = value;
    return scalar;
}

std::optional<Scalar> wide(Int128 value) {
    Scalar scalar;
    scalar.kind = Scalar::Kind::Wide;
    scalar.wide = value;
    return scalar;
}

std::optional<Scalar> real(double value) {
    Scalar scalar;
    scalar.kind = Scalar::Kind::Real;
    scalar.real = value;
    return scalar;
}

std::optional<Scalar> textual(std::string_view value) {
    Scalar scalar;
    scalar.kind = Scalar::Kind::Text;
    scalar.text = value;
    return scalar;
}

bool equalsIgnoringCase(std::string_view text, std::string_view lower) {
    if (text.size() != lower.size()) return false;
    for (size_t i = 0; i < text.size(); ++i) {
        const char c = text[i] >= 'A' && text[i] <= 'Z' ? static_cast<char>(text[i] + 32) : text[i];
        if (c != lower[i]) return false;
    }
    return true;
}

std::optional<Scalar> wholeNumber(std::string_view token, bool truncates, int64_t low, int64_t high) {
    if (token.size() > 1 && token[0] == '+' && token[1] != '-') token.remove_prefix(1);
    int64_t value = 0;
    const char* const end = token.data() + token.size();
    const auto [at, error] = std::from_chars(token.data(), end, value);
    if (error == std::errc() && at == end) {
        if (value < low || value > high) return std::nullopt;
        return integer(value);
    }
    if (!truncates || at == end || (*at != '.' && *at != 'e' && *at != 'E')) return std::nullopt;
    // A JSON number with a fraction or an exponent: Java's conversion cuts towards zero, and is refused out
    // of range. DECIMAL's parser does it exactly, where a double would lose digits above 2^53.
    const std::optional<Int128> scaled = parseDecimal(token, 38, 18);
    if (!scaled) return std::nullopt;
    const Int128 whole = *scaled / powerOfTen(18);
    if (whole < low || whole > high) return std::nullopt;
    return integer(static_cast<int64_t>(whole));
}

std::optional<Scalar> decimal(const LogicalType& type, std::string_view token) {
    token = trim(token);
    // BigDecimal reads it, then DecimalData.fromBigDecimal rounds to the scale and answers NULL where the
    // precision is exceeded. What is not a number at all must be told apart from that.
    size_t i = !token.empty() && (token[0] == '-' || token[0] == '+') ? 1 : 0;
    size_t digits = 0;
    bool point = false;
    for (; i < token.size(); ++i) {
        if (token[i] >= '0' && token[i] <= '9') {
            ++digits;
        } else if (token[i] == '.' && !point) {
            point = true;
        } else {
            break;
        }
    }
    if (digits == 0) return std::nullopt;
    if (i < token.size()) {
        if (token[i] != 'e' && token[i] != 'E') return std::nullopt;
        std::string_view exponent = token.substr(i + 1);
        if (!exponent.empty() && (exponent.front() == '+' || exponent.front() == '-'))
            exponent.remove_prefix(1);
        if (exponent.empty() || exponent.size() > 9) return std::nullopt;
        if (exponent.find_first_not_of("0123456789") != std::string_view::npos) return std::nullopt;
    }
    const std::optional<Int128> unscaled = parseDecimal(token, type.precision(), type.scale());
    if (!unscaled) return Scalar{};
    if (type.physical() == PhysicalType::Int64) return integer(static_cast<int64_t>(*unscaled));
    return wide(*unscaled);
}

}  // namespace

std::string_view trim(std::string_view text) {
    while (!text.empty() && static_cast<unsigned char>(text.front()) <= ' ')
        text.remove_prefix(1);
    while (!text.empty() && static_cast<unsigned char>(text.back()) <= ' ')
        text.remove_suffix(1);
    return text;
}

std::optional<Scalar> readScalar(const LogicalType& type, TokenKind kind, std::string_view token,
                                 TimestampStandard standard, std::string& scratch) {
    const bool number = kind == TokenKind::Number;
    switch (type.kind()) {
        case TypeKind::Boolean:
            return integer(equalsIgnoringCase(trim(token), "true") ? 1 : 0);
        case TypeKind::TinyInt:
            return wholeNumber(trim(token), false, INT8_MIN, INT8_MAX);
        case TypeKind::SmallInt:
            return wholeNumber(trim(token), false, INT16_MIN, INT16_MAX);
        case TypeKind::Integer:
        case TypeKind::IntervalYearMonth:
            return wholeNumber(trim(token), number, INT32_MIN, INT32_MAX);
        case TypeKind::BigInt:
            return wholeNumber(trim(token), number, INT64_MIN, INT64_MAX);
        case TypeKind::IntervalDayTime: {
            // Flink's value is in milliseconds.
            std::optional<Scalar> millis =
                wholeNumber(trim(token), number, INT64_MIN / 1000, INT64_MAX / 1000);
            if (millis) millis->integer *= 1000;
            return millis;
        }
        case TypeKind::Float:
        case TypeKind::Double: {
            const std::optional<double> value = parseDouble(trim(token));
            if (!value) return std::nullopt;
            return real(*value);
        }
        case TypeKind::Decimal:
            return decimal(type, token);
        case TypeKind::Char:
        case TypeKind::Varchar:
            return textual(token);
        case TypeKind::Binary:
        case TypeKind::Varbinary:
            if (number || !decodeBase64(token, scratch)) return std::nullopt;
            return textual(scratch);
        case TypeKind::Date: {
            const std::optional<int32_t> days = readDate(token);
            if (!days) return std::nullopt;
            return integer(*days);
        }
        case TypeKind::Time: {
            const std::optional<int32_t> millis = readTime(token, type.precision());
            if (!millis) return std::nullopt;
            return integer(*millis);
        }
        case TypeKind::Timestamp:
        case TypeKind::TimestampLtz: {
            const std::optional<TimePoint> time =
                readTimestamp(token, standard, type.kind() == TypeKind::TimestampLtz, type.precision());
            if (!time) return std::nullopt;
            return type.isNanos() ? wide(time->inNanos()) : integer(time->micros);
        }
        default:
            return std::nullopt;
    }
}

void appendScalar(const Scalar& scalar, ColumnBuilder& out) {
    switch (scalar.kind) {
        case Scalar::Kind::Null:
            out.appendNull();
            return;
        case Scalar::Kind::Text:
            out.appendString(scalar.text);
            return;
        case Scalar::Kind::Wide:
            out.append<Int128>(scalar.wide);
            return;
        case Scalar::Kind::Real:
            if (out.type().kind() == TypeKind::Float) {
                out.append<float>(static_cast<float>(scalar.real));
            } else {
                out.append<double>(scalar.real);
            }
            return;
        case Scalar::Kind::Integer:
            switch (out.type().physical()) {
                case PhysicalType::Bool:
                    out.append<uint8_t>(static_cast<uint8_t>(scalar.integer));
                    return;
                case PhysicalType::Int32:
                    out.append<int32_t>(static_cast<int32_t>(scalar.integer));
                    return;
                default:
                    out.append<int64_t>(scalar.integer);
                    return;
            }
    }
}

Value toValue(const Scalar& scalar, const LogicalType& type) {
    switch (scalar.kind) {
        case Scalar::Kind::Null:
            return Value::null();
        case Scalar::Kind::Text:
            return Value::string(std::string(scalar.text));
        case Scalar::Kind::Wide:
            return Value::int128(scalar.wide);
        case Scalar::Kind::Real:
            return Value::float64(type.kind() == TypeKind::Float ? static_cast<float>(scalar.real)
                                                                 : scalar.real);
        case Scalar::Kind::Integer:
            break;
    }
    if (type.kind() == TypeKind::Boolean) return Value::boolean(scalar.integer != 0);
    return Value::int64(scalar.integer);
}

namespace {

constexpr char kBase64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

int base64Digit(char c) {
    if (c >= 'A' && c <= 'Z') return c - 'A';
    if (c >= 'a' && c <= 'z') return c - 'a' + 26;
    if (c >= '0' && c <= '9') return c - '0' + 52;
    if (c == '+') return 62;
    if (c == '/') return 63;
    return -1;
}

}  // namespace

std::string encodeBase64(std::string_view bytes) {
    std::string out;
    out.reserve((bytes.size() + 2) / 3 * 4);
    for (size_t i = 0; i < bytes.size(); i += 3) {
        const size_t left = bytes.size() - i;
        uint32_t group = static_cast<uint32_t>(static_cast<unsigned char>(bytes[i])) << 16;
        if (left > 1) group |= static_cast<uint32_t>(static_cast<unsigned char>(bytes[i + 1])) << 8;
        if (left > 2) group |= static_cast<unsigned char>(bytes[i + 2]);
        out += kBase64[group >> 18];
        out += kBase64[(group >> 12) & 63];
        out += left > 1 ? kBase64[(group >> 6) & 63] : '=';
        out += left > 2 ? kBase64[group & 63] : '=';
    }
    return out;
}

bool decodeBase64(std::string_view text, std::string& out) {
    out.clear();
    if (text.size() % 4 == 0) {
        for (int i = 0; i < 2 && !text.empty() && text.back() == '='; ++i)
            text.remove_suffix(1);
    }
    if (text.size() % 4 == 1) return false;
    uint32_t group = 0;
    int bits = 0;
    for (const char c : text) {
        const int digit = base64Digit(c);
        if (digit < 0) return false;
        group = (group << 6) | static_cast<uint32_t>(digit);
        bits += 6;
        if (bits >= 8) {
            bits -= 8;
            out += static_cast<char>((group >> bits) & 0xFF);
        }
    }
    return true;
}

std::string excerpt(std::string_view text) {
    std::string out;
    size_t shown = 0;
    for (size_t i = 0; i < text.size(); ++i) {
        const unsigned char c = static_cast<unsigned char>(text[i]);
        if ((c & 0xC0) != 0x80 && ++shown > 60) return out + "...";
        if (c < 0x20 || c == 0x7F) {
            out += fmt::format("\\x{:02X}", c);
        } else {
            out += text[i];
        }
    }
    return out;
}

}  // namespace millrace::text
