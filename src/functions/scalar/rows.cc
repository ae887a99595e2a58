// ROWs: made of values, and their fields.
#include "functions/kernels.h"

namespace millrace {

namespace {

constexpr std::string_view kFieldArguments = "(ROW, the name of one of its fields)";

// The field's values, NULL also where the ROW is.
ColumnPtr fieldOf(const ColumnPtr& row, size_t field, const LogicalType& type, size_t rows) {
    const ColumnPtr& values = row->children()[field];
    if (row->validity() == nullptr) return Column::retyped(values, type);
    auto result = std::make_shared<Column>(type, rows);
    if (type.physical() == PhysicalType::List) {
        std::memcpy(result->mutableData<int32_t>(), values->data<int32_t>(), (rows + 1) * sizeof(int32_t));
    } else if (const auto width = static_cast<size_t>(sizeOf(type.physical())); width > 0) {
        std::memcpy(result->mutableData<std::byte>(), values->data<std::byte>(), rows * width);
    }
    result->setChildren(values->children());
    result->keepAllOf(*values);
    std::memcpy(result->mutableValidity(), row->validity(), rows);
    if (values->validity() != nullptr) intersectValidity(result->mutableValidity(), values->validity(), rows);
    return result;
}

BoundScalar bindField(std::span<const ArgumentInfo> arguments) {
    checkArgumentCount(".", arguments, 2, 2, kFieldArguments);
    const LogicalType& row = arguments[0].type;
    if (row.kind() != TypeKind::Row) badArguments(".", arguments, kFieldArguments);
    const std::string name = literalText(".", arguments, 1, kFieldArguments);
    const std::vector<Field>& fields = row.fields();
    const auto found =
        std::find_if(fields.begin(), fields.end(), [&](const Field& field) { return field.name == name; });
    if (found == fields.end()) badArguments(".", arguments, kFieldArguments);
    BoundScalar bound;
    bound.result = found->type.withNullable(found->type.nullable() || row.nullable());
    bound.arguments = {row, arguments[1].type};
    bound.total = true;
    bound.kernel = [field = static_cast<size_t>(found - fields.begin()), type = bound.result](
                       const FunctionContext&, std::span<const ColumnPtr> columns, size_t rows) {
        return fieldOf(columns[0], field, type, rows);
    };
    return bound;
}

BoundScalar bindRow(std::span<const ArgumentInfo> arguments) {
    constexpr std::string_view kValues = "one or more values of a type; CAST a NULL";
    checkArgumentCount("ROW", arguments, 1, SIZE_MAX, kValues);
    BoundScalar bound;
    std::vector<Field> fields;
    for (size_t i = 0; i < arguments.size(); ++i) {
        const LogicalType& type = arguments[i].type;
        if (type.kind() == TypeKind::Null) badArguments("ROW", arguments, kValues);
        fields.push_back({"EXPR$" + std::to_string(i), type});
        bound.arguments.push_back(type);
    }
    bound.result = LogicalType::row(std::move(fields)).withNullable(false);
    bound.kernel = [type = bound.result](const FunctionContext&, std::span<const ColumnPtr> columns,
                                         size_t rows) {
        auto result = std::make_shared<Column>(type, rows);
        result->setChildren({columns.begin(), columns.end()});
        return ColumnPtr(result);
    };
    return bound;
}

}  // namespace

std::vector<ScalarFunction> describeScalarRows() {
    return {{.name = ".",
             .signature = "row.field",
             .documentation = "A field of a ROW, by its name. NULL if the ROW is NULL.",
             .examples = {{"CAST(ROW(1, 'abc') AS ROW<a INT, b STRING>).b", "abc"},
                          {"CAST(NULL AS ROW<a INT>).a", "NULL"}},
             .bind = bindField},
            {.name = "ROW",
             .signature = "ROW(value, ...)",
             .documentation =
                 "A ROW of the values. Its fields are called EXPR$0, EXPR$1, ...; CAST gives them names.",
             .examples = {{"ROW(1, 'abc')", "(1, abc)"}},
             .bind = bindRow}};
}

}  // namespace millrace
