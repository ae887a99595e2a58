// Functions about their arguments rather than of what these are worth.
#include "functions/lists.h"
#include "types/coercion.h"

namespace millrace {

namespace {

std::string described(const LogicalType& type, bool serializable) {
    const std::string suffix = type.nullable() ? "" : " NOT NULL";
    const auto part = [&](const LogicalType& child) { return described(child, serializable); };
    switch (type.kind()) {
        case TypeKind::Null:
            return "NULL";
        case TypeKind::IntervalYearMonth:  // in Flink they know the units they were written with
            return "INTERVAL YEAR TO MONTH" + suffix;
        case TypeKind::IntervalDayTime:
            return "INTERVAL DAY TO SECOND" + suffix;
        case TypeKind::Array:
            return "ARRAY<" + part(type.element()) + ">" + suffix;
        case TypeKind::Multiset:
            return "MULTISET<" + part(type.element()) + ">" + suffix;
        case TypeKind::Map:
            return "MAP<" + part(type.element()) + ", " + part(type.mapValue()) + ">" + suffix;
        case TypeKind::Row: {
            const bool structured = !type.className().empty();
            std::string fields = structured ? "'" + type.className() + "'" : "";
            for (const Field& field : type.fields())
                fields += (fields.empty() ? "`" : ", `") + field.name + "` " + part(field.type);
            return (structured ? "STRUCTURED<" : "ROW<") + fields + ">" + suffix;
        }
        case TypeKind::TimestampLtz:
            if (serializable)
                return fmt::format("TIMESTAMP({}) WITH LOCAL TIME ZONE{}", type.precision(), suffix);
            break;
        case TypeKind::Varchar:
            if (serializable && type.length() == LogicalType::kMaxLength)
                return fmt::format("VARCHAR({}){}", LogicalType::kMaxLength, suffix);
            break;
        case TypeKind::Varbinary:
            if (serializable && type.length() == LogicalType::kMaxLength)
                return fmt::format("VARBINARY({}){}", LogicalType::kMaxLength, suffix);
            break;
        default:
            break;
    }
    return type.toString();
}

BoundScalar bindTypeOf(std::span<const ArgumentInfo> arguments) {
    constexpr std::string_view accepted = "a value and, if wanted, TRUE or FALSE as a literal";
    checkArgumentCount("TYPEOF", arguments, 1, 2, accepted);
    bool serializable = false;
    if (arguments.size() == 2) {
        const auto& literal = arguments[1].literal;
        if (arguments[1].type.kind() != TypeKind::Boolean || !literal || literal->isNull())
            badArguments("TYPEOF", arguments, accepted);
        serializable = literal->asBool();
    }
    BoundScalar bound;
    bound.result = LogicalType::string();
    for (const ArgumentInfo& argument : arguments)
        bound.arguments.push_back(argument.type);
    bound.total = true;
    bound.kernel = [text = Value::string(described(arguments[0].type, serializable))](
                       const FunctionContext&, std::span<const ColumnPtr>, size_t rows) {
        return Column::constant(LogicalType::string(), text, rows);
    };
    return bound;
}

BoundScalar bindElt(std::span<const ArgumentInfo> arguments) {
    constexpr std::string_view accepted = "a number and one or more values, all strings or all bytes";
    checkArgumentCount("ELT", arguments, 2, SIZE_MAX, accepted);
    if (!arguments[0].type.isInteger() && arguments[0].type.kind() != TypeKind::Null)
        badArguments("ELT", arguments, accepted);
    std::vector<LogicalType> types;
    for (const ArgumentInfo& value : arguments.subspan(1))
        types.push_back(value.type);
    LogicalType common = commonElementType("ELT", arguments, types, accepted);
    if (!common.isCharacter() && !common.isBinary()) badArguments("ELT", arguments, accepted);
    BoundScalar bound;
    bound.result =
        (common.isCharacter() ? LogicalType::string() : LogicalType::varbinary(LogicalType::kMaxLength));
    bound.arguments.assign(arguments.size(), bound.result);
    bound.arguments[0] = LogicalType::bigint();
    bound.total = true;
    bound.kernel = [type = bound.result](const FunctionContext&, std::span<const ColumnPtr> columns,
                                         size_t rows) {
        const JoinedElements values(columns.subspan(1));
        const auto* const numbers = columns[0]->data<int64_t>();
        Selection chosen(rows, kNoElement);
        for (size_t row = 0; row < rows; ++row) {
            if (columns[0]->isNull(row) || numbers[row] < 1) continue;
            const auto number = static_cast<uint64_t>(numbers[row]);
            if (number >= columns.size()) continue;
            chosen[row] = values.base(number - 1) + static_cast<uint32_t>(row);
        }
        return chosenElements(values.all(), chosen, type);
    };
    return bound;
}

}  // namespace

std::vector<ScalarFunction> describeScalarTypeOf() {
    return {
        {.name = "TYPEOF",
         .signature = "TYPEOF(value [, serializable])",
         .documentation = "The name of the value's type, as DESCRIBE shows it; with TRUE, spelt out as a "
                          "catalog would keep it.",
         .examples = {{"TYPEOF(ARRAY[1, 2.5])", "ARRAY<DECIMAL(11, 1) NOT NULL> NOT NULL"},
                      {"TYPEOF(CAST(NULL AS STRING))", "STRING"},
                      {"TYPEOF(CAST(NULL AS STRING), TRUE)", "VARCHAR(2147483647)"}},
         .bind = bindTypeOf},
        {.name = "ELT",
         .signature = "ELT(number, value1, ...)",
         .documentation = "The value at the number, counted from 1; NULL if there is none.",
         .examples = {{"ELT(2, 'scala', 'java')", "java"}, {"ELT(3, 'scala', 'java')", "NULL"}},
         .bind = bindElt},
    };
}

}  // namespace millrace
