#include "types/logical_type.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>

#include "base/error.h"

namespace millrace {

struct LogicalType::Nested {
    std::vector<Field> fields;  // ROW's; of an ARRAY or MULTISET the element, of a MAP key and value
    std::string class_name;     // of a structured ROW
    bool operator==(const Nested&) const = default;
};

namespace {

struct KindName {
    TypeKind kind;
    std::string_view name;
};

constexpr std::array<KindName, 22> kNames = {{
    {TypeKind::Null, "NULL"},
    {TypeKind::Boolean, "BOOLEAN"},
    {TypeKind::TinyInt, "TINYINT"},
    {TypeKind::SmallInt, "SMALLINT"},
    {TypeKind::Integer, "INT"},
    {TypeKind::BigInt, "BIGINT"},
    {TypeKind::Float, "FLOAT"},
    {TypeKind::Double, "DOUBLE"},
    {TypeKind::Decimal, "DECIMAL"},
    {TypeKind::Char, "CHAR"},
    {TypeKind::Varchar, "VARCHAR"},
    {TypeKind::Binary, "BINARY"},
    {TypeKind::Varbinary, "VARBINARY"},
    {TypeKind::Date, "DATE"},
    {TypeKind::Time, "TIME"},
    {TypeKind::TimestampLtz, "TIMESTAMP_LTZ"},
    {TypeKind::Timestamp, "TIMESTAMP"},
    {TypeKind::IntervalYearMonth, "INTERVAL YEAR TO MONTH"},
    {TypeKind::IntervalDayTime, "INTERVAL DAY TO SECOND"},
    {TypeKind::Variant, "VARIANT"},
    {TypeKind::Array, "ARRAY"},
    {TypeKind::Map, "MAP"},
}};

std::string_view nameOf(TypeKind kind) {
    for (const auto& entry : kNames) {
        if (entry.kind == kind) return entry.name;
    }
    return kind == TypeKind::Multiset ? "MULTISET" : "ROW";
}

int checkedLength(std::string_view type, int length, int length_min) {
    if (length < length_min) {
        throw UserError("type.bad-length", fmt::format("{} must have a length of at least {}, not {}", type,
                                                       length_min, length));
    }
    return length;
}

int checkedTimePrecision(std::string_view type, int precision) {
    if (precision < 0 || precision > 9) {
        throw UserError("type.bad-precision",
                        fmt::format("{} has 0 to 9 digits of fraction, not {}", type, precision));
    }
    return precision;
}

// Recursive descent over the text form.
class TypeReader {
  public:
    explicit TypeReader(std::string_view text) : text_(text) {}

    LogicalType readAll() {
        LogicalType type = read(0);
        skipSpace();
        if (at_ != text_.size()) fail();
        return type;
    }

