// JOIN, and what IN and EXISTS become.
#pragma once

#include <array>

#include "base/configuration.h"
#include "operators/join_type.h"
#include "sql/bind/logical_plan.h"

namespace millrace::sql {

using StateTtls = std::array<std::optional<Duration>, 2>;  // of the left and of the right side

// Rows: the left columns, then the right ones (nullable where that side may be padded); of Semi and Anti only
// the left ones. A regular join's rows come at any time, so no column is a time attribute or a window's bound
// any more.
class LogicalJoin final : public LogicalNode {
  public:
    // `condition` is over the left columns and then the right ones; nullptr is TRUE.
    // `state_ttls`: how long rows of each side are kept, where a hint says so; no part of its meaning.
    LogicalJoin(JoinType type, const LogicalPtr& left, const LogicalPtr& right, ExpressionPtr condition,
                TextSpan where, StateTtls state_ttls = {});
    JoinType type() const { return type_; }
    const LogicalPtr& left() const { return inputs()[0]; }
    const LogicalPtr& right() const { return inputs()[1]; }
    const ExpressionPtr& condition() const { return condition_; }
    const StateTtls& stateTtls() const { return state_ttls_; }
    std::string describe() const override;

  private:
    JoinType type_;
    ExpressionPtr condition_;
    StateTtls state_ttls_;
};

// How far apart in event time the rows of an interval join may be: left time - right time, in microseconds.
struct TimeBounds {
    size_t columns[2] = {0, 0};  // the rowtime attributes: of the left input, of the right one
    int64_t lower = 0;
    int64_t upper = 0;
    bool operator==(const TimeBounds&) const = default;
};
// What `condition` over the left columns and then the right ones says of one rowtime attribute of each side,
// if it bounds their distance from both sides.
std::optional<TimeBounds> timeBoundsOf(const ExpressionPtr& condition, const std::vector<ColumnTraits>& left,
                                       const std::vector<ColumnTraits>& right);

// What `condition` says of the difference of two columns, one of each side; INT64_MIN or INT64_MAX where it
// does not bound it.
TimeBounds boundsBetween(const ExpressionPtr& condition, size_t left_column, size_t right_column,
                         size_t left_width);

// Whether the two columns are this bound of equal event-time windows.
bool sameWindowBound(const ColumnTraits& left, const ColumnTraits& right, WindowBound bound);

}  // namespace millrace::sql
