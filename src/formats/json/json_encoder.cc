#include "formats/json/json_encoder.h"

#include <fmt/format.h>

#include <cmath>
#include <cstring>

#include "base/error.h"
#include "batch/time_points.h"
#include "formats/encoder_output.h"
#include "formats/json/json_text.h"
#include "types/decimal.h"
#include "types/floating.h"
#include "types/integers.h"

namespace millrace {
namespace {

constexpr size_t kFlatBytesMax = 72;  // of a value that is no text

class JsonEncoder final : public Encoder {
  public:
    JsonEncoder(const Schema& schema, const JsonOptions& options, JsonEncoding encoding)
        : schema_(schema), options_(options), encoding_(encoding) {
        for (size_t i = 0; i < schema_.size(); ++i) {
            checkType(schema_[i].type, schema_[i].name);
            std::string name = ",";
            json::appendQuoted(schema_[i].name, name);
            names_.push_back(name + ":");
            row_bytes_ += names_.back().size() + kFlatBytesMax;
        }
    }

    void encode(const Batch& batch, std::string& out) override {
        StringOutput output(scratch_, out);
        encodeTo(batch, output);
    }

    void encodeTo(const Batch& batch, EncoderOutput& out) override {
        char* at = out.begin();
        for (size_t row = 0; row < batch.rows(); ++row)
            at = writeRow(batch, row, out.room(at, rowBound(batch, row)));
        out.finish(at);
    }

    // A line each: a JSON text has no line ends of its own.
    void encodeMessages(const Batch& batch, std::string& out, Messages& messages) override {
        size_t begin = out.size();
        encode(batch, out);
        for (size_t end; begin < out.size(); begin = end + 1) {
            end = out.find('\n', begin);
            messages.emplace_back(begin, end);
        }
    }

  private:
    size_t rowBound(const Batch& batch, size_t row) {
        size_t bound = row_bytes_ + 32;
        for (size_t i = 0; i < names_.size(); ++i) {
            const Column& column = *batch.column(i);
            if (column.physical() == PhysicalType::String) {
                bound += 6 * size_t{column.data<StringView>()[row].size()};
            } else if (schema_[i].type.isNested()) {
                nested_.clear();
                if (!column.isNull(row)) writeNested(column.valueAt(row), schema_[i].type, nested_);
                bound += nested_.size();
            }
        }
        return bound;
    }

    char* writeRow(const Batch& batch, size_t row, char* out) {
        char* const start = out;
        for (size_t i = 0; i < names_.size(); ++i) {
            const Column& column = *batch.column(i);
            const bool null = column.isNull(row);
            if (null && options_.ignore_null_fields) continue;
            out = put(out, names_[i]);
            if (null) {
                out = put(out, "null");
            } else {
                out = writeValue(column, row, schema_[i].type, out);
            }
        }
        if (out == start) *out++ = '{';
        *start = '{';  // over the first comma
        *out++ = '}';
        *out++ = '\n';
        return out;
    }

    char* writeValue(const Column& column, size_t row, const LogicalType& type, char* out) {
        switch (type.kind()) {
            case TypeKind::Boolean:
                return writeBool(out, column.data<uint8_t>()[row] != 0);
            case TypeKind::TinyInt:
            case TypeKind::SmallInt:
            case TypeKind::Integer:
            case TypeKind::IntervalYearMonth:
                return appendInteger(out, column.data<int32_t>()[row]);
            case TypeKind::BigInt:
                return appendInteger(out, column.data<int64_t>()[row]);
            case TypeKind::IntervalDayTime:
                return appendInteger(out, column.data<int64_t>()[row] / 1000);
            case TypeKind::Float:
                return writeReal(out, column.data<float>()[row]);
            case TypeKind::Double:
                return writeReal(out, column.data<double>()[row]);
            case TypeKind::Decimal:
                return writeDecimal(out,
                                    column.physical() == PhysicalType::Int64
                                        ? Int128{column.data<int64_t>()[row]}
                                        : column.data<Int128>()[row],
                                    type.scale());
            case TypeKind::Char:
            case TypeKind::Varchar:
                return json::writeQuoted(out, column.data<StringView>()[row].view());
            case TypeKind::Binary:
            case TypeKind::Varbinary:
                return json::writeQuoted(out, text::encodeBase64(column.data<StringView>()[row].view()));
            case TypeKind::Date:
                return writeDate(out, column.data<int32_t>()[row]);
            case TypeKind::Time:
                return writeTime(out, column.data<int32_t>()[row], type.precision());
            case TypeKind::Timestamp:
            case TypeKind::TimestampLtz:
                return writeTimestamp(out, timePointAt(column, row), type);
            default:
                nested_.clear();
                writeNested(column.valueAt(row), type, nested_);
                return put(out, nested_);
        }
    }

