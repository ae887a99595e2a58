#include "formats/json/json_decoder.h"

#include <fmt/format.h>
#include <simdjson.h>

#include <cstring>
#include <unordered_map>

#include "base/error.h"
#include "formats/json/json_fault.h"
#include "formats/json/json_shape.h"
#include "formats/json/json_text.h"

namespace millrace {
namespace {

namespace od = simdjson::ondemand;
using text::Scalar;
using text::TokenKind;

static_assert(kDecoderPadding >= simdjson::SIMDJSON_PADDING);

enum class Outcome : uint8_t {
    Done,
    NotJson,  // the record is no JSON at all: json::findFault says why
    Misfit,   // JSON, but not a row of the table: misfit_ says why
};

struct Misfit {
    const char* at = nullptr;
    std::string field;
    std::string reason;
};

std::string_view trimToken(std::string_view token) {
    const auto is_space = [](char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; };
    while (!token.empty() && is_space(token.back()))
        token.remove_suffix(1);
    return token;
}

class JsonDecoder final : public Decoder {
  public:
    JsonDecoder(std::vector<JsonField> fields, const JsonOptions& options, bool speculative)
        : fields_(std::move(fields)),
          options_(options),
          speculative_(speculative),
          shape_(fields_, options_),
          written_in_(fields_.size(), 0) {
        for (size_t i = 0; i < fields_.size(); ++i)
            by_name_.emplace(fields_[i].name, i);
    }

    DecodeResult decode(std::string_view bytes, bool end_of_input, size_t rows_max,
                        const RecordOrigin& origin, BatchBuilder& out) override {
        DecodeResult result;
        const char* at = bytes.data();
        const char* const end = at + bytes.size();
        if (origin.offset == 0 && bytes.starts_with("\xEF\xBB\xBF")) at += 3;
        const void* const last = bytes.empty() ? nullptr : memrchr(at, '\n', static_cast<size_t>(end - at));
        const char* const limit = last == nullptr ? at : static_cast<const char*>(last) + 1;
        while (at != limit && out.rows() < rows_max) {
            if (shape_.known()) {
                if (const char* next = shape_.decode(at, limit, out)) {
                    out.endRow();
                    at = next;
                    ++result.lines;
                    continue;
                }
                out.rollbackRow();
            }
            const char* const line_end =
                static_cast<const char*>(std::memchr(at, '\n', static_cast<size_t>(limit - at)));
            record({at, static_cast<size_t>(line_end - at)}, origin, result, out);
            at = line_end + 1;
            ++result.lines;
        }
        if (end_of_input && at == limit && at != end && out.rows() < rows_max) {
            record({at, static_cast<size_t>(end - at)}, origin, result, out);
            at = end;
        }
        result.bytes = static_cast<size_t>(at - bytes.data());
        return result;
    }

    bool decodeMessage(std::string_view message, const RecordOrigin& origin, BatchBuilder& out) override {
        DecodeResult result;
        record(message, origin, result, out);
        return result.skipped == 0;
    }

  private:
    // A line: a row, nothing if it is blank, or malformed.
    void record(std::string_view line, const RecordOrigin& origin, DecodeResult& result, BatchBuilder& out) {
        if (line.find_first_not_of(" \t\r") == std::string_view::npos) return;
        const Outcome outcome = plain(line, out);
        if (outcome == Outcome::Done) {
            out.endRow();
            if (speculative_ && shouldLearn()) shape_.learn(line);
            return;
        }
        out.rollbackRow();
        if (options_.ignore_parse_errors) {
            ++result.skipped;
            return;
        }
        fail(line, outcome, origin, result);
    }

    // Records of ever-changing shapes would pay for learning without gain: after some misses in a row most
    // are not learnt from.
    bool shouldLearn() {
        ++misses_;
        return misses_ < 64 || misses_ % 64 == 0;
    }