  private:
    [[noreturn]] void fail() const {
        throw UserError("type.bad-text", fmt::format("'{}' is not a type (at character {})", text_, at_ + 1));
    }
    void skipSpace() {
        while (at_ < text_.size() && text_[at_] == ' ')
            ++at_;
    }
    bool accept(std::string_view word) {
        skipSpace();
        if (text_.size() - at_ < word.size()) return false;
        for (size_t i = 0; i < word.size(); ++i) {
            if (std::toupper(static_cast<unsigned char>(text_[at_ + i])) != word[i]) return false;
        }
        const bool is_word = std::isalpha(static_cast<unsigned char>(word.back())) != 0;
        const size_t end = at_ + word.size();
        if (is_word && end < text_.size() &&
            (std::isalnum(static_cast<unsigned char>(text_[end])) || text_[end] == '_')) {
            return false;
        }
        at_ = end;
        return true;
    }
    void expect(std::string_view word) {
        if (!accept(word)) fail();
    }
    int number() {
        skipSpace();
        int64_t value = 0;
        size_t digits = 0;
        for (; at_ < text_.size() && std::isdigit(static_cast<unsigned char>(text_[at_])) && digits < 10;
             ++at_, ++digits) {
            value = value * 10 + (text_[at_] - '0');
        }
        if (digits == 0 || value > LogicalType::kMaxLength) fail();
        return static_cast<int>(value);
    }
    int bracketed(int otherwise) {
        if (!accept("(")) return otherwise;
        const int value = number();
        expect(")");
        return value;
    }
    // Between two of the character, which stands for itself when it is doubled.
    std::string quoted(char quote) {
        expect(std::string_view(&quote, 1));
        std::string name;
        for (;;) {
            if (at_ >= text_.size()) fail();
            const char c = text_[at_++];
            if (c == quote) {
                if (at_ >= text_.size() || text_[at_] != quote) return name;
                ++at_;
            }
            name.push_back(c);
        }
    }
    std::vector<Field> fieldsUpToEnd(int depth) {
        std::vector<Field> fields;
        do {
            std::string name = quoted('`');
            fields.push_back({std::move(name), read(depth + 1)});
        } while (accept(","));
        expect(">");
        return fields;
    }
    LogicalType readKind(int depth) {
        if (accept("STRING")) return LogicalType::string();
        if (accept("BYTES")) return LogicalType::of(TypeKind::Varbinary);
        if (accept("INTEGER")) return LogicalType::integer();
        if (accept("MULTISET")) {
            expect("<");
            LogicalType element = read(depth + 1);
            expect(">");
            return LogicalType::multiset(element);
        }
        if (accept("ROW")) {
            expect("<");
            if (accept(">")) return LogicalType::row({});
            return LogicalType::row(fieldsUpToEnd(depth));
        }
        if (accept("STRUCTURED")) {
            expect("<");
            std::string class_name = quoted('\'');
            expect(",");
            return LogicalType::structured(std::move(class_name), fieldsUpToEnd(depth));
        }
        for (const auto& [kind, name] : kNames) {
            if (!accept(name)) continue;
            switch (kind) {
                case TypeKind::Decimal: {
                    if (!accept("(")) return LogicalType::decimal(10, 0);
                    const int precision = number();
                    const int scale = accept(",") ? number() : 0;
                    expect(")");
                    return LogicalType::decimal(precision, scale);
                }
                case TypeKind::Char:
                    return LogicalType::character(bracketed(1));
                case TypeKind::Varchar:
                    return LogicalType::varchar(bracketed(1));
                case TypeKind::Binary:
                    return LogicalType::binary(bracketed(1));
                case TypeKind::Varbinary:
                    return LogicalType::varbinary(bracketed(1));
                case TypeKind::Time:
                    return LogicalType::time(bracketed(0));
                case TypeKind::Timestamp:
                    return LogicalType::timestamp(bracketed(6));
                case TypeKind::TimestampLtz:
                    return LogicalType::timestampLtz(bracketed(6));
                case TypeKind::Array: {
                    expect("<");
                    LogicalType element = read(depth + 1);
                    expect(">");
                    return LogicalType::array(element);
                }
                case TypeKind::Map: {
                    expect("<");
                    LogicalType key = read(depth + 1);
                    expect(",");
                    LogicalType value = read(depth + 1);
                    expect(">");
                    return LogicalType::map(key, value);
                }
                default:
                    return LogicalType::of(kind);
            }
        }
        fail();
    }
    LogicalType read(int depth) {
        if (depth > 64) fail();
        LogicalType type = readKind(depth);
        if (accept("NOT")) {
            expect("NULL");
            type = type.withNullable(false);
        }
        return type;
    }

