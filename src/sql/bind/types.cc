#include "sql/bind/types.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "types/calendar.h"
#include "types/decimal.h"

namespace millrace::sql {

namespace {

[[noreturn]] void badType(const TypeSpec& spec, std::string message, std::string hint = "") {
    throw UserError(Problem{"sql.bad-type", std::move(message), std::move(hint), spec.span});
}

int inRange(const TypeSpec& spec, std::optional<int> given, int otherwise, int min, int max,
            const char* what) {
    const int value = given.value_or(otherwise);
    if (value < min || value > max) {
        badType(spec, fmt::format("the {} of {} must be between {} and {}, not {}", what, spec.name, min, max,
                                  value));
    }
    return value;
}

LogicalType intervalType(const TypeSpec& spec) {
    const std::string unit = spec.name.substr(9, spec.name.find(' ', 9) - 9);
    if (unit == "YEAR" || unit == "MONTH") return LogicalType::of(TypeKind::IntervalYearMonth);
    if (unit == "DAY" || unit == "HOUR" || unit == "MINUTE" || unit == "SECOND") {
        return LogicalType::of(TypeKind::IntervalDayTime);
    }
    badType(spec, fmt::format("there is no type {}", spec.name),
            "intervals are of YEAR, MONTH, DAY, HOUR, MINUTE or SECOND");
}

LogicalType withoutNullability(const TypeSpec& spec) {
    struct Plain {
        std::string_view name;
        TypeKind kind;
    };
    static constexpr std::array<Plain, 10> kPlain = {{{"BOOLEAN", TypeKind::Boolean},
                                                      {"TINYINT", TypeKind::TinyInt},
                                                      {"SMALLINT", TypeKind::SmallInt},
                                                      {"INT", TypeKind::Integer},
                                                      {"BIGINT", TypeKind::BigInt},
                                                      {"FLOAT", TypeKind::Float},
                                                      {"DOUBLE", TypeKind::Double},
                                                      {"DATE", TypeKind::Date},
                                                      {"VARIANT", TypeKind::Variant},
                                                      {"NULL", TypeKind::Null}}};
    for (const Plain& plain : kPlain) {
        if (spec.name == plain.name) return LogicalType::of(plain.kind);
    }
    if (spec.name == "STRING") return LogicalType::string();
    if (spec.name == "BYTES") return LogicalType::of(TypeKind::Varbinary);
    if (spec.name == "DECIMAL") {
        const int precision =
            inRange(spec, spec.precision, 10, 1, LogicalType::kMaxDecimalPrecision, "precision");
        return LogicalType::decimal(precision, inRange(spec, spec.scale, 0, 0, precision, "scale"));
    }
    const auto length = [&](int otherwise) {
        return inRange(spec, spec.precision, otherwise, 1, LogicalType::kMaxLength, "length");
    };
    // Without a length, VARCHAR and VARBINARY have none, although the standard says 1: FlinkTypeSystem.
    if (spec.name == "CHAR") return LogicalType::character(length(1));
    if (spec.name == "VARCHAR") return LogicalType::varchar(length(LogicalType::kMaxLength));
    if (spec.name == "BINARY") return LogicalType::binary(length(1));
    if (spec.name == "VARBINARY") return LogicalType::varbinary(length(LogicalType::kMaxLength));
    if (spec.name == "TIME") return LogicalType::time(inRange(spec, spec.precision, 0, 0, 9, "precision"));
    if (spec.name == "TIMESTAMP" || spec.name == "TIMESTAMP_LTZ") {
        const int precision = inRange(spec, spec.precision, 6, 0, 9, "precision");
        return spec.name == "TIMESTAMP" ? LogicalType::timestamp(precision)
                                        : LogicalType::timestampLtz(precision);
    }
    if (spec.name.starts_with("INTERVAL ")) return intervalType(spec);
    if (spec.name == "ARRAY") return LogicalType::array(bindType(spec.children[0].type));
    if (spec.name == "MULTISET") return LogicalType::multiset(bindType(spec.children[0].type));
    if (spec.name == "MAP")
        return LogicalType::map(bindType(spec.children[0].type), bindType(spec.children[1].type));
    if (spec.name == "ROW" || spec.name == "STRUCTURED") {
        std::vector<Field> fields;
        for (const TypeSpec::Field& child : spec.children) {
            for (const Field& other : fields) {
                if (other.name == child.name.name)
                    badType(child.type, fmt::format("field '{}' is there twice", other.name));
            }
            fields.push_back({child.name.name, bindType(child.type)});
        }
        return spec.name == "ROW" ? LogicalType::row(std::move(fields))
                                  : LogicalType::structured(spec.class_name, std::move(fields));
    }
    throw InternalError("a type of an unknown name: " + spec.name);
}

[[noreturn]] void badLiteral(const TextSpan& span, std::string message, std::string hint = "") {
    throw UserError(Problem{"sql.bad-literal", std::move(message), std::move(hint), span});
}

ExpressionPtr constant(Value value, const LogicalType& type) {
    return Expression::literal(std::move(value), type.withNullable(false));
}

ExpressionPtr number(const std::string& text, const TextSpan& span) {
    if (text.find_first_of("eE") != std::string::npos) {
        double value = 0;
        const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
        if (error != std::errc() || end != text.data() + text.size())
            badLiteral(span, "the number is out of the range of DOUBLE");
        return constant(Value::float64(value), LogicalType::doublePrecision());
    }
    const size_t point = text.find('.');
    if (point == std::string::npos) {
        int64_t value = 0;
        const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
        if (error == std::errc() && end == text.data() + text.size()) {
            const bool small = value >= INT32_MIN && value <= INT32_MAX;
            return constant(Value::int64(value), small ? LogicalType::integer() : LogicalType::bigint());
        }
    }
    // The precision counts the digits that matter, and at least one before the point: 0.05 is DECIMAL(3, 2).
    const int scale = point == std::string::npos ? 0 : static_cast<int>(text.size() - point - 1);
    int digits = 0;
    for (const char c : text) {
        if (c >= '0' && c <= '9' && (digits > 0 || c != '0')) ++digits;
    }
    const int precision = std::max(digits, scale + 1);
    if (precision > LogicalType::kMaxDecimalPrecision) {
        badLiteral(span, fmt::format("the number has {} digits, DECIMAL holds at most 38", precision),
                   "write it as DOUBLE: " + text.substr(0, 1) + "...e0");
    }
    const auto value = parseDecimal(text, precision, scale);
    if (!value) badLiteral(span, fmt::format("'{}' is not a number", text));
    const LogicalType type = LogicalType::decimal(precision, scale);
    return constant(type.physical() == PhysicalType::Int128 ? Value::int128(*value)
                                                            : Value::int64(static_cast<int64_t>(*value)),
                    type);
}

// The fields of an interval, from the largest unit to the smallest: "1 02:03:04.5" of DAY TO SECOND.
class IntervalText {
  public:
    IntervalText(const Literal& literal, const TextSpan& span)
        : literal_(literal), span_(span), text_(literal.text) {}

