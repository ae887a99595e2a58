#include "sql/bind/logical_lookup_join.h"

namespace millrace::sql {

namespace {

Schema lookupSchema(JoinType type, const LogicalPtr& input, const TablePtr& table) {
    std::vector<Field> fields = input->schema().fields();
    for (Field field : table->storedSchema()) {
        if (keepsLeft(type)) field.type = field.type.withNullable(true);
        fields.push_back(std::move(field));
    }
    return Schema(std::move(fields));
}

std::vector<ColumnTraits> lookupTraits(const LogicalPtr& input, const TablePtr& table) {
    std::vector<ColumnTraits> traits = input->traits();
    traits.resize(traits.size() + table->storedSchema().size());
    return traits;
}

}  // namespace

LogicalLookupJoin::LogicalLookupJoin(JoinType type, LogicalPtr input, TablePtr table, ExpressionPtr condition,
                                     TextSpan where)
    : LogicalNode(
          lookupSchema(type, input, table), lookupTraits(input, table), {input}, where,
          fmt::format("lookup {} {} {}", joinTypeName(type), table->path.toString(), condition->canonical())),
      type_(type),
      table_(std::move(table)),
      condition_(std::move(condition)) {}

std::string LogicalLookupJoin::describe() const {
    return fmt::format("LookupJoin(table=[{}], joinType=[{}], condition=[{}])", table_->path.toString(),
                       joinTypeName(type_), condition_->toString());
}

}  // namespace millrace::sql
