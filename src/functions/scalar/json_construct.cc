// JSON made of values.
#include "functions/json_document.h"
#include "functions/json_writer.h"

namespace millrace {

namespace {

// Behind the values stands how they are put together (functions/json_writer.h).
JsonConstruction construction(std::string_view name, std::span<const ArgumentInfo> arguments,
                              std::string_view accepted) {
    if (arguments.empty()) badArguments(name, arguments, accepted);
    return {literalText(name, arguments, arguments.size() - 1, accepted), arguments.size() - 1};
}

// write(row, out) never makes a NULL.
template <class Write>
ColumnPtr texts(const LogicalType& type, size_t rows, Write write) {
    return mapToStrings(type, {}, rows, [&](size_t row, std::string& out) {
        write(row, out);
        return true;
    });
}

struct ObjectMember {
    std::string name;
    std::vector<size_t> arguments;  // its values, the last one first
};

BoundScalar bindObject(std::span<const ArgumentInfo> arguments) {
    constexpr std::string_view accepted = "names, as string literals, and their values";
    const JsonConstruction how = construction("JSON_OBJECT", arguments, accepted);
    const std::span<const ArgumentInfo> pairs = arguments.first(arguments.size() - 1);
    std::vector<ObjectMember> members;
    for (size_t i = 0; i + 1 < pairs.size(); i += 2) {
        const std::string name = literalText("JSON_OBJECT", pairs, i, accepted);
        checkJsonType("JSON_OBJECT", pairs[i + 1].type);
        auto known = std::find_if(members.begin(), members.end(),
                                  [&](const ObjectMember& member) { return member.name == name; });
        if (known == members.end()) known = members.insert(members.end(), {name, {}});
        known->arguments.insert(known->arguments.begin(), i + 1);
    }
    std::sort(members.begin(), members.end(),
              [](const ObjectMember& a, const ObjectMember& b) { return javaLess(a.name, b.name); });
    BoundScalar bound;
    bound.arguments = typesOf(arguments);
    bound.result = LogicalType::string().withNullable(false);
    bound.kernel = [type = bound.result, members, how](const FunctionContext&,
                                                       std::span<const ColumnPtr> columns, size_t rows) {
        return texts(type, rows, [&](size_t row, std::string& out) {
            out.push_back('{');
            for (const ObjectMember& member : members) {
                const auto value = std::find_if(
                    member.arguments.begin(), member.arguments.end(),
                    [&](size_t argument) { return !how.absent_on_null || !columns[argument]->isNull(row); });
                if (value == member.arguments.end()) continue;
                if (out.size() > 1) out.push_back(',');
                writeJsonString(member.name, out);
                out.push_back(':');
                how.write(*columns[*value], *value, row, out);
            }
            out.push_back('}');
        });
    };
    return bound;
}

BoundScalar bindJsonArray(std::span<const ArgumentInfo> arguments) {
    const JsonConstruction how = construction("JSON_ARRAY", arguments, "values");
    for (const ArgumentInfo& value : arguments.first(arguments.size() - 1))
        checkJsonType("JSON_ARRAY", value.type);
    BoundScalar bound;
    bound.arguments = typesOf(arguments);
    bound.result = LogicalType::string().withNullable(false);
    bound.kernel = [type = bound.result, how](const FunctionContext&, std::span<const ColumnPtr> columns,
                                              size_t rows) {
        return texts(type, rows, [&](size_t row, std::string& out) {
            out.push_back('[');
            for (size_t i = 0; i + 1 < columns.size(); ++i) {
                if (how.absent_on_null && columns[i]->isNull(row)) continue;
                if (out.size() > 1) out.push_back(',');
                how.write(*columns[i], i, row, out);
            }
            out.push_back(']');
        });
    };
    return bound;
}

BoundScalar bindString(std::span<const ArgumentInfo> arguments) {
    checkArgumentCount("JSON_STRING", arguments, 1, 1, "a value");
    checkJsonType("JSON_STRING", arguments[0].type);
    BoundScalar bound;
    bound.arguments = {arguments[0].type};
    bound.result = LogicalType::string().withNullable(arguments[0].type.nullable());
    bound.kernel = [type = bound.result](const FunctionContext&, std::span<const ColumnPtr> columns,
                                         size_t rows) {
        return mapToStrings(type, columns, rows, [&](size_t row, std::string& out) {
            writeJsonValue(*columns[0], row, out);
            return true;
        });
    };
    return bound;
}

// A text that JSON_OBJECT and JSON_ARRAY put in as it is: what stands there must be JSON.
BoundScalar bindRawJson(std::span<const ArgumentInfo> arguments) {
    checkArgumentCount("JSON", arguments, 1, 1, "a string");
    const LogicalType& type = arguments[0].type;
    if (!type.isCharacter() && type.kind() != TypeKind::Null) badArguments("JSON", arguments, "a string");
    BoundScalar bound;
    bound.arguments = {LogicalType::string()};
    bound.result = LogicalType::string().withNullable(type.nullable());
    bound.kernel = [result = bound.result](const FunctionContext&, std::span<const ColumnPtr> columns,
                                           size_t rows) {
        JsonDocument document;
        return mapToStrings(result, columns, rows, [&](size_t row, std::string& out) {
            const std::string_view text = columns[0]->data<StringView>()[row].view();
            if (!document.parse(text)) {
                throw UserError("data.malformed", fmt::format("JSON('{}'): this is no JSON", text),
                                "without JSON(...) a string is put in as a string");
            }
            out.append(text);
            return true;
        });
    };
    return bound;
}

}  // namespace

std::vector<ScalarFunction> describeScalarJsonConstruct() {
    return {
        {.name = "JSON_OBJECT",
         .signature = "JSON_OBJECT([KEY] name VALUE value, ... [{NULL | ABSENT} ON NULL])",
         .documentation =
             "A JSON object of the names, string literals, and their values, sorted by name. NULLs "
             "are null, or left out with ABSENT ON NULL. A value that is a JSON_OBJECT or a "
             "JSON_ARRAY is put in as JSON, not as a string.",
         .examples = {{"JSON_OBJECT('b' VALUE 'x', 'a' VALUE 1.50)", "{\"a\":1.5,\"b\":\"x\"}"},
                      {"JSON_OBJECT(KEY 'a' VALUE JSON_ARRAY(1, 2))", "{\"a\":[1,2]}"},
                      {"JSON_OBJECT('a' VALUE CAST(NULL AS INT))", "{\"a\":null}"},
                      {"JSON_OBJECT('a' VALUE CAST(NULL AS INT) ABSENT ON NULL)", "{}"}},
         .bind = bindObject},
        {.name = "JSON_ARRAY",
         .signature = "JSON_ARRAY(value, ... [{NULL | ABSENT} ON NULL])",
         .documentation =
             "A JSON array of the values. NULLs are left out, or null with NULL ON NULL. A value "
             "that is a JSON_OBJECT or a JSON_ARRAY is put in as JSON, not as a string.",
         .examples = {{"JSON_ARRAY(1, '2', TRUE)", "[1,\"2\",true]"},
                      {"JSON_ARRAY(CAST(NULL AS INT) NULL ON NULL)", "[null]"},
                      {"JSON_ARRAY(JSON_ARRAY(1))", "[[1]]"}},
         .bind = bindJsonArray},
        {.name = "JSON",
         .signature = "JSON(string)",
         .documentation = "In JSON_OBJECT and JSON_ARRAY: a text that is JSON, put in as it is.",
         .examples = {{"JSON_OBJECT('a' VALUE JSON('[1, {}]'))", "{\"a\":[1, {}]}"},
                      {"JSON_ARRAY(JSON('1'), '1')", "[1,\"1\"]"}},
         .bind = bindRawJson},
        {.name = "JSON_STRING",
         .signature = "JSON_STRING(value)",
         .documentation =
             "The value as JSON: ROWs and MAPs as objects sorted by name, timestamps as ISO texts, "
             "bytes in base 64.",
         .examples = {{"JSON_STRING('Hello \"you\"')", "\"Hello \\\"you\\\"\""},
                      {"JSON_STRING(ARRAY[1, CAST(NULL AS INT)])", "[1,null]"},
                      {"JSON_STRING(TIMESTAMP '2024-02-29 10:11:12.120')", "\"2024-02-29T10:11:12.12\""}},
         .bind = bindString},
    };
}

}  // namespace millrace
