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

// ---- Rows that go by the name of a class.

constexpr std::string_view kObjectArguments =
    "(the name of a class [, the name of a field, its value, ...]), names as literals";
constexpr std::string_view kUpdateArguments =
    "(what OBJECT_OF makes, the name of one of its fields, the new value, ...), names as literals";

BoundScalar bindObjectOf(std::span<const ArgumentInfo> arguments) {
    checkArgumentCount("OBJECT_OF", arguments, 1, SIZE_MAX, kObjectArguments);
    if (arguments.size() % 2 != 1) badArguments("OBJECT_OF", arguments, kObjectArguments);
    const std::string class_name = literalText("OBJECT_OF", arguments, 0, kObjectArguments);
    if (class_name.empty()) badArguments("OBJECT_OF", arguments, kObjectArguments);
    BoundScalar bound;
    bound.arguments = typesOf(arguments);
    std::vector<Field> fields;
    for (size_t i = 1; i < arguments.size(); i += 2) {
        std::string name = literalText("OBJECT_OF", arguments, i, kObjectArguments);
        const LogicalType& type = arguments[i + 1].type;
        if (type.kind() == TypeKind::Null) badArguments("OBJECT_OF", arguments, kObjectArguments);
        for (const Field& other : fields) {
            if (other.name == name) {
                throw UserError("sql.bad-argument",
                                fmt::format("OBJECT_OF: the field '{}' is there twice", name));
            }
        }
        fields.push_back({std::move(name), type});
    }
    bound.result = LogicalType::structured(class_name, std::move(fields)).withNullable(false);
    bound.kernel = [type = bound.result](const FunctionContext&, std::span<const ColumnPtr> columns,
                                         size_t rows) {
        auto result = std::make_shared<Column>(type, rows);
        std::vector<ColumnPtr> values;
        for (size_t i = 2; i < columns.size(); i += 2)
            values.push_back(columns[i]);
        result->setChildren(std::move(values));
        return ColumnPtr(result);
    };
    return bound;
}

BoundScalar bindObjectUpdate(std::span<const ArgumentInfo> arguments) {
    checkArgumentCount("OBJECT_UPDATE", arguments, 3, SIZE_MAX, kUpdateArguments);
    const LogicalType& object = arguments[0].type;
    if (arguments.size() % 2 != 1 || object.kind() != TypeKind::Row || object.className().empty())
        badArguments("OBJECT_UPDATE", arguments, kUpdateArguments);
    BoundScalar bound;
    bound.arguments = typesOf(arguments);
    std::vector<Field> fields = object.fields();
    std::vector<std::pair<size_t, size_t>> changes;  // field, argument
    for (size_t i = 1; i < arguments.size(); i += 2) {
        const std::string name = literalText("OBJECT_UPDATE", arguments, i, kUpdateArguments);
        const auto field = std::find_if(fields.begin(), fields.end(),
                                        [&](const Field& other) { return other.name == name; });
        const LogicalType& type = arguments[i + 1].type;
        if (type.kind() == TypeKind::Null) badArguments("OBJECT_UPDATE", arguments, kUpdateArguments);
        if (field == fields.end()) {
            throw UserError("sql.bad-argument", fmt::format("OBJECT_UPDATE: {} has no field '{}'",
                                                            object.withNullable(true).toString(), name));
        }
        field->type = type;
        changes.emplace_back(field - fields.begin(), i + 1);
    }
    bound.result =
        LogicalType::structured(object.className(), std::move(fields)).withNullable(object.nullable());
    bound.kernel = [type = bound.result, changes](const FunctionContext&, std::span<const ColumnPtr> columns,
                                                  size_t rows) {
        auto result = makeResult(type, columns.first(1), rows);
        std::vector<ColumnPtr> values = columns[0]->children();
        for (const auto& [field, argument] : changes)
            values[field] = columns[argument];
        result->setChildren(std::move(values));
        return ColumnPtr(result);
    };
    return bound;
}

}  // namespace

std::vector<ScalarFunction> describeScalarRows() {
    return {
        {.name = ".",
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
         .bind = bindRow},
        {.name = "OBJECT_OF",
         .signature = "OBJECT_OF(class_name, [field_name, value, ...])",
         .documentation =
             "A STRUCTURED value of the fields, which goes by the name of the class. The class need not "
             "exist: the value is a row that only takes part where rows of that name are wanted.",
         .examples = {{"OBJECT_OF('com.example.User', 'name', 'Bob', 'age', 42)", "(Bob, 42)"},
                      {"OBJECT_OF('com.example.User', 'name', 'Bob').name", "Bob"},
                      {"TYPEOF(OBJECT_OF('com.example.User', 'age', 42))",
                       "STRUCTURED<'com.example.User', `age` INT NOT NULL> NOT NULL"}},
         .bind = bindObjectOf},
        {.name = "OBJECT_UPDATE",
         .signature = "OBJECT_UPDATE(object, field_name, value [, ...])",
         .documentation = "The STRUCTURED value with other values, which may be of other types, in the "
                          "fields named.",
         .examples = {{"OBJECT_UPDATE(OBJECT_OF('com.example.User', 'name', 'Bob', 'age', 42), 'age', 43)",
                       "(Bob, 43)"}},
         .bind = bindObjectUpdate}};
}

}  // namespace millrace