    [[noreturn]] void fail(std::string_view line, Outcome outcome, const RecordOrigin& origin,
                           const DecodeResult& result) {
        std::string where(origin.source);
        if (origin.line > 0) where += fmt::format(", line {}", origin.line + result.lines);
        json::Fault fault;
        if (const std::optional<json::Fault> found = json::findFault(line)) {
            fault = *found;
        } else if (outcome == Outcome::Misfit) {
            const size_t column =
                misfit_.at == nullptr ? 1 : static_cast<size_t>(misfit_.at - line.data()) + 1;
            throw UserError(
                "data.malformed",
                fmt::format("{}, column {}: field '{}': {}", where, column, misfit_.field, misfit_.reason),
                "'json.ignore-parse-errors' = 'true' reads such fields as NULL");
        } else if (line[line.find_first_not_of(" \t\r")] != '{') {
            fault.reason = fmt::format("a record must be an object, one a line (found '{}')",
                                       text::excerpt(line.substr(0, 20)));
        } else {
            fault.reason = "simdjson does not accept it";
        }
        throw UserError("data.malformed",
                        fmt::format("{}, column {}: the record is not valid JSON: {}", where,
                                    fault.offset + 1, fault.reason),
                        "'json.ignore-parse-errors' = 'true' skips and counts such records");
    }

    Outcome misfit(const char* at, std::string_view field, std::string reason) {
        misfit_ = {at, std::string(field), std::move(reason)};
        return Outcome::Misfit;
    }

    Outcome plain(std::string_view line, BatchBuilder& out) {
        od::document document;
        if (parser_
                .iterate(
                    simdjson::padded_string_view(line.data(), line.size(), line.size() + kDecoderPadding))
                .get(document) != simdjson::SUCCESS) {
            return Outcome::NotJson;
        }
        od::object object;
        if (document.get_object().get(object) != simdjson::SUCCESS) return Outcome::NotJson;
        ++row_;
        size_t expected = 0;
        for (auto item : object) {
            od::field field;
            if (std::move(item).get(field) != simdjson::SUCCESS) return Outcome::NotJson;
            size_t index = expected;
            if (expected == fields_.size() || !isSpelled(field.key().raw(), fields_[expected].name)) {
                std::string_view name;
                if (field.unescaped_key().get(name) != simdjson::SUCCESS) return Outcome::NotJson;
                const auto found = by_name_.find(name);
                index = found == by_name_.end() ? fields_.size() : found->second;
            }
            od::value value = field.value();
            if (index == fields_.size()) {
                if (!skip(value, 2)) return Outcome::NotJson;
                continue;
            }
            expected = index + 1;
            ColumnBuilder& column = out.column(index);
            if (written_in_[index] == row_) column.truncate(out.rows());  // the last one wins
            written_in_[index] = row_;
            const Outcome outcome = readInto(fields_[index], value, column);
            if (outcome != Outcome::Done) return outcome;
        }
        const char* trailing;
        if (document.current_location().get(trailing) == simdjson::SUCCESS) return Outcome::NotJson;
        for (size_t i = 0; i < fields_.size(); ++i) {
            if (written_in_[i] == row_) continue;
            if (options_.fail_on_missing_field) {
                return misfit(nullptr, fields_[i].name,
                              "it is missing ('json.fail-on-missing-field' is true)");
            }
            if (!fields_[i].type.nullable()) {
                return misfit(nullptr, fields_[i].name, "it is missing, and its column is NOT NULL");
            }
            out.column(i).appendNull();
        }
        return Outcome::Done;
    }

    // Whether the text that starts at `raw`, behind its quote, is `name` without any escape.
    static bool isSpelled(const char* raw, const std::string& name) {
        return name.size() < kDecoderPadding && std::memcmp(raw, name.data(), name.size()) == 0 &&
               raw[name.size()] == '"' && name.find_first_of("\"\\") == std::string::npos;
    }

    Outcome readInto(const JsonField& field, od::value& value, ColumnBuilder& column) {
        // Where the value starts, for messages; nothing is consumed.
        const char* const at = value.raw_json_token().data();
        if (field.type.isNested()) {
            Value nested;
            const Outcome outcome = readNested(field.type, field.name, value, 2, nested);
            if (outcome != Outcome::Done) return outcome;
            if (nested.isNull() && !field.type.nullable()) {
                return misfit(at, field.name, "it is null, and its column is NOT NULL");
            }
            column.appendValue(nested);
            return Outcome::Done;
        }
        Scalar scalar;
        const Outcome outcome = readFlat(field.type, field.name, value, 2, scalar);
        if (outcome != Outcome::Done) return outcome;
        if (scalar.kind == Scalar::Kind::Null && !field.type.nullable()) {
            return misfit(at, field.name, "it is null, and its column is NOT NULL");
        }
        text::appendScalar(scalar, column);
        return Outcome::Done;
    }

