#include "functions/comparison.h"
#include "functions/kernels.h"
#include "types/coercion.h"

namespace millrace {

namespace {

LogicalType commonOf(std::string_view name, std::span<const ArgumentInfo> arguments,
                     std::span<const ArgumentInfo> branches, std::string_view accepted) {
    std::vector<LogicalType> types;
    for (const ArgumentInfo& branch : branches)
        types.push_back(branch.type);
    const auto type = commonType(types);
    if (!type) badArguments(name, arguments, accepted);
    return *type;
}

BoundScalar bindCoalesce(std::string_view name, size_t least, size_t most,
                         std::span<const ArgumentInfo> arguments) {
    constexpr std::string_view accepted = "values of one common type";
    checkArgumentCount(name, arguments, least, most, accepted);
    const LogicalType common = commonOf(name, arguments, arguments, accepted);
    const bool nullable = std::all_of(arguments.begin(), arguments.end(),
                                      [](const ArgumentInfo& a) { return a.type.nullable(); });
    BoundScalar bound;
    bound.result = common.withNullable(nullable);
    bound.arguments.assign(arguments.size(), common.withNullable(true));
    return bound;
}

BoundScalar bindIf(std::span<const ArgumentInfo> arguments) {
    constexpr std::string_view accepted = "(condition, value if TRUE, value otherwise)";
    checkArgumentCount("IF", arguments, 3, 3, accepted);
    const TypeKind condition = arguments[0].type.kind();
    if (condition != TypeKind::Boolean && condition != TypeKind::Null)
        badArguments("IF", arguments, accepted);
    BoundScalar bound;
    bound.result = commonOf("IF", arguments, arguments.subspan(1), accepted);
    bound.arguments = {LogicalType::boolean(), bound.result.withNullable(true),
                       bound.result.withNullable(true)};
    return bound;
}

BoundScalar bindNullIf(std::span<const ArgumentInfo> arguments) {
    checkArgumentCount("NULLIF", arguments, 2, 2, "two values of comparable types");
    if (!comparisonType("NULLIF", arguments[0].type, arguments[1].type)) {
        badArguments("NULLIF", arguments, "two values of comparable types");
    }
    BoundScalar bound;
    bound.result = arguments[0].type.withNullable(true);
    bound.arguments = {arguments[0].type, arguments[1].type};
    return bound;
}

// GREATEST and LEAST: NULL if any argument is.
template <class T, bool kGreatest>
ScalarKernel extremeKernel(const LogicalType& type) {
    return [type](const FunctionContext&, std::span<const ColumnPtr> columns, size_t rows) {
        auto result = makeResult(type, columns, rows);
        T* const out = result->template mutableData<T>();
        std::copy_n(columns[0]->template data<T>(), rows, out);
        for (const ColumnPtr& column : columns.subspan(1)) {
            const T* const in = column->template data<T>();
            for (size_t i = 0; i < rows; ++i)
                out[i] = (kGreatest ? out[i] < in[i] : in[i] < out[i]) ? in[i] : out[i];
        }
        for (const ColumnPtr& column : columns)
            result->keepAllOf(*column);
        return ColumnPtr(result);
    };
}

template <bool kGreatest>
BoundScalar bindExtreme(std::string_view name, std::span<const ArgumentInfo> arguments) {
    constexpr std::string_view accepted = "values of one common, comparable type";
    checkArgumentCount(name, arguments, 1, 1000, accepted);
    BoundScalar bound;
    bound.result = commonOf(name, arguments, arguments, accepted);
    if (bound.result.isNested() || bound.result.kind() == TypeKind::Variant)
        badArguments(name, arguments, accepted);
    bound.arguments.assign(arguments.size(), bound.result.withNullable(true));
    bound.kernel = dispatchPhysical(bound.result.physical(),
                                    [&]<class T>() { return extremeKernel<T, kGreatest>(bound.result); });
    bound.total = true;
    return bound;
}

}  // namespace

std::vector<ScalarFunction> describeScalarConditional() {
    return {
        {.name = "COALESCE",
         .signature = "COALESCE(value1, value2 [, ...])",
         .documentation = "The first of the values that is not NULL; NULL if all are.",
         .examples = {{"COALESCE(CAST(NULL AS INT), 5)", "5"}},
         .case_form = CaseForm::Coalesce,
         .bind =
             [](std::span<const ArgumentInfo> arguments) {
                 return bindCoalesce("COALESCE", 1, 1000, arguments);
             }},
        {.name = "IFNULL",
         .signature = "IFNULL(value, otherwise)",
         .documentation = "The value, or `otherwise` where it is NULL.",
         .examples = {{"IFNULL(CAST(NULL AS STRING), 'none')", "none"}},
         .case_form = CaseForm::Coalesce,
         .bind =
             [](std::span<const ArgumentInfo> arguments) { return bindCoalesce("IFNULL", 2, 2, arguments); }},
        {.name = "IF",
         .signature = "IF(condition, then, otherwise)",
         .documentation =
             "`then` where the condition is TRUE, else `otherwise`. Only the one that is taken is evaluated.",
         .examples = {{"IF(1 > 2, 'a', 'b')", "b"}},
         .case_form = CaseForm::If,
         .bind = bindIf},
        {.name = "NULLIF",
         .signature = "NULLIF(value1, value2)",
         .documentation = "NULL if the values are equal, else value1.",
         .examples = {{"NULLIF(5, 5)", "NULL"}, {"NULLIF(5, 0)", "5"}},
         .case_form = CaseForm::NullIf,
         .bind = bindNullIf},
        {.name = "GREATEST",
         .signature = "GREATEST(value1 [, value2 ...])",
         .documentation = "The greatest of the values; NULL if one is NULL.",
         .examples = {{"GREATEST(1, 3, 2)", "3"}},
         .bind =
             [](std::span<const ArgumentInfo> arguments) {
                 return bindExtreme<true>("GREATEST", arguments);
             }},
        {.name = "LEAST",
         .signature = "LEAST(value1 [, value2 ...])",
         .documentation = "The least of the values; NULL if one is NULL.",
         .examples = {{"LEAST('b', 'a')", "a"}},
         .bind =
             [](std::span<const ArgumentInfo> arguments) { return bindExtreme<false>("LEAST", arguments); }},
    };
}

}  // namespace millrace
