// What is in a JSON text.
#include <fmt/format.h>

#include "functions/cast.h"
#include "functions/json_document.h"
#include "functions/json_path.h"
#include "functions/lists.h"
#include "functions/simple.h"
#include "functions/utf8.h"
#include "types/coercion.h"

namespace millrace {

namespace {

constexpr std::string_view kJsonAndPath = "(JSON as a string, path [, clauses])";

// The clauses behind JSON and path, as the parser gives them: keywords, each with its value where it has one.
struct Clauses {
    std::string on_empty = "NULL";
    std::string on_error = "NULL";
    std::string wrapper = "WITHOUT WRAPPER";
    LogicalType returning = LogicalType::string();
    std::optional<size_t> default_on_empty;  // the argument
    std::optional<size_t> default_on_error;

    Clauses(std::string_view name, std::span<const ArgumentInfo> arguments) {
        if (arguments.size() < 2) badArguments(name, arguments, kJsonAndPath);
        for (size_t i = 0; i < 2; ++i) {
            const LogicalType& type = arguments[i].type;
            if (!type.isCharacter() && type.kind() != TypeKind::Null)
                badArguments(name, arguments, kJsonAndPath);
        }
        constexpr std::string_view kOnEmpty = " ON EMPTY";
        constexpr std::string_view kOnError = " ON ERROR";
        for (size_t i = 2; i < arguments.size(); ++i) {
            const std::string text = literalText(name, arguments, i, kJsonAndPath);
            const bool has_value = text == "RETURNING" || text.starts_with("DEFAULT");
            if (has_value && i + 1 == arguments.size()) badArguments(name, arguments, kJsonAndPath);
            if (text == "RETURNING") {
                returning = arguments[++i].type.withNullable(true);
            } else if (text.ends_with("WRAPPER")) {
                wrapper = text;
            } else if (text.ends_with(kOnEmpty)) {
                on_empty = text.substr(0, text.size() - kOnEmpty.size());
                if (has_value) default_on_empty = ++i;
            } else if (text.ends_with(kOnError)) {
                on_error = text.substr(0, text.size() - kOnError.size());
                if (has_value) default_on_error = ++i;
            } else {
                badArguments(name, arguments, kJsonAndPath);
            }
        }
    }
};

// A path that is a literal is looked at while the query is bound: what is not supported is said there.
void checkPath(const ArgumentInfo& path) {
    if (path.literal && !path.literal->isNull()) jsonPath(path.literal->asString());
}

std::vector<LogicalType> lookupTypes(std::span<const ArgumentInfo> arguments) {
    std::vector<LogicalType> types = {LogicalType::string(), LogicalType::string()};
    for (const ArgumentInfo& argument : arguments.subspan(2))
        types.push_back(argument.type);
    return types;
}

// What a path leads to in a row's JSON.
class Lookup {
  public:
    struct Result {
        bool error = false;
        bool lax = false;
        uint32_t value = JsonDocument::kNone;
    };

    Result find(const Arguments& arguments, size_t row) {
        const JsonPath* const path = jsonPath(arguments.text(1, row));
        if (path == nullptr) return {.error = true};
        if (!document_.parse(arguments.text(0, row))) return {.error = !path->lax(), .lax = path->lax()};
        const JsonPath::Found found = path->find(document_);
        return {.error = found.error, .lax = path->lax(), .value = found.value};
    }
    JsonDocument& document() { return document_; }

