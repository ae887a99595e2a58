// VARIANTs of JSON texts.
#include "functions/variant.h"

#include "functions/kernels.h"

namespace millrace {

namespace {

BoundScalar bindParse(const std::string& name, bool or_null, std::span<const ArgumentInfo> arguments) {
    constexpr std::string_view accepted = "(JSON as a string [, whether keys may be there twice])";
    checkArgumentCount(name, arguments, 1, 2, accepted);
    const auto is = [&](size_t index, bool right) {
        return index >= arguments.size() || right || arguments[index].type.kind() == TypeKind::Null;
    };
    if (!is(0, arguments[0].type.isCharacter()) ||
        !is(1, arguments.back().type.kind() == TypeKind::Boolean)) {
        badArguments(name, arguments, accepted);
    }
    BoundScalar bound;
    bound.arguments.push_back(LogicalType::string());
    if (arguments.size() == 2) bound.arguments.push_back(LogicalType::boolean());
    bound.result = LogicalType::of(TypeKind::Variant).withNullable(or_null || anyNullable(arguments));
    // Not folded: 1.5 and 1.5e0 are other values and the same JSON, by which plans know literals.
    bound.context_free = false;
    bound.kernel = [name, or_null, type = bound.result](const FunctionContext&,
                                                        std::span<const ColumnPtr> columns, size_t rows) {
        VariantParser parser;
        return mapToStrings(type, columns, rows, [&](size_t row, std::string& out) {
            const std::string_view json = columns[0]->data<StringView>()[row].view();
            const bool duplicates = columns.size() == 2 && columns[1]->data<uint8_t>()[row] != 0;
            const std::string problem = parser.parse(json, duplicates, out);
            if (problem.empty()) return true;
            if (or_null) return false;
            throw UserError("data.malformed", fmt::format("{}('{}'): {}", name, json.substr(0, 200), problem),
                            "TRY_PARSE_JSON gives NULL instead");
        });
    };
    return bound;
}

ScalarFunction parse(const std::string& name, bool or_null, const std::string& otherwise,
                     std::vector<FunctionExample> examples) {
    return {.name = name,
            .signature = name + "(json [, allow_duplicate_keys])",
            .documentation = "The VARIANT of a JSON text. " + otherwise +
                             " So does an object with a key twice, unless the second argument is TRUE: then "
                             "the last value counts.",
            .examples = std::move(examples),
            .bind = [name, or_null](std::span<const ArgumentInfo> arguments) {
                return bindParse(name, or_null, arguments);
            }};
}

}  // namespace

std::vector<ScalarFunction> describeScalarVariant() {
    return {
        parse("PARSE_JSON", false, "A text that is no JSON fails the job.",
              {{"PARSE_JSON('{\"b\": [1, 2.50], \"a\": null}')", "{\"a\":null,\"b\":[1,2.5]}"},
               {"PARSE_JSON('{\"a\": [\"x\", {\"y\": true}]}')['a'][2]['y']", "true"},
               {"CAST(PARSE_JSON('[\"x\", 7]')[1] AS STRING)", "x"},
               {"PARSE_JSON('{\"a\": 1, \"a\": 2}', TRUE)", "{\"a\":2}"}}),
        parse("TRY_PARSE_JSON", true, "A text that is no JSON gives NULL.",
              {{"TRY_PARSE_JSON('{\"a\": 1')", "NULL"}, {"TRY_PARSE_JSON('[1e2]')", "[100.0]"}}),
    };
}

}  // namespace millrace