    ExpressionPtr bind() {
        static constexpr std::array<std::string_view, 9> kUnits = {
            "YEAR", "QUARTER", "MONTH", "WEEK", "DAY", "HOUR", "MINUTE", "SECOND", "MILLISECOND"};
        const size_t to = literal_.unit.find(" TO ");
        const std::string first = literal_.unit.substr(0, to);
        const std::string last = to == std::string::npos ? first : literal_.unit.substr(to + 4);
        if (std::find(kUnits.begin(), kUnits.end(), first) == kUnits.end()) fail();
        if (!text_.empty() && (text_[0] == '-' || text_[0] == '+')) {
            negative_ = text_[0] == '-';
            at_ = 1;
        }
        if (literal_.negative) negative_ = !negative_;
        if (to == std::string::npos) {
            single(first);
        } else if (first == "YEAR" && last == "MONTH") {
            months_ = field(INT32_MAX / 12) * 12;
            separator('-');
            months_ += field(11);
            is_months_ = true;
        } else {
            range(first, last);
        }
        if (at_ != text_.size()) fail();
        if (is_months_) {
            if (months_ > INT32_MAX) fail();
            return constant(Value::int64(negative_ ? -months_ : months_),
                            LogicalType::of(TypeKind::IntervalYearMonth));
        }
        return constant(Value::int64(negative_ ? -micros_ : micros_),
                        LogicalType::of(TypeKind::IntervalDayTime));
    }