  private:
    JsonDocument document_;
};

enum class Outcome : uint8_t { Value, Empty, Error };

[[noreturn]] void failEmpty(std::string_view name) {
    throw UserError("data.json", fmt::format("{} finds nothing, which is not allowed here", name),
                    "NULL ON EMPTY gives NULL instead");
}
[[noreturn]] void failError(std::string_view name, const Arguments& arguments, size_t row) {
    throw UserError("data.json",
                    fmt::format("{} cannot follow the path '{}' in the JSON text '{}'", name,
                                arguments.text(1, row), arguments.text(0, row).substr(0, 200)),
                    "NULL ON ERROR gives NULL instead");
}

// ---- JSON_EXISTS

BoundScalar bindExists(std::span<const ArgumentInfo> arguments) {
    const Clauses clauses("JSON_EXISTS", arguments);
    checkPath(arguments[1]);
    const std::string on_error = arguments.size() > 2 ? clauses.on_error : "FALSE";
    BoundScalar bound;
    bound.arguments = lookupTypes(arguments);
    bound.result = LogicalType::boolean();
    bound.kernel = [on_error](const FunctionContext&, std::span<const ColumnPtr> columns, size_t rows) {
        auto result = makeResult(LogicalType::boolean(), columns.first(2), rows);
        const Arguments given(columns);
        Lookup lookup;
        auto* const out = result->mutableData<uint8_t>();
        std::fill_n(out, rows, uint8_t{0});
        forValidRows(*result, rows, [&](size_t row) {
            const Lookup::Result found = lookup.find(given, row);
            if (!found.error) {
                out[row] = static_cast<uint8_t>(found.value != JsonDocument::kNone);
                return true;
            }
            if (on_error == "ERROR") failError("JSON_EXISTS", given, row);
            out[row] = static_cast<uint8_t>(on_error == "TRUE");
            return on_error != "UNKNOWN";
        });
        return ColumnPtr(result);
    };
    return bound;
}

// ---- JSON_VALUE

class ValueKernel {
  public:
    ValueKernel(const Clauses& clauses, std::span<const ArgumentInfo> arguments)
        : clauses_(clauses), to_result_(bindCast(LogicalType::string(), clauses.returning, true)) {
        if (clauses.default_on_empty)
            empty_to_result_ = bindCast(arguments[*clauses.default_on_empty].type, clauses.returning, false);
        if (clauses.default_on_error)
            error_to_result_ = bindCast(arguments[*clauses.default_on_error].type, clauses.returning, false);
    }

    ColumnPtr operator()(const FunctionContext& context, std::span<const ColumnPtr> columns,
                         size_t rows) const {
        const Arguments given(columns);
        std::vector<Outcome> outcomes(rows);
        Lookup lookup;
        const ColumnPtr texts =
            mapToStrings(LogicalType::string(), columns.first(2), rows, [&](size_t row, std::string& out) {
                const Lookup::Result found = lookup.find(given, row);
                const bool none = found.value == JsonDocument::kNone;
                const bool scalar = !none && lookup.document().isScalar(found.value);
                outcomes[row] = found.error ? Outcome::Error
                                : none      ? Outcome::Empty
                                : scalar    ? Outcome::Value
                                : found.lax ? Outcome::Empty
                                            : Outcome::Error;
                if (outcomes[row] != Outcome::Value) return true;
                if (!fits(lookup.document().node(found.value))) {
                    outcomes[row] = Outcome::Error;
                    return true;
                }
                lookup.document().writeText(found.value, out);
                return true;
            });
        const ColumnPtr converted = to_result_.kernel(context, std::span(&texts, 1), rows);
        std::vector<ColumnPtr> parts = {Column::retyped(converted, clauses_.returning)};
        const auto add = [&](const std::optional<size_t>& argument, const std::optional<BoundScalar>& cast) {
            if (!argument) return size_t{0};
            const ColumnPtr value[] = {columns[*argument]};
            parts.push_back(Column::retyped(cast->kernel(context, value, rows), clauses_.returning));
            return parts.size() - 1;
        };
        const size_t empty = add(clauses_.default_on_empty, empty_to_result_);
        const size_t error = add(clauses_.default_on_error, error_to_result_);
        const JoinedElements all(parts);
        Selection chosen(rows, kNoElement);
        for (size_t row = 0; row < rows; ++row) {
            if (texts->isNull(row)) continue;
            if (outcomes[row] == Outcome::Value && converted->isNull(row)) outcomes[row] = Outcome::Error;
            if (outcomes[row] == Outcome::Empty && clauses_.on_empty == "ERROR") failEmpty("JSON_VALUE");
            if (outcomes[row] == Outcome::Error && clauses_.on_error == "ERROR")
                failError("JSON_VALUE", given, row);
            const size_t part = outcomes[row] == Outcome::Value   ? 0
                                : outcomes[row] == Outcome::Empty ? empty
                                                                  : error;
            if (outcomes[row] != Outcome::Value && part == 0) continue;
            chosen[row] = all.base(part) + static_cast<uint32_t>(row);
        }
        return chosenElements(all.all(), chosen, clauses_.returning);
    }

  private:
    // A text that looks like a number is none, and a number with a fraction is no integer.
    bool fits(const JsonDocument::Node& node) const {
        if (clauses_.returning.isCharacter()) return true;
        if (clauses_.returning.kind() == TypeKind::Boolean)
            return node.kind == JsonKind::True || node.kind == JsonKind::False;
        if (node.kind != JsonKind::Number) return false;
        return !clauses_.returning.isInteger() || node.text.find_first_of(".eE") == std::string_view::npos;
    }