    std::string_view text_;
    size_t at_ = 0;
};

}  // namespace

LogicalType LogicalType::of(TypeKind kind, bool nullable) {
    LogicalType type;
    type.kind_ = kind;
    type.nullable_ = nullable;
    switch (kind) {
        case TypeKind::Decimal:
            type.precision_ = 10;
            break;
        case TypeKind::Char:
        case TypeKind::Binary:
            type.precision_ = 1;
            break;
        case TypeKind::Varchar:
        case TypeKind::Varbinary:
            type.precision_ = kMaxLength;
            break;
        case TypeKind::Timestamp:
        case TypeKind::TimestampLtz:
            type.precision_ = 6;
            break;
        case TypeKind::Array:
        case TypeKind::Map:
        case TypeKind::Multiset:
        case TypeKind::Row:
            throw InternalError("a nested type needs its parts");
        default:
            break;
    }
    return type;
}

LogicalType LogicalType::decimal(int precision, int scale) {
    if (precision < 1 || precision > kMaxDecimalPrecision || scale < 0 || scale > precision) {
        throw UserError("type.bad-precision", fmt::format("DECIMAL({}, {}) does not exist", precision, scale),
                        "the precision is 1 to 38, the scale 0 to the precision");
    }
    LogicalType type = of(TypeKind::Decimal);
    type.precision_ = precision;
    type.scale_ = scale;
    return type;
}

LogicalType LogicalType::character(int length) {
    LogicalType type = of(TypeKind::Char);
    type.precision_ = checkedLength("CHAR", length, 0);  // a literal '' is CHAR(0), as in Flink
    return type;
}

LogicalType LogicalType::varchar(int length) {
    LogicalType type = of(TypeKind::Varchar);
    type.precision_ = checkedLength("VARCHAR", length, 0);
    return type;
}

LogicalType LogicalType::binary(int length) {
    LogicalType type = of(TypeKind::Binary);
    type.precision_ = checkedLength("BINARY", length, 0);
    return type;
}

LogicalType LogicalType::varbinary(int length) {
    LogicalType type = of(TypeKind::Varbinary);
    type.precision_ = checkedLength("VARBINARY", length, 0);
    return type;
}

LogicalType LogicalType::time(int precision) {
    LogicalType type = of(TypeKind::Time);
    type.precision_ = std::min(checkedTimePrecision("TIME", precision), 3);
    return type;
}

LogicalType LogicalType::timestamp(int precision) {
    LogicalType type = of(TypeKind::Timestamp);
    type.precision_ = checkedTimePrecision("TIMESTAMP", precision);
    return type;
}

LogicalType LogicalType::timestampLtz(int precision) {
    LogicalType type = of(TypeKind::TimestampLtz);
    type.precision_ = checkedTimePrecision("TIMESTAMP_LTZ", precision);
    return type;
}

LogicalType LogicalType::array(LogicalType element) {
    LogicalType type;
    type.kind_ = TypeKind::Array;
    type.nested_ = std::make_shared<const Nested>(Nested{{{"element", std::move(element)}}, {}});
    return type;
}

LogicalType LogicalType::map(LogicalType key, LogicalType value) {
    LogicalType type;
    type.kind_ = TypeKind::Map;
    type.nested_ =
        std::make_shared<const Nested>(Nested{{{"key", std::move(key)}, {"value", std::move(value)}}, {}});
    return type;
}

LogicalType LogicalType::multiset(LogicalType element) {
    LogicalType type;
    type.kind_ = TypeKind::Multiset;
    type.nested_ = std::make_shared<const Nested>(
        Nested{{{"element", std::move(element)}, {"count", of(TypeKind::Integer, false)}}, {}});
    return type;
}

LogicalType LogicalType::row(std::vector<Field> fields) {
    LogicalType type;
    type.kind_ = TypeKind::Row;
    type.nested_ = std::make_shared<const Nested>(Nested{std::move(fields), {}});
    return type;
}

LogicalType LogicalType::structured(std::string class_name, std::vector<Field> fields) {
    LogicalType type;
    type.kind_ = TypeKind::Row;
    type.nested_ = std::make_shared<const Nested>(Nested{std::move(fields), std::move(class_name)});
    return type;
}

const LogicalType& LogicalType::element() const {
    MILLRACE_CHECK(nested_ && kind_ != TypeKind::Row, "{} has no elements", toString());
    return nested_->fields[0].type;
}

const LogicalType& LogicalType::mapValue() const {
    MILLRACE_CHECK(nested_ && (kind_ == TypeKind::Map || kind_ == TypeKind::Multiset), "{} is not a map",
                   toString());
    return nested_->fields[1].type;
}

bool LogicalType::holds(TypeKind kind) const {
    return kind_ == kind ||
           (nested_ && std::any_of(nested_->fields.begin(), nested_->fields.end(),
                                   [&](const Field& part) { return part.type.holds(kind); }));
}

const std::vector<Field>& LogicalType::fields() const {
    MILLRACE_CHECK(nested_ && kind_ == TypeKind::Row, "{} is not a row", toString());
    return nested_->fields;
}

const std::string& LogicalType::className() const {
    MILLRACE_CHECK(nested_ && kind_ == TypeKind::Row, "{} is not a row", toString());
    return nested_->class_name;
}

PhysicalType LogicalType::physical() const {
    switch (kind_) {
        case TypeKind::Null:
        case TypeKind::Boolean:
            return PhysicalType::Bool;
        case TypeKind::TinyInt:
        case TypeKind::SmallInt:
        case TypeKind::Integer:
        case TypeKind::Date:
        case TypeKind::Time:
        case TypeKind::IntervalYearMonth:
            return PhysicalType::Int32;
        case TypeKind::BigInt:
        case TypeKind::IntervalDayTime:
            return PhysicalType::Int64;
        case TypeKind::Timestamp:
        case TypeKind::TimestampLtz:
            return isNanos() ? PhysicalType::Int128 : PhysicalType::Int64;
        case TypeKind::Decimal:
            return precision_ > 18 ? PhysicalType::Int128 : PhysicalType::Int64;
        case TypeKind::Float:
            return PhysicalType::Float32;
        case TypeKind::Double:
            return PhysicalType::Float64;
        case TypeKind::Char:
        case TypeKind::Varchar:
        case TypeKind::Binary:
        case TypeKind::Varbinary:
        case TypeKind::Variant:
            return PhysicalType::String;
        case TypeKind::Array:
        case TypeKind::Map:
        case TypeKind::Multiset:
            return PhysicalType::List;
        case TypeKind::Row:
            return PhysicalType::Struct;
    }
    throw InternalError("a type of no kind");
}

LogicalType LogicalType::withNullable(bool nullable) const {
    LogicalType type = *this;
    type.nullable_ = nullable || kind_ == TypeKind::Null;
    return type;
}

bool LogicalType::sameIgnoringNullable(const LogicalType& other) const {
    if (kind_ != other.kind_ || precision_ != other.precision_ || scale_ != other.scale_) return false;
    if (nested_ == other.nested_) return true;
    if (!nested_ || !other.nested_ || nested_->fields.size() != other.nested_->fields.size() ||
        nested_->class_name != other.nested_->class_name) {
        return false;
    }
    return std::equal(nested_->fields.begin(), nested_->fields.end(), other.nested_->fields.begin(),
                      [](const Field& a, const Field& b) {
                          return a.name == b.name && a.type.sameIgnoringNullable(b.type);
                      });
}

bool LogicalType::operator==(const LogicalType& other) const {
    return kind_ == other.kind_ && nullable_ == other.nullable_ && precision_ == other.precision_ &&
           scale_ == other.scale_ &&
           (nested_ == other.nested_ || (nested_ && other.nested_ && *nested_ == *other.nested_));
}

std::string LogicalType::toString() const {
    std::string text;
    switch (kind_) {
        case TypeKind::Decimal:
            text = fmt::format("DECIMAL({}, {})", precision_, scale_);
            break;
        case TypeKind::Varchar:
            text = precision_ == kMaxLength ? "STRING" : fmt::format("VARCHAR({})", precision_);
            break;
        case TypeKind::Varbinary:
            text = precision_ == kMaxLength ? "BYTES" : fmt::format("VARBINARY({})", precision_);
            break;
        case TypeKind::Char:
        case TypeKind::Binary:
        case TypeKind::Time:
        case TypeKind::Timestamp:
        case TypeKind::TimestampLtz:
            text = fmt::format("{}({})", nameOf(kind_), precision_);
            break;
        case TypeKind::Array:
        case TypeKind::Multiset:
            text = fmt::format("{}<{}>", nameOf(kind_), element().toString());
            break;
        case TypeKind::Map:
            text = fmt::format("MAP<{}, {}>", element().toString(), mapValue().toString());
            break;
        case TypeKind::Row: {
            const auto quoted = [&text](char quote, std::string_view name) {
                text += quote;
                for (const char c : name)
                    text.append(c == quote ? 2 : 1, c);
                text += quote;
            };
            const std::string& class_name = nested_->class_name;
            text = class_name.empty() ? "ROW<" : "STRUCTURED<";
            if (!class_name.empty()) quoted('\'', class_name);
            bool first = class_name.empty();
            for (const Field& field : nested_->fields) {
                if (!first) text += ", ";
                first = false;
                quoted('`', field.name);
                text += " " + field.type.toString();
            }
            text += '>';
            break;
        }
        default:
            text = nameOf(kind_);
            break;
    }
    if (!nullable_) text += " NOT NULL";
    return text;
}

LogicalType LogicalType::parse(std::string_view text) { return TypeReader(text).readAll(); }

int Schema::find(std::string_view name) const {
    for (size_t i = 0; i < fields_.size(); ++i) {
        if (fields_[i].name == name) return static_cast<int>(i);
    }
    return -1;
}

std::string Schema::toString() const {
    std::string text = "(";
    for (const Field& field : fields_) {
        if (text.size() > 1) text += ", ";
        text += field.name + " " + field.type.toString();
    }
    return text + ")";
}

int64_t sizeOf(PhysicalType physical) {
    switch (physical) {
        case PhysicalType::Bool:
            return 1;
        case PhysicalType::Int32:
        case PhysicalType::Float32:
            return 4;
        case PhysicalType::Int64:
        case PhysicalType::Float64:
            return 8;
        case PhysicalType::Int128:
        case PhysicalType::String:
            return 16;
        case PhysicalType::List:
        case PhysicalType::Struct:
            return 0;
    }
    throw InternalError("an unknown physical type");
}

}  // namespace millrace
