// JOIN t FOR SYSTEM_TIME AS OF a processing-time attribute.
#pragma once

#include "operators/join_type.h"
#include "sql/bind/logical_plan.h"

namespace millrace::sql {

// Rows: the input's columns, then the table's stored ones, nullable in a left join. Each row meets what the
// table holds when it comes; order and time attributes of the input stay.
class LogicalLookupJoin final : public LogicalNode {
  public:
    // `type` is Inner or Left; `condition` is over the input's columns and then the table's.
    LogicalLookupJoin(JoinType type, LogicalPtr input, TablePtr table, ExpressionPtr condition,
                      TextSpan where);
    JoinType type() const { return type_; }
    const TablePtr& table() const { return table_; }
    const ExpressionPtr& condition() const { return condition_; }
    std::string describe() const override;

  private:
    JoinType type_;
    TablePtr table_;
    ExpressionPtr condition_;
};

}  // namespace millrace::sql