    Clauses clauses_;
    BoundScalar to_result_;
    std::optional<BoundScalar> empty_to_result_;
    std::optional<BoundScalar> error_to_result_;
};

BoundScalar bindValue(std::span<const ArgumentInfo> arguments) {
    const Clauses clauses("JSON_VALUE", arguments);
    checkPath(arguments[1]);
    const LogicalType& type = clauses.returning;
    if (!type.isCharacter() && !type.isNumeric() && type.kind() != TypeKind::Boolean) {
        throw UserError("sql.bad-argument", fmt::format("JSON_VALUE cannot return {}", type.toString()),
                        "RETURNING takes STRING, BOOLEAN and numbers; CAST what comes of it");
    }
    for (const auto& argument : {clauses.default_on_empty, clauses.default_on_error}) {
        if (argument && !canCastExplicitly(arguments[*argument].type, type))
            badArguments("JSON_VALUE", arguments, "a DEFAULT of the type that is returned");
    }
    BoundScalar bound;
    bound.arguments = lookupTypes(arguments);
    bound.result = type;
    bound.kernel = ValueKernel(clauses, arguments);
    return bound;
}

// ---- JSON_QUERY

class QueryKernel {
  public:
    explicit QueryKernel(Clauses clauses)
        : clauses_(std::move(clauses)), array_(clauses_.returning.kind() == TypeKind::Array) {}

    ColumnPtr operator()(const FunctionContext&, std::span<const ColumnPtr> columns, size_t rows) const {
        const Arguments given(columns);
        ColumnBuilder out(clauses_.returning, rows);
        Lookup lookup;
        std::string text;
        for (size_t row = 0; row < rows; ++row) {
            if (columns[0]->isNull(row) || columns[1]->isNull(row)) {
                out.appendNull();
                continue;
            }
            Lookup::Result found = lookup.find(given, row);
            if (found.value != JsonDocument::kNone && wraps(lookup.document(), found.value))
                found.value = lookup.document().makeArray({found.value});
            Outcome outcome = Outcome::Value;
            const auto& document = lookup.document();
            if (!found.error && found.value == JsonDocument::kNone)
                outcome = Outcome::Empty;
            else if (!found.error && document.isScalar(found.value))
                outcome = found.lax ? Outcome::Empty : Outcome::Error;
            else if (found.error || (array_ && document.node(found.value).kind != JsonKind::Array))
                outcome = Outcome::Error;
            if (outcome == Outcome::Value) {
                append(lookup.document(), found.value, text, out);
            } else {
                const std::string& behaviour =
                    outcome == Outcome::Empty ? clauses_.on_empty : clauses_.on_error;
                if (behaviour == "ERROR")
                    outcome == Outcome::Empty ? failEmpty("JSON_QUERY") : failError("JSON_QUERY", given, row);
                appendInstead(behaviour, out);
            }
        }
        return out.finish();
    }

  private:
    bool wraps(const JsonDocument& document, uint32_t value) const {
        if (clauses_.wrapper == "WITHOUT WRAPPER") return false;
        return clauses_.wrapper != "WITH CONDITIONAL WRAPPER" || document.node(value).kind != JsonKind::Array;
    }

    void append(const JsonDocument& document, uint32_t value, std::string& text, ColumnBuilder& out) const {
        if (!array_) {
            text.clear();
            document.write(value, text);
            return out.appendString(text);
        }
        for (uint32_t child = document.node(value).first; child != JsonDocument::kNone;
             child = document.node(child).next) {
            text.clear();
            if (document.node(child).kind == JsonKind::Null) {
                out.child(0).appendNull();
                continue;
            }
            document.writeText(child, text);
            out.child(0).appendString(text);
        }
        out.endList();
    }

    void appendInstead(const std::string& behaviour, ColumnBuilder& out) const {
        if (behaviour == "NULL") return out.appendNull();
        if (array_) return out.endList();
        out.appendString(behaviour == "EMPTY ARRAY" ? "[]" : "{}");
    }

