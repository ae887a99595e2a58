// UNNEST of a collection that each row holds: every row once for each element.
#pragma once

#include "operators/unnest.h"
#include "sql/bind/logical_plan.h"

namespace millrace::sql {

// The input's last column is the collection. Output: the input's other columns, the element's
// (unnestedFields()), and with `ordinality` its place from 1. With `keeps_rows`, rows without an element
// stay, with NULLs.
class LogicalUnnest final : public LogicalNode {
  public:
    LogicalUnnest(const LogicalPtr& input, bool keeps_rows, bool ordinality, TextSpan where);
    bool keepsRows() const { return keeps_rows_; }
    bool ordinality() const { return ordinality_; }
    std::string describe() const override;

  private:
    bool keeps_rows_;
    bool ordinality_;
};

}  // namespace millrace::sql
