#include "functions/kernels.h"

namespace millrace {

namespace {

struct TruthTest {
    const char* name;
    uint8_t of_true;
    uint8_t of_false;
    uint8_t of_null;
    const char* documentation;
    FunctionExample example;
};

const TruthTest kTruthTests[] = {
    {"IS TRUE",
     1,
     0,
     0,
     "TRUE if the boolean is TRUE, else FALSE, also for NULL.",
     {"(1 = 1) IS TRUE", "TRUE"}},
    {"IS NOT TRUE",
     0,
     1,
     1,
     "TRUE if the boolean is FALSE or NULL.",
     {"CAST(NULL AS BOOLEAN) IS NOT TRUE", "TRUE"}},
    {"IS FALSE",
     0,
     1,
     0,
     "TRUE if the boolean is FALSE, else FALSE, also for NULL.",
     {"(1 = 1) IS FALSE", "FALSE"}},
    {"IS NOT FALSE",
     1,
     0,
     1,
     "TRUE if the boolean is TRUE or NULL.",
     {"CAST(NULL AS BOOLEAN) IS NOT FALSE", "TRUE"}},
    {"IS UNKNOWN", 0, 0, 1, "TRUE if the boolean is NULL.", {"CAST(NULL AS BOOLEAN) IS UNKNOWN", "TRUE"}},
    {"IS NOT UNKNOWN", 1, 1, 0, "TRUE if the boolean is not NULL.", {"(1 = 2) IS NOT UNKNOWN", "TRUE"}},
};

BoundScalar bindTruthTest(const TruthTest& test, std::span<const ArgumentInfo> arguments) {
    checkArgumentCount(test.name, arguments, 1, 1, "a BOOLEAN");
    const TypeKind kind = arguments[0].type.kind();
    if (kind != TypeKind::Boolean && kind != TypeKind::Null) badArguments(test.name, arguments, "a BOOLEAN");
    BoundScalar bound;
    bound.result = LogicalType::boolean().withNullable(false);
    bound.arguments = {LogicalType::boolean()};
    bound.total = true;
    bound.kernel = [test, result = bound.result](const FunctionContext&, std::span<const ColumnPtr> columns,
                                                 size_t rows) {
        auto column = std::make_shared<Column>(result, rows);
        auto* const out = column->mutableData<uint8_t>();
        const auto* const in = columns[0]->data<uint8_t>();
        const uint8_t* const valid = columns[0]->validity();
        for (size_t i = 0; i < rows; ++i) {
            const uint8_t answer = in[i] != 0 ? test.of_true : test.of_false;
            out[i] = valid == nullptr || valid[i] != 0 ? answer : test.of_null;
        }
        return ColumnPtr(column);
    };
    return bound;
}

BoundScalar bindNullTest(bool is_null, std::span<const ArgumentInfo> arguments) {
    checkArgumentCount(is_null ? "IS NULL" : "IS NOT NULL", arguments, 1, 1, "one value");
    BoundScalar bound;
    bound.result = LogicalType::boolean().withNullable(false);
    bound.arguments = {arguments[0].type};
    bound.total = true;
    bound.kernel = [is_null, result = bound.result](const FunctionContext&,
                                                    std::span<const ColumnPtr> columns, size_t rows) {
        auto column = std::make_shared<Column>(result, rows);
        auto* const out = column->mutableData<uint8_t>();
        const uint8_t* const valid = columns[0]->validity();
        const auto flip = static_cast<uint8_t>(is_null);
        for (size_t i = 0; i < rows; ++i)
            out[i] = (valid != nullptr ? valid[i] : 1) ^ flip;
        return ColumnPtr(column);
    };
    return bound;
}

BoundScalar bindNot(std::span<const ArgumentInfo> arguments) {
    checkArgumentCount("NOT", arguments, 1, 1, "a BOOLEAN");
    const TypeKind kind = arguments[0].type.kind();
    if (kind != TypeKind::Boolean && kind != TypeKind::Null) badArguments("NOT", arguments, "a BOOLEAN");
    BoundScalar bound;
    bound.result = LogicalType::boolean().withNullable(anyNullable(arguments));
    bound.arguments = {LogicalType::boolean()};
    bound.kernel = unaryKernel<uint8_t, uint8_t>(bound.result, [](uint8_t value) { return value ^ 1; });
    bound.total = true;
    return bound;
}

}  // namespace

std::vector<ScalarFunction> describeScalarLogic() {
    std::vector<ScalarFunction> functions;
    for (const TruthTest& test : kTruthTests) {
        functions.push_back({.name = test.name,
                             .signature = std::string("boolean ") + test.name,
                             .documentation = test.documentation,
                             .examples = {test.example},
                             .bind = [&test](std::span<const ArgumentInfo> arguments) {
                                 return bindTruthTest(test, arguments);
                             }});
    }
    functions.push_back(
        {.name = "IS NULL",
         .signature = "value IS NULL",
         .documentation = "TRUE if the value is NULL.",
         .examples = {{"CAST(NULL AS INT) IS NULL", "TRUE"}},
         .bind = [](std::span<const ArgumentInfo> arguments) { return bindNullTest(true, arguments); }});
    functions.push_back(
        {.name = "IS NOT NULL",
         .signature = "value IS NOT NULL",
         .documentation = "TRUE if the value is not NULL.",
         .examples = {{"'' IS NOT NULL", "TRUE"}},
         .bind = [](std::span<const ArgumentInfo> arguments) { return bindNullTest(false, arguments); }});
    functions.push_back({.name = "NOT",
                         .signature = "NOT boolean",
                         .documentation = "FALSE for TRUE, TRUE for FALSE, NULL for NULL.",
                         .examples = {{"NOT (1 = 2)", "TRUE"}},
                         .bind = bindNot});
    return functions;
}

}  // namespace millrace
