// Flink SQL's logical types (Flink documentation, "Data Types"): what a value means, and how it lies in a
// column.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace millrace {

enum class TypeKind : uint8_t {
    Null,  // of an untyped NULL literal
    Boolean,
    TinyInt,
    SmallInt,
    Integer,
    BigInt,
    Float,
    Double,
    Decimal,
    Char,
    Varchar,
    Binary,
    Varbinary,
    Date,               // days since the epoch
    Time,               // milliseconds of the day
    Timestamp,          // without zone: microseconds since 1970-01-01 00:00:00; above 6 digits nanoseconds
    TimestampLtz,       // an instant: since the epoch, in the same units
    IntervalYearMonth,  // months
    IntervalDayTime,    // microseconds
    Variant,            // any JSON value, told apart per value: types/variant.h
    Array,
    Map,
    Multiset,
    Row,
};

// How a value lies in memory. Several logical types share one; kernels are written per physical type.
enum class PhysicalType : uint8_t {
    Bool,    // uint8_t, 0 or 1
    Int32,   // TINYINT, SMALLINT, INT, DATE, TIME, INTERVAL YEAR TO MONTH
    Int64,   // BIGINT, TIMESTAMP and TIMESTAMP_LTZ up to 6 digits, INTERVAL DAY TO SECOND, DECIMAL up to 18
             // digits (unscaled)
    Int128,  // DECIMAL above 18 digits (unscaled), TIMESTAMP and TIMESTAMP_LTZ above 6
    Float32,
    Float64,
    String,  // StringView: CHAR, VARCHAR (UTF-8), BINARY, VARBINARY, VARIANT
    List,    // ARRAY; MAP and MULTISET as a list of (key, value) pairs
    Struct,  // ROW
};

using Int128 = __int128;

struct Field;

// A type is a small immutable value; comparing two compares everything, nullability included.
class LogicalType {
  public:
    LogicalType() = default;                                     // Null
    static LogicalType of(TypeKind kind, bool nullable = true);  // default precision and length of the kind
    static LogicalType boolean() { return of(TypeKind::Boolean); }
    static LogicalType integer() { return of(TypeKind::Integer); }
    static LogicalType bigint() { return of(TypeKind::BigInt); }
    static LogicalType doublePrecision() { return of(TypeKind::Double); }
    static LogicalType string() { return varchar(kMaxLength); }
    static LogicalType decimal(int precision, int scale);  // 1..38, 0..precision
    static LogicalType character(int length);
    static LogicalType varchar(int length);
    static LogicalType binary(int length);
    static LogicalType varbinary(int length);
    static LogicalType time(int precision = 0);       // 0..3 kept
    static LogicalType timestamp(int precision = 6);  // 0..9
    static LogicalType timestampLtz(int precision = 6);
    static LogicalType array(LogicalType element);
    static LogicalType map(LogicalType key, LogicalType value);
    static LogicalType multiset(LogicalType element);
    static LogicalType row(std::vector<Field> fields);
    // A ROW that goes by the name of a class, as OBJECT_OF makes it: rows of other names are other types.
    static LogicalType structured(std::string class_name, std::vector<Field> fields);

    TypeKind kind() const { return kind_; }
    bool nullable() const { return nullable_; }
    int precision() const {
        return precision_;
    }  // DECIMAL, TIME, TIMESTAMP*; the length of CHAR, VARCHAR, BINARY, VARBINARY
    int scale() const { return scale_; }
    int length() const { return precision_; }
    const LogicalType& element() const;        // ARRAY, MULTISET, and a MAP's key
    const LogicalType& mapValue() const;       // MAP; of a MULTISET the count, INT NOT NULL
    const std::vector<Field>& fields() const;  // ROW
    const std::string& className() const;      // of a structured ROW; else empty
    PhysicalType physical() const;

    LogicalType withNullable(bool nullable) const;
    bool sameIgnoringNullable(const LogicalType& other) const;
    bool operator==(const LogicalType& other) const;

    bool isInteger() const { return kind_ >= TypeKind::TinyInt && kind_ <= TypeKind::BigInt; }
    bool isExactNumeric() const { return isInteger() || kind_ == TypeKind::Decimal; }
    bool isApproximateNumeric() const { return kind_ == TypeKind::Float || kind_ == TypeKind::Double; }
    bool isNumeric() const { return isExactNumeric() || isApproximateNumeric(); }
    bool isCharacter() const { return kind_ == TypeKind::Char || kind_ == TypeKind::Varchar; }
    bool isBinary() const { return kind_ == TypeKind::Binary || kind_ == TypeKind::Varbinary; }
    bool isTimestamp() const { return kind_ == TypeKind::Timestamp || kind_ == TypeKind::TimestampLtz; }
    bool isNanos() const { return isTimestamp() && precision_ > 6; }  // nanoseconds, in 128 bits
    bool isTemporal() const { return kind_ >= TypeKind::Date && kind_ <= TypeKind::TimestampLtz; }
    bool isInterval() const {
        return kind_ == TypeKind::IntervalYearMonth || kind_ == TypeKind::IntervalDayTime;
    }
    bool isNested() const { return kind_ >= TypeKind::Array; }
    bool holds(TypeKind kind) const;  // whether it is of that kind, or some element or field of it is

    // Flink's text: "DECIMAL(10, 2) NOT NULL", "ROW<`a` INT, `b` STRING>"; parse() reads exactly what
    // toString() writes (snapshots name types by it) and throws UserError "type.bad-text".
    std::string toString() const;
    static LogicalType parse(std::string_view text);

    static constexpr int kMaxLength = 2147483647;
    static constexpr int kMaxDecimalPrecision = 38;

  private:
    struct Nested;
    TypeKind kind_ = TypeKind::Null;
    bool nullable_ = true;
    int precision_ = 0;
    int scale_ = 0;
    std::shared_ptr<const Nested> nested_;
};

struct Field {
    std::string name;
    LogicalType type;
    bool operator==(const Field&) const = default;
};

// The columns of a table, a batch, a stream.
class Schema {
  public:
    Schema() = default;
    explicit Schema(std::vector<Field> fields) : fields_(std::move(fields)) {}

    size_t size() const { return fields_.size(); }
    const Field& operator[](size_t index) const { return fields_[index]; }
    const std::vector<Field>& fields() const { return fields_; }
    int find(std::string_view name) const;  // -1 when absent; names are case-sensitive, as in Flink
    auto begin() const { return fields_.begin(); }
    auto end() const { return fields_.end(); }
    bool operator==(const Schema&) const = default;
    std::string toString() const;  // "(a INT, b STRING)"

  private:
    std::vector<Field> fields_;
};

int64_t sizeOf(PhysicalType physical);  // bytes of one value in a column; 0 for List and Struct

}  // namespace millrace