    static char* put(char* out, std::string_view text) {
        std::memcpy(out, text.data(), text.size());
        return out + text.size();
    }
    static char* writeBool(char* out, bool value) { return put(out, value ? "true" : "false"); }
    template <class T>
    static char* writeReal(char* out, T value) {
        const bool quoted = !std::isfinite(value);  // JSON has no such numbers; Jackson quotes them
        if (quoted) *out++ = '"';
        if constexpr (std::is_same_v<T, float>) {
            out = appendFloat(out, value);
        } else {
            out = appendDouble(out, value);
        }
        if (quoted) *out++ = '"';
        return out;
    }
    char* writeDecimal(char* out, Int128 unscaled, int scale) const {
        if (encoding_.decimals_keep_scale) return appendDecimal(out, unscaled, scale);
        return text::writeDecimal(
            out, unscaled, scale,
            options_.decimal_as_plain_number ? text::DecimalForm::Plain : text::DecimalForm::Scientific);
    }
    static char* writeDate(char* out, int32_t days) {
        *out++ = '"';
        out = appendDate(out, days);
        *out++ = '"';
        return out;
    }
    char* writeTime(char* out, int32_t millis, int precision) const {
        *out++ = '"';
        out = encoding_.fractions_in_groups_of_three ? appendTime(out, millis, precision)
                                                     : text::writeTime(out, millis, precision);
        *out++ = '"';
        return out;
    }
    char* writeTimestamp(char* out, TimePoint time, const LogicalType& type) const {
        const bool zoned = type.kind() == TypeKind::TimestampLtz;
        *out++ = '"';
        if (encoding_.fractions_in_groups_of_three) {
            out = appendTimestamp(out, time, type.precision());
            if (zoned) *out++ = 'Z';
        } else {
            out = timestamps_.write(out, time, type.precision(), options_.standard, zoned);
        }
        *out++ = '"';
        return out;
    }

    void writeNested(const Value& value, const LogicalType& type, std::string& out) const {
        if (value.isNull()) {
            out += "null";
            return;
        }
        char buffer[kFlatBytesMax];
        char* end = buffer;
        switch (type.kind()) {
            case TypeKind::Null:
                out += "null";
                return;
            case TypeKind::Variant:
                out += value.toString(type);
                return;
            case TypeKind::Array: {
                char separator = '[';
                for (const Value& element : value.asList()) {
                    out += separator;
                    separator = ',';
                    writeNested(element, type.element(), out);
                }
                if (separator == '[') out += '[';
                out += ']';
                return;
            }
            case TypeKind::Row:
                writeNestedRow(value, type, out);
                return;
            case TypeKind::Map:
            case TypeKind::Multiset:
                writeNestedMap(value, type, out);
                return;
            case TypeKind::Char:
            case TypeKind::Varchar:
                json::appendQuoted(value.asString(), out);
                return;
            case TypeKind::Binary:
            case TypeKind::Varbinary:
                json::appendQuoted(text::encodeBase64(value.asString()), out);
                return;
            case TypeKind::Boolean:
                end = writeBool(end, value.asBool());
                break;
            case TypeKind::Float:
                end = writeReal(end, static_cast<float>(value.asDouble()));
                break;
            case TypeKind::Double:
                end = writeReal(end, value.asDouble());
                break;
            case TypeKind::Decimal:
                end = writeDecimal(end, value.asInt128(), type.scale());
                break;
            case TypeKind::Date:
                end = writeDate(end, static_cast<int32_t>(value.asInt64()));
                break;
            case TypeKind::Time:
                end = writeTime(end, static_cast<int32_t>(value.asInt64()), type.precision());
                break;
            case TypeKind::Timestamp:
            case TypeKind::TimestampLtz:
                end = writeTimestamp(end, timePointOf(value, type), type);
                break;
            case TypeKind::IntervalDayTime:
                end = appendInteger(end, value.asInt64() / 1000);
                break;
            case TypeKind::TinyInt:
            case TypeKind::SmallInt:
            case TypeKind::Integer:
            case TypeKind::BigInt:
            case TypeKind::IntervalYearMonth:
                end = appendInteger(end, value.asInt64());
                break;
        }
        out.append(buffer, end);
    }