    // A value that is not of its type: NULL or the end of the record, as the options say.
    Outcome unfit(const LogicalType& type, std::string_view path, const char* at, std::string_view shown) {
        if (options_.ignore_parse_errors) return Outcome::Done;
        std::string reason = fmt::format(
            "'{}' is not {} {}", text::excerpt(shown),
            type.kind() == TypeKind::Integer || type.isInterval() || type.kind() == TypeKind::Array ? "an"
                                                                                                    : "a",
            type.withNullable(true).toString());
        if (type.isTimestamp()) {
            const bool iso = options_.standard == text::TimestampStandard::Iso8601;
            reason += fmt::format(
                " of the form {}{}{}", iso ? "2026-03-01T12:30:15.123" : "2026-03-01 12:30:15.123",
                type.kind() == TypeKind::TimestampLtz ? "Z" : "", " ('json.timestamp-format.standard')");
        }
        return misfit(at, path, std::move(reason));
    }

    Outcome readFlat(const LogicalType& type, std::string_view path, od::value& value, int depth,
                     Scalar& scalar) {
        od::json_type kind;
        if (value.type().get(kind) != simdjson::SUCCESS) return Outcome::NotJson;
        const std::string_view raw = trimToken(value.raw_json_token());
        std::string_view token;
        TokenKind token_kind = TokenKind::Text;
        switch (kind) {
            case od::json_type::string:
                if (value.get_string().get(token) != simdjson::SUCCESS) return Outcome::NotJson;
                break;
            case od::json_type::number:
                if (!skip(value, depth)) return Outcome::NotJson;
                token = raw;
                token_kind = TokenKind::Number;
                break;
            case od::json_type::boolean:
                if (!skip(value, depth)) return Outcome::NotJson;
                token = raw;
                break;
            case od::json_type::null:
                if (!skip(value, depth)) return Outcome::NotJson;
                scalar = Scalar{};
                return Outcome::Done;
            default: {
                compact_.clear();
                if (!compact(value, depth)) return Outcome::NotJson;
                if (!type.isCharacter()) {
                    scalar = Scalar{};
                    return unfit(type, path, raw.data(), compact_);
                }
                token = compact_;
            }
        }
        const std::optional<Scalar> read =
            text::readScalar(type, token_kind, token, options_.standard, scratch_);
        if (!read) {
            scalar = Scalar{};
            return unfit(type, path, raw.data(), kind == od::json_type::string ? token : raw);
        }
        scalar = *read;
        return Outcome::Done;
    }

    Outcome readNested(const LogicalType& type, const std::string& path, od::value& value, int depth,
                       Value& out) {
        out = Value::null();
        if (depth > json::kNestingMax) return Outcome::NotJson;
        if (!type.isNested()) {
            Scalar scalar;
            const Outcome outcome = readFlat(type, path, value, depth, scalar);
            if (outcome == Outcome::Done) out = text::toValue(scalar, type);
            return outcome;
        }
        od::json_type kind;
        if (value.type().get(kind) != simdjson::SUCCESS) return Outcome::NotJson;
        if (kind == od::json_type::null) return skip(value, depth) ? Outcome::Done : Outcome::NotJson;
        const bool wants_array = type.kind() == TypeKind::Array;
        if (kind != (wants_array ? od::json_type::array : od::json_type::object)) {
            const char* const at = value.raw_json_token().data();
            compact_.clear();
            if (!compact(value, depth)) return Outcome::NotJson;
            return unfit(type, path, at, compact_);
        }
        if (wants_array) return readArray(type, path, value, depth, out);
        if (type.kind() == TypeKind::Row) return readRow(type, path, value, depth, out);
        return readMap(type, path, value, depth, out);
    }

