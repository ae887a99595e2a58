#include "formats/csv/csv_encoder.h"

#include <fmt/format.h>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>
#include <vector>

#include "base/error.h"
#include "batch/time_points.h"
#include "formats/encoder_output.h"
#include "formats/text/number_texts.h"
#include "formats/text/scalar.h"
#include "types/floating.h"
#include "types/integers.h"

namespace millrace {
namespace {

constexpr size_t kStretchRows = 128;    // written column by column first, in memory that stays in the cache
constexpr size_t kTimestampBytes = 64;  // with quotes
constexpr size_t kCopiedBytes = 32;     // of a value that is no text, whatever its length
constexpr size_t kCsvFieldBytes = 96;   // of a value that is no text, and what is copied behind it
constexpr char kTrue[kCopiedBytes] = "true";
constexpr char kFalse[kCopiedBytes] = "false";
constexpr char kNothing[kCopiedBytes] = "";

constexpr uint64_t inEveryByte(unsigned char byte) { return 0x0101010101010101U * byte; }
constexpr uint64_t kHighBits = inEveryByte(0x80);

// Whether one of the eight bytes is below `limit`, which is at most 128.
bool anyBelow(uint64_t bytes, uint64_t limit) { return ((bytes - limit) & ~bytes & kHighBits) != 0; }

// Copies a text that does not have `c`; false if it does, whatever was written. Texts of one column differ in
// length by a little, so that any branch on it is guessed wrongly: those of up to 96 bytes are copied in as
// many blocks as the longest, which lie on one another where the text is shorter.
bool copyWithout(char c, char* to, std::string_view text) {
#if defined(__SSE2__)
    constexpr size_t kBlock = 16, kBlocks = 6;
    if (text.size() >= kBlock && text.size() <= kBlock * kBlocks) {
        const __m128i unwanted = _mm_set1_epi8(c);
        const size_t last = text.size() - kBlock;
        __m128i found = _mm_setzero_si128();
        for (size_t block = 0; block < kBlocks; ++block) {
            const size_t at = std::min(block * kBlock, last);
            const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(text.data() + at));
            found = _mm_or_si128(found, _mm_cmpeq_epi8(bytes, unwanted));
            _mm_storeu_si128(reinterpret_cast<__m128i*>(to + at), bytes);
        }
        return _mm_movemask_epi8(found) == 0;
    }
#endif
    if (text.find(c) != std::string_view::npos) return false;
    std::memcpy(to, text.data(), text.size());
    return true;
}

bool ofTimestamps(char c) { return c != '\0' && std::strchr("0123456789+-:. Z", c) != nullptr; }

// Rows are written in two steps, a stretch of them at a time. First the values of each column become texts:
// they do not depend on each other, what a column's type asks for is asked once, and neighbours that are
// equal (times) are written once. Then each row's texts are copied to where the row is wanted.
class CsvEncoder final : public Encoder {
  public:
    CsvEncoder(const Schema& schema, const CsvOptions& options)
        : schema_(schema),
          options_(options),
          unsafe_max_(
              std::max({static_cast<unsigned char>(options.delimiter),
                        static_cast<unsigned char>(options.quote), static_cast<unsigned char>('\r')})),
          timestamps_quoted_(options.quote != '\0' && !ofTimestamps(options.quote) &&
                             !ofTimestamps(options.escape) && unsafe_max_ >= ' '),
          fields_(schema.size()),
          bounds_(kStretchRows) {
        for (size_t i = 0; i < schema_.size(); ++i)
            fields_[i].type = &schema_[i].type;
    }

    void encode(const Batch& batch, std::string& out) override {
        StringOutput output(scratch_, out);
        encodeTo(batch, output);
    }

    void encodeTo(const Batch& batch, EncoderOutput& out) override {
        char* at = out.begin();
        for (size_t begin = 0; begin < batch.rows(); begin += kStretchRows) {
            const size_t rows = std::min(kStretchRows, batch.rows() - begin);
            bounds_.assign(rows, (fields_.size() + 1) * kCsvFieldBytes);
            for (size_t i = 0; i < fields_.size(); ++i)
                prepare(fields_[i], *batch.column(i), begin, rows);
            for (size_t row = 0; row < rows; ++row)
                at = writeRow(out.room(at, bounds_[row]), row);
        }
        out.finish(at);
    }

  private:
    // A column of the stretch.
    struct Field {
        const LogicalType* type = nullptr;
        // Whether its texts are yet to be quoted, if need be. Those that are not have kCopiedBytes that can
        // be read.
        bool raw = false;
        std::vector<std::string_view> texts = std::vector<std::string_view>(kStretchRows);
        std::vector<char> slots;  // where they lie, if not in the column
        std::string text;         // the same for values of any length
    };