    void writeNestedRow(const Value& value, const LogicalType& type, std::string& out) const {
        const Value::List& values = value.asList();
        char separator = '{';
        for (size_t i = 0; i < values.size(); ++i) {
            if (values[i].isNull() && options_.ignore_null_fields) continue;
            out += separator;
            separator = ',';
            json::appendQuoted(type.fields()[i].name, out);
            out += ':';
            writeNested(values[i], type.fields()[i].type, out);
        }
        if (separator == '{') out += '{';
        out += '}';
    }

    void writeNestedMap(const Value& value, const LogicalType& type, std::string& out) const {
        static const LogicalType count_type = LogicalType::integer();
        const LogicalType& value_type = type.kind() == TypeKind::Multiset ? count_type : type.mapValue();
        const Value::List& entries = value.asList();
        char separator = '{';
        for (size_t i = 0; i + 1 < entries.size(); i += 2) {
            std::string_view key = options_.map_null_key_literal;
            if (!entries[i].isNull()) {
                key = entries[i].asString();
            } else if (options_.map_null_key_mode == MapNullKeyMode::Drop) {
                continue;
            } else if (options_.map_null_key_mode == MapNullKeyMode::Fail) {
                throw UserError("data.unwritable", "a map with a NULL key cannot be written as JSON",
                                "set 'json.map-null-key.mode' to DROP or LITERAL");
            }
            out += separator;
            separator = ',';
            json::appendQuoted(key, out);
            out += ':';
            writeNested(entries[i + 1], value_type, out);
        }
        if (separator == '{') out += '{';
        out += '}';
    }

    static void checkType(const LogicalType& type, const std::string& column) {
        const bool map = type.kind() == TypeKind::Map || type.kind() == TypeKind::Multiset;
        if (map && !type.element().isCharacter()) {
            throw UserError(
                "config.bad-value",
                fmt::format("column '{}': the json format reads and writes maps with texts as keys, and this "
                            "one is {}",
                            column, type.toString()));
        }
        if (type.kind() == TypeKind::Map) checkType(type.mapValue(), column);
        if (type.kind() == TypeKind::Array) checkType(type.element(), column);
        if (type.kind() == TypeKind::Row) {
            for (const Field& field : type.fields())
                checkType(field.type, column);
        }
    }

    const Schema schema_;
    const JsonOptions options_;
    const JsonEncoding encoding_;
    std::vector<std::string> names_;  // `,"name":`
    size_t row_bytes_ = 0;            // names and flat values of a row, at most
    std::vector<char> scratch_;
    std::string nested_;
    mutable text::TimestampWriter timestamps_;
};

}  // namespace

std::unique_ptr<Encoder> makeJsonEncoder(const Schema& schema, const JsonOptions& options,
                                         JsonEncoding encoding) {
    return std::make_unique<JsonEncoder>(schema, options, encoding);
}

}  // namespace millrace
