// INTERSECT and EXCEPT of inputs with equal column types; the names are the first one's.
#pragma once

#include "operators/intersect_except.h"
#include "sql/bind/logical_plan.h"

namespace millrace::sql {

class LogicalSetOperation final : public LogicalNode {
  public:
    LogicalSetOperation(SetOperationKind kind, bool all, std::vector<LogicalPtr> inputs, TextSpan where);
    SetOperationKind kind() const { return kind_; }
    bool all() const { return all_; }
    std::string describe() const override;

  private:
    SetOperationKind kind_;
    bool all_;
};

}  // namespace millrace::sql
