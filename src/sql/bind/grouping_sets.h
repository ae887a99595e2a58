// What GROUP BY groups by: keys, and with GROUPING SETS, ROLLUP or CUBE, which of them each set has.
#pragma once

#include <vector>

#include "sql/bind/expression_binder.h"
#include "sql/bind/logical_expand.h"

namespace millrace::sql {

struct GroupingKeys {
    std::vector<ExpressionPtr> keys;  // each once
    GroupingSets sets;                // empty: one set of all keys
};

// Apart from the group window, which is a key of every set. UserError "sql.unknown-column" and the like,
// "sql.too-large" above kGroupingSetsMax sets.
inline constexpr size_t kGroupingSetsMax = 1024;
GroupingKeys bindGroupingKeys(const Select& select, const Scope& scope);

// GROUPING(a, b), GROUPING_ID(a, b) and GROUP_ID().
bool isGroupingFunction(const Call& call);

}  // namespace millrace::sql
