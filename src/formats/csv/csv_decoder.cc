#include "formats/csv/csv_decoder.h"

#if defined(__SSE2__)
#include <emmintrin.h>
#endif
#include <fmt/format.h>
#include <simdjson.h>

#include <algorithm>
#include <bit>
#include <cstring>

#include "base/error.h"
#include "formats/text/scalar.h"

namespace millrace {
namespace {

using text::Scalar;
using text::TokenKind;

// The first of three bytes at or after `at`, or `end`; reads at most 15 bytes beyond `end`.
const char* findAny(const char* at, const char* end, char a, char b, char c) {
#if defined(__SSE2__)
    const __m128i first = _mm_set1_epi8(a);
    const __m128i second = _mm_set1_epi8(b);
    const __m128i third = _mm_set1_epi8(c);
    for (; at < end; at += 16) {
        const __m128i block = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
        const __m128i hit =
            _mm_or_si128(_mm_or_si128(_mm_cmpeq_epi8(block, first), _mm_cmpeq_epi8(block, second)),
                         _mm_cmpeq_epi8(block, third));
        const auto mask = static_cast<uint32_t>(_mm_movemask_epi8(hit));
        if (mask != 0) return std::min(at + std::countr_zero(mask), end);
    }
    return end;
#else
    while (at != end && *at != a && *at != b && *at != c)
        ++at;
    return at;
#endif
}

const char* lineEnd(const char* at, const char* end) {
    const void* const found = std::memchr(at, '\n', static_cast<size_t>(end - at));
    return found == nullptr ? nullptr : static_cast<const char*>(found) + 1;
}

struct CsvField {
    const char* begin;
    const char* end;
    bool rewritten;  // has escapes or doubled quotes
    bool quoted;
};

class CsvDecoder final : public Decoder {
  public:
    CsvDecoder(const Schema& schema, const std::vector<size_t>& projection, const CsvOptions& options)
        : schema_(schema),
          projection_(projection),
          options_(options),
          escape_(options.escape != '\0' ? options.escape : '\n') {}

    DecodeResult decode(std::string_view bytes, bool end_of_input, size_t rows_max,
                        const RecordOrigin& origin, BatchBuilder& out) override {
        DecodeResult result;
        const char* at = begin_ = bytes.data();
        const char* const end = at + bytes.size();
        if (origin.offset == 0 && bytes.starts_with("\xEF\xBB\xBF")) at += 3;
        while (at != end && out.rows() < rows_max) {
            const char* const next = split(at, end, end_of_input);
            if (next == nullptr) break;
            record({at, static_cast<size_t>(next - at)}, origin, result, out);
            result.lines += has_line_ends_     ? static_cast<size_t>(std::count(at, next, '\n'))
                            : next[-1] == '\n' ? 1
                                               : 0;
            at = next;
        }
        result.bytes = static_cast<size_t>(at - bytes.data());
        return result;
    }

    bool decodeMessage(std::string_view message, const RecordOrigin& origin, BatchBuilder& out) override {
        DecodeResult result;
        if (message.empty()) return true;
        const char* const end = message.data() + message.size();
        const char* const next = split(message.data(), end, true);
        if (next != end) {
            reason_ = "the message holds more than one record";
            reason_at_ = next;
        }
        begin_ = message.data();
        const size_t before = out.rows();
        record(message, origin, result, out);
        return result.skipped == 0 && (out.rows() > before || comment_ || blank_);
    }

  private:
    // Finds the fields of the record at `at` and returns its end, behind the line end; nullptr if it is not
    // complete yet. A record that is no CSV leaves its reason in reason_ and ends at its line's end.
    const char* split(const char* at, const char* end, bool final) {
        fields_.clear();
        reason_ = nullptr;
        has_line_ends_ = blank_ = comment_ = false;
        if (options_.allow_comments && *at == '#') {
            comment_ = true;
            const char* const next = lineEnd(at, end);
            return next != nullptr || !final ? next : end;
        }
        while (true) {
            const bool quoted = options_.quote != '\0' && at != end && *at == options_.quote;
            at = quoted ? quotedField(at, end, final) : plainField(at, end);
            if (at == nullptr) return nullptr;
            if (reason_ != nullptr) return at;
            if (at == end) {
                if (!final) return nullptr;
                break;
            }
            if (*at++ == '\n') break;
            if (at == end && !final) return nullptr;
        }
        blank_ = fields_.size() == 1 && fields_[0].begin == fields_[0].end && !fields_[0].quoted;
        return at;
    }