  private:
    [[noreturn]] void fail() {
        badLiteral(
            span_, fmt::format("'{}' is not an interval of {}", text_, literal_.unit),
            "such as INTERVAL '10' SECOND, INTERVAL '1 12:30' DAY TO MINUTE, INTERVAL '2-6' YEAR TO MONTH");
    }
    int64_t field(int64_t max) {
        int64_t value = 0;
        const auto [end, error] = std::from_chars(text_.data() + at_, text_.data() + text_.size(), value);
        if (error != std::errc() || value < 0 || value > max) fail();
        at_ = static_cast<size_t>(end - text_.data());
        return value;
    }
    void separator(char c) {
        if (at_ >= text_.size() || text_[at_] != c) fail();
        ++at_;
    }
    void fraction() {
        if (at_ >= text_.size() || text_[at_] != '.') return;
        ++at_;
        int64_t unit = kMicrosPerSecond / 10;
        if (at_ == text_.size()) fail();
        for (; at_ < text_.size() && text_[at_] >= '0' && text_[at_] <= '9'; ++at_, unit /= 10) {
            micros_ += (text_[at_] - '0') * unit;
        }
    }
    void single(const std::string& unit) {
        constexpr int64_t kDaysMax = 100'000'000;
        if (unit == "YEAR" || unit == "MONTH" || unit == "QUARTER") {
            const int64_t factor = unit == "YEAR" ? 12 : unit == "QUARTER" ? 3 : 1;
            months_ = field(INT32_MAX / factor) * factor;
            is_months_ = true;
        } else if (unit == "SECOND") {
            micros_ = field(kDaysMax * 86'400) * kMicrosPerSecond;
            fraction();
        } else {
            const int64_t factor = unit == "WEEK"     ? 7 * kMicrosPerDay
                                   : unit == "DAY"    ? kMicrosPerDay
                                   : unit == "HOUR"   ? 3600 * kMicrosPerSecond
                                   : unit == "MINUTE" ? 60 * kMicrosPerSecond
                                                      : 1000;
            micros_ = field(kDaysMax * kMicrosPerDay / factor) * factor;
        }
    }
    void range(const std::string& first, const std::string& last) {
        struct Unit {
            std::string_view name;
            int64_t micros;
            int64_t max;     // behind a larger unit
            char separator;  // before it
        };
        static constexpr std::array<Unit, 4> kOrder = {{{"DAY", kMicrosPerDay, 0, 0},
                                                        {"HOUR", 3600 * kMicrosPerSecond, 23, ' '},
                                                        {"MINUTE", 60 * kMicrosPerSecond, 59, ':'},
                                                        {"SECOND", kMicrosPerSecond, 59, ':'}}};
        const auto index = [&](const std::string& name) {
            for (size_t i = 0; i < kOrder.size(); ++i) {
                if (kOrder[i].name == name) return i;
            }
            fail();
        };
        const size_t from = index(first);
        const size_t to = index(last);
        if (from >= to) fail();
        for (size_t i = from; i <= to; ++i) {
            if (i > from) separator(kOrder[i].separator);
            micros_ += field(i == from ? 100'000'000 * (kMicrosPerDay / kOrder[i].micros) : kOrder[i].max) *
                       kOrder[i].micros;
        }
        if (last == "SECOND") fraction();
    }

    const Literal& literal_;
    const TextSpan& span_;
    const std::string& text_;
    size_t at_ = 0;
    bool negative_ = false;
    bool is_months_ = false;
    int64_t months_ = 0;
    int64_t micros_ = 0;
};

int characters(const std::string& text) {
    return static_cast<int>(
        std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; }));
}

// Digits behind the point of "12:00:00.123".
int fractionDigits(const std::string& text) {
    const size_t point = text.find('.');
    return point == std::string::npos ? 0 : static_cast<int>(text.size() - point - 1);
}

}  // namespace

LogicalType bindType(const TypeSpec& spec) {
    return withoutNullability(spec).withNullable(spec.nullable.value_or(true));
}

ExpressionPtr bindLiteral(const Literal& literal, const TextSpan& span) {
    switch (literal.kind) {
        case LiteralKind::Null:
            return Expression::literal(Value::null(), LogicalType());
        case LiteralKind::Boolean:
            return constant(Value::boolean(literal.text == "TRUE"), LogicalType::boolean());
        case LiteralKind::Number:
            return number(literal.text, span);
        case LiteralKind::String:
            return constant(Value::string(literal.text), LogicalType::character(characters(literal.text)));
        case LiteralKind::Binary:
            return constant(Value::string(literal.text),
                            LogicalType::binary(static_cast<int>(literal.text.size())));
        case LiteralKind::Interval:
            return IntervalText(literal, span).bind();
        case LiteralKind::Date: {
            const auto days = parseDate(literal.text);
            if (!days)
                badLiteral(span, fmt::format("'{}' is not a date", literal.text),
                           "such as DATE '2026-03-01'");
            return constant(Value::int64(*days), LogicalType::of(TypeKind::Date));
        }
        case LiteralKind::Time: {
            const auto millis = parseTime(literal.text);
            if (!millis)
                badLiteral(span, fmt::format("'{}' is not a time", literal.text), "such as TIME '12:30:00'");
            return constant(Value::int64(*millis),
                            LogicalType::time(std::min(fractionDigits(literal.text), 3)));
        }
        case LiteralKind::Timestamp: {
            const auto time = parseTimePoint(literal.text);
            if (!time) {
                badLiteral(span, fmt::format("'{}' is not a timestamp", literal.text),
                           "such as TIMESTAMP '2026-03-01 12:30:00'");
            }
            const LogicalType type = LogicalType::timestamp(std::min(fractionDigits(literal.text), 9));
            return constant(timeValue(*time, type), type);
        }
    }
    throw InternalError("a literal of no kind");
}

}  // namespace millrace::sql
