#include "formats/csv/csv_encoder.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/error.h"
#include "formats/text/scalar.h"
#include "types/calendar.h"
#include "types/floating.h"

namespace millrace {
namespace {

class CsvEncoder final : public Encoder {
  public:
    CsvEncoder(const Schema& schema, const CsvOptions& options)
        : schema_(schema),
          options_(options),
          unsafe_max_(
              std::max({static_cast<unsigned char>(options.delimiter),
                        static_cast<unsigned char>(options.quote), static_cast<unsigned char>('\r')})) {}

    void encode(const Batch& batch, std::string& out) override {
        for (size_t row = 0; row < batch.rows(); ++row) {
            const size_t start = out.size();
            for (size_t i = 0; i < schema_.size(); ++i) {
                if (i > 0) out += options_.delimiter;
                const Column& column = *batch.column(i);
                if (column.isNull(row)) {
                    if (options_.null_literal) writeText(*options_.null_literal, out);
                } else {
                    writeValue(column, row, schema_[i].type, out);
                }
            }
            // A blank line would not be read as a record.
            if (out.size() == start && options_.quote != '\0') out.append(2, options_.quote);
            out += '\n';
        }
    }

  private:
    void writeValue(const Column& column, size_t row, const LogicalType& type, std::string& out) {
        char buffer[96];
        char* end = buffer;
        switch (type.kind()) {
            case TypeKind::TinyInt:
            case TypeKind::SmallInt:
            case TypeKind::Integer:
            case TypeKind::IntervalYearMonth:
                end = std::to_chars(end, end + 24, column.data<int32_t>()[row]).ptr;
                break;
            case TypeKind::BigInt:
                end = std::to_chars(end, end + 24, column.data<int64_t>()[row]).ptr;
                break;
            case TypeKind::Float:
                end = appendFloat(end, column.data<float>()[row]);
                break;
            case TypeKind::Double:
                end = appendDouble(end, column.data<double>()[row]);
                break;
            case TypeKind::Boolean:
                out += column.data<uint8_t>()[row] != 0 ? "true" : "false";
                return;
            case TypeKind::Char:
            case TypeKind::Varchar:
                writeText(column.data<StringView>()[row].view(), out);
                return;
            case TypeKind::Timestamp:
            case TypeKind::TimestampLtz:
                end = writeTimestamp(end, column.data<int64_t>()[row], type);
                writeText({buffer, static_cast<size_t>(end - buffer)}, out);
                return;
            default:
                text_.clear();
                toText(column.valueAt(row), type, text_);
                writeText(text_, out);
                return;
        }
        out.append(buffer, end);
    }

    char* writeTimestamp(char* out, int64_t micros, const LogicalType& type) const {
        return timestamps_.write(out, micros, type.precision(), text::TimestampStandard::Sql,
                                 type.kind() == TypeKind::TimestampLtz);
    }

    // The value as text, before quoting.
    void toText(const Value& value, const LogicalType& type, std::string& out) const {
        if (value.isNull()) {
            if (options_.null_literal) out += *options_.null_literal;
            return;
        }
        char buffer[96];
        char* end = buffer;
        switch (type.kind()) {
            case TypeKind::Boolean:
                out += value.asBool() ? "true" : "false";
                return;
            case TypeKind::Float:
                end = appendFloat(end, static_cast<float>(value.asDouble()));
                break;
            case TypeKind::Double:
                end = appendDouble(end, value.asDouble());
                break;
            case TypeKind::Decimal:
                end = text::writeDecimal(
                    end, value.asInt128(), type.scale(),
                    options_.scientific_decimals ? text::DecimalForm::Scientific : text::DecimalForm::Plain);
                break;
            case TypeKind::Char:
            case TypeKind::Varchar:
                out += value.asString();
                return;
            case TypeKind::Binary:
            case TypeKind::Varbinary:
                out += text::encodeBase64(value.asString());
                return;
            case TypeKind::Date:
                end = appendDate(end, static_cast<int32_t>(value.asInt64()));
                break;
            case TypeKind::Time:
                end = text::writeTime(end, static_cast<int32_t>(value.asInt64()), type.precision());
                break;
            case TypeKind::Timestamp:
            case TypeKind::TimestampLtz:
                end = writeTimestamp(end, value.asInt64(), type);
                break;
            case TypeKind::IntervalDayTime:
                end = std::to_chars(end, end + 24, value.asInt64() / 1000).ptr;
                break;
            case TypeKind::Array:
            case TypeKind::Row: {
                const Value::List& values = value.asList();
                for (size_t i = 0; i < values.size(); ++i) {
                    if (i > 0) out += options_.element_delimiter;
                    toText(values[i], type.kind() == TypeKind::Row ? type.fields()[i].type : type.element(),
                           out);
                }
                return;
            }
            default:
                end = std::to_chars(end, end + 24, value.asInt64()).ptr;
                break;
        }
        out.append(buffer, end);
    }

    // Jackson quotes whatever may need it: texts of more than 24 characters, or with a character up to the
    // highest of delimiter and quote (a space, so every timestamp), or with the escape character.
    bool needsQuotes(std::string_view text) const {
        size_t units = 0;  // of UTF-16
        for (const char c : text) {
            const auto byte = static_cast<unsigned char>(c);
            if (byte <= unsafe_max_ || (options_.escape != '\0' && c == options_.escape)) return true;
            units += (byte & 0xC0) == 0x80 ? 0 : byte >= 0xF0 ? 2 : 1;
        }
        return units > 24;
    }

    void writeText(std::string_view text, std::string& out) const {
        if (options_.quote == '\0') {
            if (text.find(options_.delimiter) != std::string_view::npos ||
                text.find('\n') != std::string_view::npos) {
                throw UserError(
                    "data.unwritable",
                    fmt::format("'{}' holds a delimiter or a line end and cannot be written without quotes",
                                text::excerpt(text)),
                    "leave out 'csv.disable-quote-character', or choose another 'csv.field-delimiter'");
            }
            out += text;
            return;
        }
        if (!needsQuotes(text)) {
            out += text;
            return;
        }
        out += options_.quote;
        for (const char c : text) {
            const bool escape = options_.escape != '\0' && c == options_.escape;
            if (c == options_.quote || escape)
                out += options_.escape != '\0' ? options_.escape : options_.quote;
            out += c;
        }
        out += options_.quote;
    }

    const Schema schema_;
    const CsvOptions options_;
    const unsigned char unsafe_max_;
    std::string text_;
    mutable text::TimestampWriter timestamps_;
};

}  // namespace

std::unique_ptr<Encoder> makeCsvEncoder(const Schema& schema, const CsvOptions& options) {
    CsvOptions::checkTypes(schema);
    return std::make_unique<CsvEncoder>(schema, options);
}

}  // namespace millrace