    const char* plainField(const char* at, const char* end) {
        CsvField field{at, at, false, false};
        while (true) {
            at = findAny(at, end, options_.delimiter, '\n', escape_);
            if (at == end || options_.escape == '\0' || *at != options_.escape) break;
            field.rewritten = true;
            at += std::min<ptrdiff_t>(2, end - at);
        }
        field.end = at;
        if (at != field.begin && (at == end || *at == '\n') && at[-1] == '\r') --field.end;
        fields_.push_back(field);
        return at;
    }

    const char* quotedField(const char* at, const char* end, bool final) {
        const char* const open = at++;
        CsvField field{at, at, false, true};
        while (true) {
            at = findAny(at, end, options_.quote, '\n', escape_);
            if (at == end) return final ? broken(open, "a quoted field is not closed", end, final) : nullptr;
            if (*at == '\n') {
                has_line_ends_ = true;
                ++at;
            } else if (*at != options_.quote) {  // an escape
                field.rewritten = true;
                has_line_ends_ |= at + 1 != end && at[1] == '\n';
                at += std::min<ptrdiff_t>(2, end - at);
            } else if (at + 1 == end && !final) {
                return nullptr;
            } else if (at + 1 != end && at[1] == options_.quote) {
                field.rewritten = true;
                at += 2;
            } else {
                break;
            }
        }
        field.end = at++;
        if (at != end && *at == '\r' && (at + 1 == end || at[1] == '\n')) {
            if (at + 1 == end && !final) return nullptr;
            ++at;
        }
        if (at != end && *at != '\n' && *at != options_.delimiter) {
            return broken(at, "a delimiter is missing after a quoted field", end, final);
        }
        fields_.push_back(field);
        return at;
    }

    // What is wrong at `at`; the record ends with that line.
    const char* broken(const char* at, const char* reason, const char* end, bool final) {
        const char* const next = lineEnd(at, end);
        if (next == nullptr && !final) return nullptr;
        reason_ = reason;
        reason_at_ = at;
        return next != nullptr ? next : end;
    }

    void record(std::string_view record, const RecordOrigin& origin, DecodeResult& result,
                BatchBuilder& out) {
        if (comment_ || (blank_ && reason_ == nullptr)) return;
        size_t column = 1;
        std::string reason;
        const char* cause = cause::kMalformed;
        if (reason_ == nullptr && !simdjson::validate_utf8(record.data(), record.size())) {
            reason_ = "the record is not UTF-8";
            reason_at_ = record.data();
        }
        if (reason_ != nullptr) {
            column = static_cast<size_t>(reason_at_ - record.data()) + 1;
            reason = fmt::format("the record is not valid CSV: {}", reason_);
        } else if (fields_.size() > schema_.size() ||
                   (fields_.size() < schema_.size() && !options_.ignore_parse_errors)) {
            reason =
                fmt::format("the record has {} field{}, and the table {} column{}", fields_.size(),
                            fields_.size() == 1 ? "" : "s", schema_.size(), schema_.size() == 1 ? "" : "s");
            cause = fields_.size() < schema_.size() ? cause::kMissing : cause::kMalformed;
        } else if (fill(record, column, reason, cause, out)) {
            out.endRow();
            return;
        }
        out.rollbackRow();
        if (options_.ignore_parse_errors) {
            ++result.skipped;
            return;
        }
        const std::string_view before = record.substr(0, column - 1);
        const auto lines = static_cast<uint64_t>(std::count(before.begin(), before.end(), '\n'));
        if (lines > 0) column -= before.rfind('\n') + 1;
        std::string where(origin.source);
        where += origin.line > 0 ? fmt::format(", line {}", origin.line + result.lines + lines)
                                 : fmt::format(", offset {}", origin.offset);
        reject({"data.malformed",
                fmt::format("{}, column {}: {}", where, column, reason),
                "'csv.ignore-parse-errors' = 'true' skips such records and reads such fields as NULL",
                {}},
               cause, withoutLineEnd(record),
               {origin.source, origin.line > 0 ? origin.line + result.lines : 0,
                origin.offset + static_cast<uint64_t>(record.data() - begin_)});
    }

    static std::string_view withoutLineEnd(std::string_view record) {
        if (record.ends_with('\n')) record.remove_suffix(1);
        if (record.ends_with('\r')) record.remove_suffix(1);
        return record;
    }

