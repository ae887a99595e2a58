// Rows once for every grouping set; made by the binder below the aggregation of GROUPING SETS, ROLLUP, CUBE.
#pragma once

#include "sql/bind/logical_plan.h"

namespace millrace::sql {

using GroupingSets = std::vector<std::vector<bool>>;  // of each set, one a key: whether the set has it

// The input's first columns are the keys. Output: the keys, NULL where the set of the row's copy does not
// have them; the set's number, BIGINT NOT NULL, called $e; the input's other columns.
bool inEverySet(const GroupingSets& sets, size_t key);

class LogicalExpand final : public LogicalNode {
  public:
    LogicalExpand(const LogicalPtr& input, GroupingSets sets, TextSpan where);
    const GroupingSets& sets() const { return sets_; }
    size_t keys() const { return sets_.front().size(); }
    std::string describe() const override;

  private:
    GroupingSets sets_;
};

}  // namespace millrace::sql
