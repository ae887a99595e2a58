// A join whose condition bounds how far apart in event time its rows may be is an interval join: its state
// goes with the watermark, and what it puts out is final.
#include "sql/plan/nodes/join.h"

namespace millrace::sql {

// The logical join's columns are those of the node's inputs until columns are pruned.
void recogniseIntervalJoins(RelRoots& roots) {
    for (Rel* rel : inOrder(roots)) {
        auto* join = rel->get<JoinRel>();
        if (!join || join->window) continue;
        const auto& logical = as<LogicalJoin>(*rel->origin);
        join->bounds = timeBoundsOf(logical.condition(), logical.left()->traits(), logical.right()->traits());
    }
}

}  // namespace millrace::sql
