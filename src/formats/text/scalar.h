// One value read from text, before it goes into a column or into a nested Value; and how text is read as each
// flat type. The rules are those of Flink's json and csv formats, so that the same text gives the same value.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "batch/column.h"
#include "types/calendar.h"
#include "types/logical_type.h"
#include "types/value.h"

namespace millrace::text {

enum class TimestampStandard : uint8_t {
    Sql,      // 2026-03-01 12:30:15.123, TIMESTAMP_LTZ with a 'Z' behind
    Iso8601,  // 2026-03-01T12:30:15.123
};

struct Scalar {
    enum class Kind : uint8_t { Null, Integer, Wide, Real, Text };
    Kind kind = Kind::Null;
    int64_t integer = 0;  // Integer: BOOLEAN (0, 1), whole numbers, DECIMAL up to 18 digits, dates and times
    Int128 wide = 0;      // Wide: what has the physical type Int128
    double real = 0;      // Real
    std::string_view text;  // Text: points into the input or into the caller's scratch
};

// What a piece of input is to its format: a JSON number or a text. Flink reads the two differently in places
// (1.7 is an INT as a number, "1.7" is not).
enum class TokenKind : uint8_t { Number, Text };

// `token` as a value of the flat type `type`; nothing where it is not one. `scratch` holds decoded bytes.
std::optional<Scalar> readScalar(const LogicalType& type, TokenKind kind, std::string_view token,
                                 TimestampStandard standard, std::string& scratch);

void appendScalar(const Scalar& scalar, ColumnBuilder& out);
Value toValue(const Scalar& scalar, const LogicalType& type);

// Date and time texts exactly as Flink's formats read them: every part present, every field in range.
std::optional<TimePoint> readTimestamp(std::string_view text, TimestampStandard standard, bool zoned,
                                       int precision);
std::optional<int32_t> readDate(std::string_view text);
std::optional<int32_t> readTime(std::string_view text, int precision);

// Writers append at `out`, at most 48 bytes, and return the new end. Fractions have no trailing zeros.
class TimestampWriter {
  public:
    char* write(char* out, TimePoint time, int precision, TimestampStandard standard, bool zoned);

  private:
    // The second last written, as its text up to the fraction: neighbouring rows mostly share it.
    int64_t second_ = INT64_MIN;
    TimestampStandard standard_ = TimestampStandard::Sql;
    char text_[48] = {};
    size_t text_size_ = 0;
};
char* writeTime(char* out, int32_t millis, int precision);

// Java's BigDecimal, trailing zeros stripped, as Jackson writes it: toString (with an exponent where that is
// Java's form) or toPlainString. At most 64 bytes.
enum class DecimalForm : uint8_t { Scientific, Plain };
char* writeDecimal(char* out, Int128 unscaled, int scale, DecimalForm form);

std::string encodeBase64(std::string_view bytes);
bool decodeBase64(std::string_view text, std::string& out);

std::string_view trim(std::string_view text);
// For messages: at most 60 characters of `text`, whole UTF-8 sequences, control characters made visible.
std::string excerpt(std::string_view text);

}  // namespace millrace::text
