// JOIN ... FOR SYSTEM_TIME AS OF a rowtime attribute.
#pragma once

#include "operators/join_type.h"
#include "sql/bind/logical_plan.h"

namespace millrace::sql {

// Rows: the left columns, then the right ones, nullable if the type is Left. The left side's time attributes
// stay.
class LogicalTemporalJoin final : public LogicalNode {
  public:
    // `condition` is over the left columns and then the right ones. `left_time` and `right_time` are the
    // rowtime attributes, of the inputs.
    LogicalTemporalJoin(JoinType type, const LogicalPtr& left, const LogicalPtr& right,
                        ExpressionPtr condition, size_t left_time, size_t right_time, TextSpan where);
    JoinType type() const { return type_; }
    const ExpressionPtr& condition() const { return condition_; }
    size_t leftTime() const { return left_time_; }
    size_t rightTime() const { return right_time_; }
    std::string describe() const override;

  private:
    JoinType type_;
    ExpressionPtr condition_;
    size_t left_time_;
    size_t right_time_;
};

// The columns that tell the rows of a versioned table apart: the primary key of a table, or what a view
// partitions by that keeps the last row by event time (ROW_NUMBER() = 1). Nothing if it is neither.
std::optional<std::vector<size_t>> versionKey(const LogicalPtr& node);
// Of what has such a key: every row that was the last of its key at some time. The join finds the one of a
// time by itself, so a view need not, and rows that come out of order are versions, too.
LogicalPtr versionsOf(const LogicalPtr& node);

}  // namespace millrace::sql