    Outcome readArray(const LogicalType& type, const std::string& path, od::value& value, int depth,
                      Value& out) {
        od::array array;
        if (value.get_array().get(array) != simdjson::SUCCESS) return Outcome::NotJson;
        Value::List elements;
        for (auto item : array) {
            od::value element;
            if (item.get(element) != simdjson::SUCCESS) return Outcome::NotJson;
            elements.emplace_back();
            const Outcome outcome = readNested(type.element(), fmt::format("{}[{}]", path, elements.size()),
                                               element, depth + 1, elements.back());
            if (outcome != Outcome::Done) return outcome;
        }
        out = Value::list(std::move(elements));
        return Outcome::Done;
    }

    Outcome readRow(const LogicalType& type, const std::string& path, od::value& value, int depth,
                    Value& out) {
        od::object object;
        if (value.get_object().get(object) != simdjson::SUCCESS) return Outcome::NotJson;
        const std::vector<Field>& fields = type.fields();
        Value::List values(fields.size());
        std::vector<bool> present(fields.size());
        for (auto item : object) {
            od::field field;
            std::string_view name;
            if (std::move(item).get(field) != simdjson::SUCCESS ||
                field.unescaped_key().get(name) != simdjson::SUCCESS) {
                return Outcome::NotJson;
            }
            od::value member = field.value();
            size_t index = 0;
            while (index < fields.size() && fields[index].name != name)
                ++index;
            if (index == fields.size()) {
                if (!skip(member, depth + 1)) return Outcome::NotJson;
                continue;
            }
            present[index] = true;
            const Outcome outcome = readNested(fields[index].type, path + "." + fields[index].name, member,
                                               depth + 1, values[index]);
            if (outcome != Outcome::Done) return outcome;
        }
        for (size_t i = 0; i < fields.size(); ++i) {
            if (!present[i] && options_.fail_on_missing_field) {
                return misfit(nullptr, path + "." + fields[i].name,
                              "it is missing ('json.fail-on-missing-field' is true)");
            }
        }
        out = Value::list(std::move(values));
        return Outcome::Done;
    }

    Outcome readMap(const LogicalType& type, const std::string& path, od::value& value, int depth,
                    Value& out) {
        od::object object;
        if (value.get_object().get(object) != simdjson::SUCCESS) return Outcome::NotJson;
        static const LogicalType count_type = LogicalType::integer();
        const LogicalType& value_type = type.kind() == TypeKind::Multiset ? count_type : type.mapValue();
        Value::List entries;
        std::unordered_map<std::string, size_t> positions;
        for (auto item : object) {
            od::field field;
            std::string_view name;
            if (std::move(item).get(field) != simdjson::SUCCESS ||
                field.unescaped_key().get(name) != simdjson::SUCCESS) {
                return Outcome::NotJson;
            }
            od::value member = field.value();
            const auto [found, fresh] = positions.emplace(std::string(name), entries.size());
            if (fresh) {
                entries.push_back(Value::string(found->first));
                entries.emplace_back();
            }
            const Outcome outcome =
                readNested(value_type, fmt::format("{}['{}']", path, text::excerpt(found->first)), member,
                           depth + 1, entries[found->second + 1]);
            if (outcome != Outcome::Done) return outcome;
        }
        out = Value::list(std::move(entries));
        return Outcome::Done;
    }

    // Walks over a value and checks all of it: simdjson by itself only looks at what is asked for.
    bool skip(od::value& value, int depth) {
        if (depth > json::kNestingMax) return false;
        od::json_type kind;
        if (value.type().get(kind) != simdjson::SUCCESS) return false;
        switch (kind) {
            case od::json_type::object: {
                od::object object;
                if (value.get_object().get(object) != simdjson::SUCCESS) return false;
                for (auto item : object) {
                    od::field field;
                    std::string_view name;
                    if (std::move(item).get(field) != simdjson::SUCCESS ||
                        field.unescaped_key().get(name) != simdjson::SUCCESS) {
                        return false;
                    }
                    od::value member = field.value();
                    if (!skip(member, depth + 1)) return false;
                }
                return true;
            }
            case od::json_type::array: {
                od::array array;
                if (value.get_array().get(array) != simdjson::SUCCESS) return false;
                for (auto item : array) {
                    od::value element;
                    if (item.get(element) != simdjson::SUCCESS || !skip(element, depth + 1)) return false;
                }
                return true;
            }
            case od::json_type::string: {
                std::string_view ignored;
                return value.get_string().get(ignored) == simdjson::SUCCESS;
            }
            case od::json_type::number: {
                const std::string_view token = trimToken(value.raw_json_token());
                const char* const end = token.data() + token.size();
                return !token.empty() && json::skipNumber(token.data(), end) == end;
            }
            case od::json_type::boolean: {
                const std::string_view token = trimToken(value.raw_json_token());
                return token == "true" || token == "false";
            }
            case od::json_type::null:
                return trimToken(value.raw_json_token()) == "null";
        }
        return false;
    }