    bool fill(std::string_view record, size_t& column, std::string& reason, const char*& cause,
              BatchBuilder& out) {
        for (size_t i = 0; i < projection_.size(); ++i) {
            const Field& target = schema_[projection_[i]];
            const LogicalType& type = target.type;
            Value nested;
            Scalar scalar;
            bool fits = true;
            if (projection_[i] < fields_.size()) {
                const CsvField& field = fields_[projection_[i]];
                const std::string_view token = contents(field);
                column = static_cast<size_t>(field.begin - record.data()) + 1;
                if (!options_.null_literal || token != *options_.null_literal) {
                    fits = type.isNested() ? readNested(type, token, nested) : readFlat(type, token, scalar);
                }
                if (!fits && !options_.ignore_parse_errors) {
                    cause = cause::kType;
                    const bool vowel = type.kind() == TypeKind::Integer || type.kind() == TypeKind::Array ||
                                       type.isInterval();
                    reason = fmt::format("field '{}': '{}' is not {} {}", target.name, text::excerpt(token),
                                         vowel ? "an" : "a", type.withNullable(true).toString());
                    if (token.empty()) reason += " ('csv.null-literal' = '' reads empty fields as NULL)";
                    return false;
                }
            }
            const bool null =
                !fits || (type.isNested() ? nested.isNull() : scalar.kind == Scalar::Kind::Null);
            if (null && !type.nullable()) {
                cause = cause::kMissing;
                reason = fmt::format("field '{}': it is NULL, and its column is NOT NULL", target.name);
                return false;
            }
            if (null) {
                out.column(i).appendNull();
            } else if (type.isNested()) {
                out.column(i).appendValue(nested);
            } else {
                text::appendScalar(scalar, out.column(i));
            }
        }
        return true;
    }

    std::string_view contents(const CsvField& field) {
        if (!field.rewritten) return {field.begin, static_cast<size_t>(field.end - field.begin)};
        contents_.clear();
        for (const char* at = field.begin; at < field.end; ++at) {
            if (field.quoted && *at == options_.quote) {
                ++at;  // the first of two
            } else if (options_.escape != '\0' && *at == options_.escape && at + 1 < field.end) {
                ++at;
                switch (*at) {
                    case 'n':
                        contents_ += '\n';
                        continue;
                    case 'r':
                        contents_ += '\r';
                        continue;
                    case 't':
                        contents_ += '\t';
                        continue;
                    case '0':
                        contents_ += '\0';
                        continue;
                    default:
                        break;
                }
            }
            contents_ += *at;
        }
        return contents_;
    }

    bool readFlat(const LogicalType& type, std::string_view token, Scalar& scalar) {
        const std::optional<Scalar> value =
            text::readScalar(type, TokenKind::Text, type.isCharacter() ? token : text::trim(token),
                             text::TimestampStandard::Sql, scratch_);
        if (value) scalar = *value;
        return value.has_value();
    }

    bool readNested(const LogicalType& type, std::string_view token, Value& out) {
        std::vector<std::string_view> parts;
        for (size_t at = 0; !token.empty();) {
            const size_t found = token.find(options_.element_delimiter, at);
            parts.push_back(token.substr(at, found == std::string_view::npos ? found : found - at));
            if (found == std::string_view::npos) break;
            at = found + options_.element_delimiter.size();
        }
        const bool row = type.kind() == TypeKind::Row;
        if (row && parts.size() != type.fields().size()) return false;
        Value::List values;
        for (size_t i = 0; i < parts.size(); ++i) {
            const LogicalType& inner = row ? type.fields()[i].type : type.element();
            const bool null = options_.null_literal && parts[i] == *options_.null_literal;
            Scalar scalar;
            if (!null && !readFlat(inner, parts[i], scalar) && !options_.ignore_parse_errors) return false;
            values.push_back(text::toValue(scalar, inner));
        }
        out = Value::list(std::move(values));
        return true;
    }

    const Schema schema_;
    const std::vector<size_t> projection_;
    const CsvOptions options_;
    const char escape_;  // or a line end, which adds nothing to what is searched for
    std::vector<CsvField> fields_;
    bool has_line_ends_ = false;  // within quotes
    bool blank_ = false;
    bool comment_ = false;
    const char* reason_ = nullptr;
    const char* reason_at_ = nullptr;
    const char* begin_ = nullptr;  // of the bytes that are being decoded
    std::string contents_;
    std::string scratch_;
};

}  // namespace

std::unique_ptr<Decoder> makeCsvDecoder(const Schema& schema, const std::vector<size_t>& projection,
                                        const CsvOptions& options) {
    CsvOptions::checkTypes(schema);
    return std::make_unique<CsvDecoder>(schema, projection, options);
}

}  // namespace millrace
