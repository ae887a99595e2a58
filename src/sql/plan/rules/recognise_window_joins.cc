// A join by both bounds of equal event-time windows is a window join: what it puts out is final once the
// watermark passes the window, and its state goes.
#include "sql/bind/logical_join.h"
#include "sql/plan/nodes/join.h"

namespace millrace::sql {

namespace {

// Before windows are fused and columns pruned, a node's columns are those of the logical node it computes,
// with computed keys behind them.
const ColumnTraits& traitsOf(const Rel& input, size_t column) {
    static const ColumnTraits none;
    const std::vector<ColumnTraits>& traits = input.origin->traits();
    return column < traits.size() ? traits[column] : none;
}

void recogniseWindowJoin(Rel& rel) {
    auto* join = rel.get<JoinRel>();
    if (!join) return;
    for (size_t end = 0; end < join->keys[0].size(); ++end) {
        const ColumnTraits& left_end = traitsOf(*rel.inputs[0], join->keys[0][end]);
        const ColumnTraits& right_end = traitsOf(*rel.inputs[1], join->keys[1][end]);
        if (!sameWindowBound(left_end, right_end, WindowBound::End)) continue;
        for (size_t start = 0; start < join->keys[0].size(); ++start) {
            const ColumnTraits& left = traitsOf(*rel.inputs[0], join->keys[0][start]);
            const ColumnTraits& right = traitsOf(*rel.inputs[1], join->keys[1][start]);
            if (!sameWindowBound(left, right, WindowBound::Start) || left.window != left_end.window ||
                right.window != right_end.window) {
                continue;
            }
            join->window = left_end.window;
            join->window_end_key = end;
            return;
        }
    }
}

}  // namespace

void recogniseWindowJoins(RelRoots& roots) {
    for (Rel* rel : inOrder(roots))
        recogniseWindowJoin(*rel);
}

}  // namespace millrace::sql
