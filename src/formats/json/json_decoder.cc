#include "formats/json/json_decoder.h"

#include <fmt/format.h>
#include <simdjson.h>

#include <cstring>
#include <unordered_map>

#include "base/error.h"
#include "formats/json/json_fault.h"
#include "formats/json/json_shape.h"
#include "formats/json/json_values.h"

namespace millrace {
namespace {

namespace od = simdjson::ondemand;
using json::JsonValues;
using json::Outcome;
using text::Scalar;

static_assert(kDecoderPadding >= simdjson::SIMDJSON_PADDING);

class JsonDecoder final : public Decoder {
  public:
    JsonDecoder(JsonTargets targets, const JsonOptions& options, json::Kernel kernel)
        : targets_(std::move(targets)),
          options_(options),
          kernel_(kernel),
          values_(options_),
          written_in_(targets_.count, 0) {
        for (size_t i = 0; i < targets_.fields.size(); ++i)
            by_name_.emplace(targets_.fields[i].name, i);
    }

    DecodeResult decode(std::string_view bytes, bool end_of_input, size_t rows_max,
                        const RecordOrigin& origin, BatchBuilder& out) override {
        DecodeResult result;
        const char* at = begin_ = bytes.data();
        const char* const end = at + bytes.size();
        if (origin.offset == 0 && bytes.starts_with("\xEF\xBB\xBF")) at += 3;
        const void* const last = bytes.empty() ? nullptr : memrchr(at, '\n', static_cast<size_t>(end - at));
        const char* const limit = last == nullptr ? at : static_cast<const char*>(last) + 1;
        while (at != limit && out.rows() < rows_max) {
            const size_t rows = out.rows();
            at = byShape(at, limit, rows_max - rows, out);
            result.lines += out.rows() - rows;
            if (out.rows() > rows) continue;
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
        const char* const end = message.data() + message.size();
        if (*end == '\n') {
            const size_t rows = out.rows();
            if (byShape(message.data(), end + 1, 1, out) == end + 1) return true;
            out.truncate(rows);  // of a message with line ends within
        }
        DecodeResult result;
        begin_ = message.data();
        const size_t before = out.rows();
        record(message, origin, result, out);
        return result.skipped == 0 && (out.rows() > before || isBlank(message));
    }

  private:
    static bool isBlank(std::string_view line) {
        return line.find_first_not_of(" \t\r") == std::string_view::npos;
    }
    // A line: a row, nothing if it is blank, or malformed.
    void record(std::string_view line, const RecordOrigin& origin, DecodeResult& result, BatchBuilder& out) {
        if (isBlank(line)) return;
        const Outcome outcome = plain(line, out);
        if (outcome == Outcome::Done) {
            out.endRow();
            if (kernel_ != nullptr && shouldLearn()) learn(line);
            return;
        }
        out.rollbackRow();
        if (options_.ignore_parse_errors) {
            ++result.skipped;
            return;
        }
        fail(line, outcome,
             {origin.source, origin.line > 0 ? origin.line + result.lines : 0,
              origin.offset + static_cast<uint64_t>(line.data() - begin_)});
    }

    // The fast way: as json::Kernel, of the first shape that the record at `at` has.
    const char* byShape(const char* at, const char* limit, size_t rows_max, BatchBuilder& out) {
        const size_t before = out.rows();
        for (size_t tried = 0; tried < shapes_.size(); ++tried) {
            const size_t which = tried == 0 ? expected_ : tried <= expected_ ? tried - 1 : tried;
            const char* const next = shapes_[which].shape->decode(at, limit, rows_max, out);
            if (next == at) continue;
            shapes_[last_].followed_by = which;
            last_ = which;
            const bool full = next == limit || out.rows() - before == rows_max;
            expected_ = full ? which : shapes_[which].followed_by;
            return next;
        }
        return at;
    }

    void learn(std::string_view line) {
        auto shape = std::make_unique<JsonShape>(targets_, options_, kernel_);
        if (!shape->learn(line)) return;
        const size_t place = shapes_.size() < kShapesMax ? shapes_.size() : next_replaced_++ % kShapesMax;
        if (place == shapes_.size()) shapes_.emplace_back();
        shapes_[place] = {std::move(shape), place};
        expected_ = place;
    }

    // Records of ever-changing shapes would pay for learning without gain: after some misses in a row most
    // are not learnt from.
    bool shouldLearn() {
        ++misses_;
        return misses_ < 64 || misses_ % 64 == 0;
    }

    void fail(std::string_view line, Outcome outcome, const RecordOrigin& at) {
        std::string where(at.source);
        if (at.line > 0) where += fmt::format(", line {}", at.line);
        json::Fault fault;
        if (const std::optional<json::Fault> found = json::findFault(line)) {
            fault = *found;
        } else if (outcome == Outcome::Misfit) {
            const json::Misfit& misfit = values_.lastMisfit();
            const size_t column = misfit.at == nullptr ? 1 : static_cast<size_t>(misfit.at - line.data()) + 1;
            reject({"data.malformed",
                    fmt::format("{}, column {}: field '{}': {}", where, column, misfit.field, misfit.reason),
                    "'json.ignore-parse-errors' = 'true' reads such fields as NULL",
                    {}},
                   misfit.missing ? cause::kMissing : cause::kType, line, at);
            return;
        } else if (line[line.find_first_not_of(" \t\r")] != '{') {
            fault.reason = fmt::format("a record must be an object, one a line (found '{}')",
                                       text::excerpt(line.substr(0, 20)));
        } else {
            fault.reason = "simdjson does not accept it";
        }
        reject({"data.malformed",
                fmt::format("{}, column {}: the record is not valid JSON: {}", where, fault.offset + 1,
                            fault.reason),
                "'json.ignore-parse-errors' = 'true' skips and counts such records",
                {}},
               cause::kMalformed, line, at);
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
        const Outcome outcome = readFields(targets_.fields, &by_name_, object, 2, out);
        if (outcome != Outcome::Done) return outcome;
        const char* trailing;
        if (document.current_location().get(trailing) == simdjson::SUCCESS) return Outcome::NotJson;
        return Outcome::Done;
    }

    // The members of an object that have targets. `depth` is theirs.
    Outcome readFields(const std::vector<JsonTarget>& fields,
                       const std::unordered_map<std::string_view, size_t>* by_name, od::object& object,
                       int depth, BatchBuilder& out) {
        size_t expected = 0;
        for (auto item : object) {
            od::field field;
            if (std::move(item).get(field) != simdjson::SUCCESS) return Outcome::NotJson;
            size_t index = expected;
            if (expected == fields.size() || !isSpelled(field.key().raw(), fields[expected].name)) {
                std::string_view name;
                if (field.unescaped_key().get(name) != simdjson::SUCCESS) return Outcome::NotJson;
                index = indexOf(fields, by_name, name);
            }
            od::value value = field.value();
            if (index == fields.size()) {
                if (!values_.skip(value, depth)) return Outcome::NotJson;
                continue;
            }
            expected = index + 1;
            const JsonTarget& target = fields[index];
            if (written_in_[target.number] == row_) forget(target, out);  // the last one wins
            written_in_[target.number] = row_;
            const Outcome outcome = target.fields.empty() ? readInto(target, value, depth, out)
                                                          : readObject(target, value, depth, out);
            if (outcome != Outcome::Done) return outcome;
        }
        for (const JsonTarget& target : fields) {
            if (written_in_[target.number] == row_) continue;
            if (options_.fail_on_missing_field) {
                return values_.missing(nullptr, target.path,
                                       "it is missing ('json.fail-on-missing-field' is true)");
            }
            if (!target.type.nullable()) {
                return values_.missing(nullptr, target.path, "it is missing, and its column is NOT NULL");
            }
            appendNulls(target, out);
        }
        return Outcome::Done;
    }

    static size_t indexOf(const std::vector<JsonTarget>& fields,
                          const std::unordered_map<std::string_view, size_t>* by_name,
                          std::string_view name) {
        if (by_name != nullptr) {
            const auto found = by_name->find(name);
            return found == by_name->end() ? fields.size() : found->second;
        }
        size_t index = 0;
        while (index < fields.size() && fields[index].name != name)
            ++index;
        return index;
    }

    static void appendNulls(const JsonTarget& target, BatchBuilder& out) {
        target.forEachColumn([&](size_t column) { out.column(column).appendNull(); });
    }

    // Takes back what this record has appended at and below the target.
    void forget(const JsonTarget& target, BatchBuilder& out) {
        target.forEachColumn([&](size_t column) { out.column(column).truncate(out.rows()); });
        target.forEachTarget([&](const JsonTarget& below) { written_in_[below.number] = 0; });
    }

    // A ROW of which fields have columns of their own.
    Outcome readObject(const JsonTarget& target, od::value& value, int depth, BatchBuilder& out) {
        if (depth > json::kNestingMax) return Outcome::NotJson;
        const char* const at = value.raw_json_token().data();
        if (target.column) {
            Value nested;
            const Outcome outcome = values_.readNested(target.type, target.path, value, depth, nested);
            if (outcome != Outcome::Done) return outcome;
            if (nested.isNull() && !target.type.nullable()) return nullInNotNull(target, at);
            appendParts(target, nested, out);
            return Outcome::Done;
        }
        od::json_type kind;
        if (value.type().get(kind) != simdjson::SUCCESS) return Outcome::NotJson;
        if (kind == od::json_type::object) {
            od::object object;
            if (value.get_object().get(object) != simdjson::SUCCESS) return Outcome::NotJson;
            return readFields(target.fields, nullptr, object, depth + 1, out);
        }
        if (kind == od::json_type::null) {
            if (!values_.skip(value, depth)) return Outcome::NotJson;
        } else {
            const Outcome outcome = values_.unfitNested(target.type, target.path, at, value, depth);
            if (outcome != Outcome::Done) return outcome;
        }
        if (!target.type.nullable()) return nullInNotNull(target, at);
        appendNulls(target, out);
        return Outcome::Done;
    }

    static void appendParts(const JsonTarget& target, const Value& value, BatchBuilder& out) {
        if (target.column) out.column(*target.column).appendValue(value);
        for (const JsonTarget& field : target.fields) {
            if (value.isNull()) {
                appendNulls(field, out);
                continue;
            }
            const std::vector<Field>& of_row = target.type.fields();
            size_t index = 0;
            while (of_row[index].name != field.name)
                ++index;
            appendParts(field, value.asList()[index], out);
        }
    }

    Outcome nullInNotNull(const JsonTarget& target, const char* at) {
        return values_.missing(at, target.path, "it is null, and its column is NOT NULL");
    }

    // Whether the text that starts at `raw`, behind its quote, is `name` without any escape.
    static bool isSpelled(const char* raw, const std::string& name) {
        return name.size() < kDecoderPadding && std::memcmp(raw, name.data(), name.size()) == 0 &&
               raw[name.size()] == '"' && name.find_first_of("\"\\") == std::string::npos;
    }

    Outcome readInto(const JsonTarget& target, od::value& value, int depth, BatchBuilder& out) {
        // Where the value starts, for messages; nothing is consumed.
        const char* const at = value.raw_json_token().data();
        ColumnBuilder& column = out.column(*target.column);
        if (target.type.isNested()) {
            Value nested;
            const Outcome outcome = values_.readNested(target.type, target.path, value, depth, nested);
            if (outcome != Outcome::Done) return outcome;
            if (nested.isNull() && !target.type.nullable()) return nullInNotNull(target, at);
            column.appendValue(nested);
            return Outcome::Done;
        }
        Scalar scalar;
        const Outcome outcome = values_.readFlat(target.type, target.path, value, depth, scalar);
        if (outcome != Outcome::Done) return outcome;
        if (scalar.kind == Scalar::Kind::Null && !target.type.nullable()) return nullInNotNull(target, at);
        text::appendScalar(scalar, column);
        return Outcome::Done;
    }

    // Kinds of records that take turns, as events of several kinds in one file do.
    static constexpr size_t kShapesMax = 4;

    const JsonTargets targets_;
    const JsonOptions options_;
    const json::Kernel kernel_;  // nullptr: the plain way alone
    JsonValues values_;
    struct Shape {
        std::unique_ptr<JsonShape> shape;
        size_t followed_by = 0;  // which came behind records of this shape the last time
    };
    std::vector<Shape> shapes_;
    size_t last_ = 0;  // of shapes_, that a record had
    size_t expected_ = 0;
    size_t next_replaced_ = 0;
    std::unordered_map<std::string_view, size_t> by_name_;
    od::parser parser_;
    std::vector<uint64_t> written_in_;  // the row_ in which a target was last seen
    uint64_t row_ = 0;
    uint64_t misses_ = 0;
    const char* begin_ = nullptr;  // of the bytes that are being decoded
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

std::unique_ptr<Decoder> makeJsonDecoder(const Schema& schema, const std::vector<ColumnPath>& projection,
                                         const JsonOptions& options, json::Kernel kernel) {
    JsonTargets targets(schema, projection);
    for (const JsonTarget& field : targets.fields)
        checkType(field.type, field.name);
    return std::make_unique<JsonDecoder>(std::move(targets), options, kernel);
}

}  // namespace millrace