    Clauses clauses_;
    bool array_;
};

BoundScalar bindQuery(std::span<const ArgumentInfo> arguments) {
    Clauses clauses("JSON_QUERY", arguments);
    checkPath(arguments[1]);
    const LogicalType& type = clauses.returning;
    const bool array = type.kind() == TypeKind::Array && type.element().isCharacter();
    if (!type.isCharacter() && !array) {
        throw UserError("sql.bad-argument", fmt::format("JSON_QUERY cannot return {}", type.toString()),
                        "RETURNING takes STRING and ARRAY<STRING>");
    }
    if (array && (clauses.on_empty == "EMPTY OBJECT" || clauses.on_error == "EMPTY OBJECT"))
        badArguments("JSON_QUERY", arguments,
                     "EMPTY ARRAY in place of EMPTY OBJECT where an ARRAY is returned");
    if (clauses.default_on_empty || clauses.default_on_error)
        badArguments("JSON_QUERY", arguments, "NULL, ERROR, EMPTY ARRAY or EMPTY OBJECT in place of DEFAULT");
    BoundScalar bound;
    bound.arguments = lookupTypes(arguments);
    bound.result = type;
    bound.kernel = QueryKernel(std::move(clauses));
    return bound;
}

// ---- IS JSON

ScalarFunction isJson(const std::string& kind, bool negated, std::string documentation,
                      std::vector<FunctionExample> examples) {
    const std::string name =
        std::string(negated ? "IS NOT JSON" : "IS JSON") + (kind.empty() ? "" : " " + kind);
    ScalarFunction function{.name = name,
                            .signature = "string " + name,
                            .documentation = std::move(documentation),
                            .examples = std::move(examples)};
    function.bind = [name, kind, negated](std::span<const ArgumentInfo> arguments) {
        checkArgumentCount(name, arguments, 1, 1, "a string");
        const LogicalType& type = arguments[0].type;
        if (!type.isCharacter() && type.kind() != TypeKind::Null) badArguments(name, arguments, "a string");
        BoundScalar bound;
        bound.arguments = {LogicalType::string()};
        bound.result = LogicalType::boolean().withNullable(false);
        bound.kernel = [kind, negated](const FunctionContext&, std::span<const ColumnPtr> columns,
                                       size_t rows) {
            auto result = std::make_shared<Column>(LogicalType::boolean().withNullable(false), rows);
            JsonDocument document;
            for (size_t row = 0; row < rows; ++row) {
                bool is =
                    !columns[0]->isNull(row) && document.parse(columns[0]->data<StringView>()[row].view());
                if (is && kind == "OBJECT") is = document.node(0).kind == JsonKind::Object;
                if (is && kind == "ARRAY") is = document.node(0).kind == JsonKind::Array;
                if (is && kind == "SCALAR") is = document.isScalar(0);
                result->mutableData<uint8_t>()[row] = static_cast<uint8_t>(is != negated);
            }
            return ColumnPtr(result);
        };
        return bound;
    };
    return function;
}

// ---- JSON_QUOTE, JSON_UNQUOTE

bool quote(const Arguments& arguments, size_t row, std::string& out) {
    const std::string_view text = arguments.text(0, row);
    const auto unit = [&](uint32_t code) { fmt::format_to(std::back_inserter(out), "\\u{:04x}", code); };
    constexpr std::string_view kEscaped = "\"\\/\b\f\n\r\t";
    constexpr std::string_view kEscapes = "\"\\/bfnrt";
    out.push_back('"');
    for (size_t at = 0; at < text.size();) {
        const uint32_t code = nextCodePoint(text, at);
        const size_t known = code < 0x80 ? kEscaped.find(static_cast<char>(code)) : std::string_view::npos;
        if (known != std::string_view::npos) {
            out.push_back('\\');
            out.push_back(kEscapes[known]);
        } else if (code < 0x80) {
            out.push_back(static_cast<char>(code));
        } else if (code < 0x10000) {
            unit(code);
        } else {
            unit(0xD800 + ((code - 0x10000) >> 10));
            unit(0xDC00 + ((code - 0x10000) & 0x3FF));
        }
    }
    out.push_back('"');
    return true;
}

}  // namespace

std::vector<ScalarFunction> describeScalarJsonQuery() {
    std::vector<ScalarFunction> all = {
        {.name = "JSON_EXISTS",
         .signature = "JSON_EXISTS(json, path [{TRUE | FALSE | UNKNOWN | ERROR} ON ERROR])",
         .documentation =
             "TRUE if the path leads to something that is not null. FALSE where it cannot be followed, if "
             "ON ERROR does not say otherwise.",
         .examples = {{"JSON_EXISTS('{\"a\": [{\"b\": 1}]}', '$.a[0].b')", "TRUE"},
                      {"JSON_EXISTS('{\"a\": true}', 'strict $.b' TRUE ON ERROR)", "TRUE"}},
         .bind = bindExists},
        {.name = "JSON_VALUE",
         .signature =
             "JSON_VALUE(json, path [RETURNING type] [{NULL | ERROR | DEFAULT value} ON EMPTY] [{NULL "
             "| ERROR | DEFAULT value} ON ERROR])",
         .documentation =
             "The scalar to which the path leads, as STRING, BOOLEAN or a number. A strict path, which is "
             "what "
             "it is without 'lax ' before it, that leads nowhere is an error; a lax one is empty.",
         .examples = {{"JSON_VALUE('{\"a\": true}', '$.a')", "true"},
                      {"JSON_VALUE('{\"a\": [0.5, 1]}', '$.a[0]' RETURNING DOUBLE)", "0.5"},
                      {"JSON_VALUE('{\"a\": 1}', 'lax $.b' DEFAULT 'none' ON EMPTY)", "none"},
                      {"JSON_VALUE('{\"a\": 1}', 'strict $.b' DEFAULT 'none' ON ERROR)", "none"}},
         .bind = bindValue},
        {.name = "JSON_QUERY",
         .signature =
             "JSON_QUERY(json, path [RETURNING type] [{WITHOUT | WITH [CONDITIONAL | UNCONDITIONAL]} "
             "[ARRAY] WRAPPER] [{NULL | EMPTY ARRAY | EMPTY OBJECT | ERROR} ON {EMPTY | ERROR} ...])",
         .documentation = "The object or array to which the path leads, as JSON, or with RETURNING "
                          "ARRAY<STRING> as an ARRAY. A scalar needs a wrapper, which makes an array of it.",
         .examples = {{"JSON_QUERY('{\"a\": {\"b\": 1}}', '$.a')", "{\"b\":1}"},
                      {"JSON_QUERY('{\"a\":[{\"c\":\"c1\"},{\"c\":\"c2\"}]}', 'lax $.a[*].c')",
                       "[\"c1\",\"c2\"]"},
                      {"JSON_QUERY('[1, 2]', '$' WITH UNCONDITIONAL WRAPPER)", "[[1,2]]"},
                      {"JSON_QUERY('[\"x\", 2]', '$' RETURNING ARRAY<STRING>)", "[x, 2]"}},
         .bind = bindQuery},
        textFunction({.name = "JSON_QUOTE",
                      .pattern = "s",
                      .signature = "JSON_QUOTE(string)",
                      .documentation = "The string as a JSON string, with what is not ASCII escaped.",
                      .examples = {{"JSON_QUOTE('a \"b\" ñ')", "\"a \\\"b\\\" \\u00f1\""}}},
                     quote),
        textFunction(
            {.name = "JSON_UNQUOTE",
             .pattern = "s",
             .signature = "JSON_UNQUOTE(string)",
             .documentation = "What a JSON string says; any other text, and one that is not JSON, as it is.",
             .examples = {{"JSON_UNQUOTE('\"a\\u00f1\"')", "añ"}, {"JSON_UNQUOTE('abc')", "abc"}}},
            [](const Arguments& arguments, size_t row, std::string& out) {
                thread_local JsonDocument document;
                const std::string_view text = arguments.text(0, row);
                const bool quoted = text.size() > 1 && text.front() == '"' && text.back() == '"';
                out = quoted && document.parse(text) ? document.node(0).text : text;
                return true;
            }),
    };
    for (const bool negated : {false, true}) {
        const std::string is = negated ? "FALSE" : "TRUE";
        const std::string not_is = negated ? "TRUE" : "FALSE";
        const std::string word = negated ? "IS NOT JSON" : "IS JSON";
        const auto says = [&](const char* what) {
            return fmt::format("{} if the string is {}; {} for NULL.", is, what, not_is);
        };
        all.push_back(isJson("", negated, says("JSON"), {{"'{}' " + word, is}, {"'abc' " + word, not_is}}));
        all.push_back(isJson("VALUE", negated, says("JSON"), {{"'1' " + word + " VALUE", is}}));
        all.push_back(
            isJson("OBJECT", negated, says("a JSON object"), {{"'[]' " + word + " OBJECT", not_is}}));
        all.push_back(isJson("ARRAY", negated, says("a JSON array"), {{"'[1]' " + word + " ARRAY", is}}));
        all.push_back(isJson("SCALAR", negated, says("a JSON scalar"), {{"'1' " + word + " SCALAR", is}}));
    }
    return all;
}

}  // namespace millrace