    char* slots(Field& field, size_t bytes) {
        if (field.slots.empty()) field.slots.resize(kStretchRows * bytes);
        return field.slots.data();
    }

    void prepare(Field& field, const Column& column, size_t begin, size_t rows) {
        const auto each = [&](auto&& text_of) {
            for (size_t row = 0; row < rows; ++row)
                field.texts[row] = text_of(begin + row);
        };
        const auto each_in = [&](size_t slot_bytes, auto&& write) {
            char* slot = slots(field, slot_bytes);
            each([&](size_t at) -> std::string_view {
                char* const text = std::exchange(slot, slot + slot_bytes);
                return {text, static_cast<size_t>(write(text, at) - text)};
            });
        };
        field.raw = false;
        switch (field.type->kind()) {
            case TypeKind::TinyInt:
            case TypeKind::SmallInt:
            case TypeKind::Integer:
            case TypeKind::IntervalYearMonth:
                text::writeIntegers(column.data<int32_t>() + begin, rows, slots(field, text::kSlotBytes),
                                    field.texts.data());
                break;
            case TypeKind::BigInt:
                text::writeIntegers(column.data<int64_t>() + begin, rows, slots(field, text::kSlotBytes),
                                    field.texts.data());
                break;
            case TypeKind::Float:
                each_in(kCopiedBytes,
                        [&](char* to, size_t at) { return appendFloat(to, column.data<float>()[at]); });
                break;
            case TypeKind::Double:
                each_in(kCopiedBytes,
                        [&](char* to, size_t at) { return appendDouble(to, column.data<double>()[at]); });
                break;
            case TypeKind::Boolean:
                each([&](size_t at) {
                    return column.data<uint8_t>()[at] != 0 ? std::string_view(kTrue, 4)
                                                           : std::string_view(kFalse, 5);
                });
                break;
            case TypeKind::Char:
            case TypeKind::Varchar:
                field.raw = true;
                each([&](size_t at) { return column.data<StringView>()[at].view(); });
                break;
            case TypeKind::Timestamp:
            case TypeKind::TimestampLtz:
                field.raw = !timestamps_quoted_;
                prepareTimestamps(field, column, begin, rows);
                break;
            default:
                field.raw = true;
                prepareOthers(field, column, begin, rows);
                break;
        }
        if (column.validity() != nullptr) prepareNulls(field, column.validity() + begin, rows);
        if (field.raw) {
            for (size_t row = 0; row < rows; ++row)
                bounds_[row] += 2 * field.texts[row].size() + 2;
        }
    }

    void prepareTimestamps(Field& field, const Column& column, size_t begin, size_t rows) {
        char* slot = slots(field, kTimestampBytes);
        std::string_view text;
        TimePoint written;
        for (size_t row = 0; row < rows; ++row) {
            const TimePoint time = timePointAt(column, begin + row);
            if (row == 0 || time != written) {
                written = time;
                char* end = slot;
                if (!field.raw) *end++ = options_.quote;
                end = writeTimestamp(end, time, *field.type);
                if (!field.raw) *end++ = options_.quote;
                text = {slot, static_cast<size_t>(end - slot)};
                slot += kTimestampBytes;
            }
            field.texts[row] = text;
        }
    }

    void prepareOthers(Field& field, const Column& column, size_t begin, size_t rows) {
        std::array<size_t, kStretchRows> ends;
        field.text.clear();
        for (size_t row = 0; row < rows; ++row) {
            const Value value = column.valueAt(begin + row);
            if (!value.isNull()) toText(value, *field.type, field.text);
            ends[row] = field.text.size();
        }
        for (size_t row = 0, from = 0; row < rows; from = ends[row++])
            field.texts[row] = std::string_view(field.text).substr(from, ends[row] - from);
    }

    void prepareNulls(Field& field, const uint8_t* valid, size_t rows) {
        if (std::memchr(valid, 0, rows) == nullptr) return;
        std::string_view text = std::string_view(kNothing);
        if (options_.null_literal) {
            text = *options_.null_literal;
            if (!field.raw) {
                null_text_.resize(2 * text.size() + 2 + kCopiedBytes);
                text = {null_text_.data(),
                        static_cast<size_t>(writeText(null_text_.data(), text) - null_text_.data())};
            }
        }
        for (size_t row = 0; row < rows; ++row) {
            if (valid[row] != 0) continue;
            field.texts[row] = text;
            bounds_[row] += text.size();
        }
    }

