#include "formats/csv/csv_encoder.h"

#include <fmt/format.h>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#include <algorithm>
#include <cstring>
#include <vector>

#include "base/error.h"
#include "batch/time_points.h"
#include "formats/text/scalar.h"
#include "types/floating.h"
#include "types/integers.h"

namespace millrace {
namespace {

constexpr size_t kCsvFieldBytesMax = 96;        // of a value that is no text, with quotes
constexpr size_t kCsvScratchBytes = 64 * 1024;  // stays in the cache on the way into the output

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
          row_bytes_(schema.size() * kCsvFieldBytesMax + 4),
          scratch_(kCsvScratchBytes) {}

    void encode(const Batch& batch, std::string& out) override {
        out_ = &out;
        fields_.clear();
        for (size_t i = 0; i < schema_.size(); ++i)
            fields_.push_back({batch.column(i).get(), batch.column(i)->validity(), &schema_[i].type});
        char* at = scratch_.data();
        for (size_t row = 0; row < batch.rows(); ++row) {
            const size_t start = written(at);
            at = makeRoom(at, 0);
            for (const auto& [column, valid, type] : fields_) {
                if (valid && valid[row] == 0) {
                    if (options_.null_literal) at = writeText(at, *options_.null_literal);
                } else {
                    at = writeValue(at, *column, row, *type);
                }
                *at++ = options_.delimiter;
            }
            if (!fields_.empty()) --at;
            // A blank line would not be read as a record.
            if (written(at) == start && options_.quote != '\0') {
                *at++ = options_.quote;
                *at++ = options_.quote;
            }
            *at++ = '\n';
        }
        flush(at);
        if (scratch_.size() > 16 * kCsvScratchBytes) {
            scratch_.resize(kCsvScratchBytes);
            scratch_.shrink_to_fit();
        }
    }

  private:
    struct Field {
        const Column* column;
        const uint8_t* valid;  // nullptr: no NULLs
        const LogicalType* type;
    };

    // Writers take and return the place to write at, in scratch_: a member would be read and written again
    // with each byte, which might be its own.
    size_t written(const char* at) const { return out_->size() + static_cast<size_t>(at - scratch_.data()); }

    void flush(const char* at) { out_->append(scratch_.data(), static_cast<size_t>(at - scratch_.data())); }

    // For so many bytes of text, and whatever else a row holds beside texts.
    char* makeRoom(char* at, size_t text_bytes) {
        const size_t wanted = text_bytes + row_bytes_;
        if (static_cast<size_t>(scratch_.data() + scratch_.size() - at) >= wanted) return at;
        flush(at);
        if (wanted > scratch_.size()) scratch_.resize(wanted);
        return scratch_.data();
    }

    static char* put(char* at, std::string_view text) {
        std::memcpy(at, text.data(), text.size());
        return at + text.size();
    }

    char* writeValue(char* at, const Column& column, size_t row, const LogicalType& type) {
        switch (type.kind()) {
            case TypeKind::TinyInt:
            case TypeKind::SmallInt:
            case TypeKind::Integer:
            case TypeKind::IntervalYearMonth:
                return appendInteger(at, column.data<int32_t>()[row]);
            case TypeKind::BigInt:
                return appendInteger(at, column.data<int64_t>()[row]);
            case TypeKind::Float:
                return appendFloat(at, column.data<float>()[row]);
            case TypeKind::Double:
                return appendDouble(at, column.data<double>()[row]);
            case TypeKind::Boolean:
                return put(at, column.data<uint8_t>()[row] != 0 ? "true" : "false");
            case TypeKind::Char:
            case TypeKind::Varchar:
                return writeText(at, column.data<StringView>()[row].view());
            case TypeKind::Timestamp:
            case TypeKind::TimestampLtz: {
                if (timestamps_quoted_) {
                    *at++ = options_.quote;
                    at = writeTimestamp(at, timePointAt(column, row), type);
                    *at++ = options_.quote;
                    return at;
                }
                char buffer[64];
                const char* const end = writeTimestamp(buffer, timePointAt(column, row), type);
                return writeText(at, {buffer, static_cast<size_t>(end - buffer)});
            }
            default:
                text_.clear();
                toText(column.valueAt(row), type, text_);
                return writeText(at, text_);
        }
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
    // highest of delimiter and quote (a space, so every timestamp), or with the escape character.
    bool needsQuotes(std::string_view text) const {
        constexpr size_t kUnitsMax = 24;  // of UTF-16, each of which is up to three bytes
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

    char* writeText(char* at, std::string_view text) {
        at = makeRoom(at, 2 * text.size() + 2);
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
    const size_t row_bytes_;        // of a row's values that are no texts, with delimiters and the line end
    std::vector<char> scratch_;
    std::vector<Field> fields_;   // of the batch that is being written
    std::string* out_ = nullptr;  // what encode() was given
    std::string text_;
    mutable text::TimestampWriter timestamps_;
};

}  // namespace

std::unique_ptr<Encoder> makeCsvEncoder(const Schema& schema, const CsvOptions& options) {
    CsvOptions::checkTypes(schema);
    return std::make_unique<CsvEncoder>(schema, options);
}

}  // namespace millrace