    // The value without white space, as Jackson prints it, behind what compact_ holds.
    bool compact(od::value& value, int depth) {
        if (depth > json::kNestingMax) return false;
        od::json_type kind;
        if (value.type().get(kind) != simdjson::SUCCESS) return false;
        if (kind == od::json_type::object) {
            od::object object;
            if (value.get_object().get(object) != simdjson::SUCCESS) return false;
            compact_ += '{';
            bool first = true;
            for (auto item : object) {
                od::field field;
                if (std::move(item).get(field) != simdjson::SUCCESS) return false;
                if (!first) compact_ += ',';
                first = false;
                std::string_view name;
                if (field.unescaped_key().get(name) != simdjson::SUCCESS) return false;
                json::appendQuoted(name, compact_);
                compact_ += ':';
                od::value member = field.value();
                if (!compact(member, depth + 1)) return false;
            }
            compact_ += '}';
            return true;
        }
        if (kind == od::json_type::array) {
            od::array array;
            if (value.get_array().get(array) != simdjson::SUCCESS) return false;
            compact_ += '[';
            bool first = true;
            for (auto item : array) {
                od::value element;
                if (item.get(element) != simdjson::SUCCESS) return false;
                if (!first) compact_ += ',';
                first = false;
                if (!compact(element, depth + 1)) return false;
            }
            compact_ += ']';
            return true;
        }
        if (kind == od::json_type::string) {
            std::string_view token;
            if (value.get_string().get(token) != simdjson::SUCCESS) return false;
            json::appendQuoted(token, compact_);
            return true;
        }
        const std::string token(trimToken(value.raw_json_token()));
        if (!skip(value, depth)) return false;
        compact_ += token;
        return true;
    }

    const std::vector<JsonField> fields_;
    const JsonOptions options_;
    const bool speculative_;
    JsonShape shape_;
    std::unordered_map<std::string_view, size_t> by_name_;
    od::parser parser_;
    std::vector<uint64_t> written_in_;  // the row_ in which a field was last seen
    uint64_t row_ = 0;
    uint64_t misses_ = 0;
    Misfit misfit_;
    std::string scratch_;
    std::string compact_;
};

void checkType(const LogicalType& type, const std::string& column) {
    switch (type.kind()) {
        case TypeKind::Array:
            checkType(type.element(), column);
            return;
        case TypeKind::Row:
            for (const Field& field : type.fields())
                checkType(field.type, column);
            return;
        case TypeKind::Map:
        case TypeKind::Multiset:
            if (!type.element().isCharacter()) {
                throw UserError(
                    "config.bad-value",
                    fmt::format("column '{}': the json format reads and writes maps with texts as keys, and "
                                "this one is {}",
                                column, type.toString()));
            }
            if (type.kind() == TypeKind::Map) checkType(type.mapValue(), column);
            return;
        default:
            return;
    }
}

}  // namespace

std::unique_ptr<Decoder> makeJsonDecoder(const Schema& schema, const std::vector<size_t>& projection,
                                         const JsonOptions& options, bool speculative) {
    std::vector<JsonField> fields;
    for (const size_t index : projection) {
        checkType(schema[index].type, schema[index].name);
        fields.push_back({schema[index].name, schema[index].type});
    }
    return std::make_unique<JsonDecoder>(std::move(fields), options, speculative);
}

}  // namespace millrace