    char* writeRow(char* at, size_t row) const {
        const char* const start = at;
        const char delimiter = options_.delimiter;
        for (const Field& field : fields_) {
            const std::string_view text = field.texts[row];
            if (field.raw) {
                at = writeText(at, text);
            } else {
                std::memcpy(at, text.data(), kCopiedBytes);
                if (text.size() > kCopiedBytes)
                    std::memcpy(at + kCopiedBytes, text.data() + kCopiedBytes, text.size() - kCopiedBytes);
                at += text.size();
            }
            *at++ = delimiter;
        }
        if (!fields_.empty()) --at;
        // A blank line would not be read as a record.
        if (at == start && options_.quote != '\0') {
            *at++ = options_.quote;
            *at++ = options_.quote;
        }
        *at++ = '\n';
        return at;
    }

    static char* put(char* at, std::string_view text) {
        std::memcpy(at, text.data(), text.size());
        return at + text.size();
    }

    char* writeTimestamp(char* out, TimePoint time, const LogicalType& type) const {
        return timestamps_.write(out, time, type.precision(), text::TimestampStandard::Sql,
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
                end = writeTimestamp(end, timePointOf(value, type), type);
                break;
            case TypeKind::IntervalDayTime:
                end = appendInteger(end, value.asInt64() / 1000);
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
                end = appendInteger(end, value.asInt64());
                break;
        }
        out.append(buffer, end);
    }

    // Jackson quotes whatever may need it: texts of more than 24 characters, or with a character up to the
    // highest of delimiter and quote (a space, so every timestamp), or with the escape character. Here it is
    // also texts with a byte order mark first, which whoever reads a file that begins with it leaves out.
    bool needsQuotes(std::string_view text) const {
        constexpr size_t kUnitsMax = 24;  // of UTF-16, each of which is up to three bytes
        if (text.starts_with("\xEF\xBB\xBF")) return true;
        if (text.size() > kUnitsMax) {
            uint64_t high = static_cast<unsigned char>(text[kUnitsMax]);
            for (size_t i = 0; i < kUnitsMax; i += 8)
                high |= eightBytes(text.data() + i);
            if ((high & kHighBits) == 0) return true;
            if (text.size() > 3 * kUnitsMax || utf16Units(text) > kUnitsMax) return true;
        }
        if (unsafe_max_ >= 0x80 || options_.escape != '\0' || text.size() < 8) {
            for (const char c : text) {
                if (static_cast<unsigned char>(c) <= unsafe_max_ ||
                    (options_.escape != '\0' && c == options_.escape))
                    return true;
            }
            return false;
        }
        const uint64_t limit = inEveryByte(static_cast<unsigned char>(unsafe_max_ + 1));
        for (size_t i = 0; i + 8 < text.size(); i += 8) {
            if (anyBelow(eightBytes(text.data() + i), limit)) return true;
        }
        return anyBelow(eightBytes(text.data() + text.size() - 8), limit);
    }

    static size_t utf16Units(std::string_view text) {
        size_t units = 0;
        for (const char c : text) {
            const auto byte = static_cast<unsigned char>(c);
            units += (byte & 0xC0) == 0x80 ? 0 : byte >= 0xF0 ? 2 : 1;
        }
        return units;
    }

    static uint64_t eightBytes(const char* from) {
        uint64_t bytes;
        std::memcpy(&bytes, from, 8);
        return bytes;
    }

    // With 2 * text.size() + 2 bytes free.
    char* writeText(char* at, std::string_view text) const {
        if (options_.quote == '\0') {
            if (text.find(options_.delimiter) != std::string_view::npos ||
                text.find('\n') != std::string_view::npos) {
                throw UserError(
                    "data.unwritable",
                    fmt::format("'{}' holds a delimiter or a line end and cannot be written without quotes",
                                text::excerpt(text)),
                    "leave out 'csv.disable-quote-character', or choose another 'csv.field-delimiter'");
            }
            return put(at, text);
        }
        if (!needsQuotes(text)) return put(at, text);
        *at++ = options_.quote;
        if (options_.escape == '\0' && copyWithout(options_.quote, at, text)) {
            at += text.size();
        } else {
            for (const char c : text) {
                const bool escape = options_.escape != '\0' && c == options_.escape;
                if (c == options_.quote || escape)
                    *at++ = options_.escape != '\0' ? options_.escape : options_.quote;
                *at++ = c;
            }
        }
        *at++ = options_.quote;
        return at;
    }

    const Schema schema_;
    const CsvOptions options_;
    const unsigned char unsafe_max_;
    const bool timestamps_quoted_;  // and nothing in them is escaped
    std::vector<Field> fields_;
    std::vector<size_t> bounds_;  // of the stretch's rows
    std::vector<char> null_text_;
    std::vector<char> scratch_;
    mutable text::TimestampWriter timestamps_;
};

}  // namespace

std::unique_ptr<Encoder> makeCsvEncoder(const Schema& schema, const CsvOptions& options) {
    CsvOptions::checkTypes(schema);
    return std::make_unique<CsvEncoder>(schema, options);
}

}  // namespace millrace
