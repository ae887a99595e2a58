#include "sql/bind/logical_set_operation.h"

namespace millrace::sql {

namespace {

// A column of the result can be NULL where every input that its rows must be in has NULLs.
Schema resultSchema(SetOperationKind kind, const std::vector<LogicalPtr>& inputs) {
    std::vector<Field> fields = inputs.front()->schema().fields();
    for (size_t i = 0; i < fields.size() && kind == SetOperationKind::Intersect; ++i) {
        bool nullable = true;
        for (const LogicalPtr& input : inputs)
            nullable = nullable && input->schema()[i].type.nullable();
        fields[i].type = fields[i].type.withNullable(nullable);
    }
    return Schema(std::move(fields));
}

const char* nameOf(SetOperationKind kind) {
    return kind == SetOperationKind::Intersect ? "Intersect" : "Except";
}

}  // namespace

LogicalSetOperation::LogicalSetOperation(SetOperationKind kind, bool all, std::vector<LogicalPtr> inputs,
                                         TextSpan where)
    : LogicalNode(resultSchema(kind, inputs), std::vector<ColumnTraits>(inputs.front()->schema().size()),
                  inputs, where, fmt::format("{}{}", nameOf(kind), all ? " all" : "")),
      kind_(kind),
      all_(all) {}

std::string LogicalSetOperation::describe() const { return fmt::format("{}(all=[{}])", nameOf(kind_), all_); }

}  // namespace millrace::sql
