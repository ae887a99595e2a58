// Takes the equalities between the two sides out of a join's condition: they are its keys, by which rows meet
// and are dealt out. A side that is computed becomes a column of the input.
#include "sql/plan/join_condition.h"
#include "sql/plan/nodes/calc.h"
#include "sql/plan/nodes/join.h"

namespace millrace::sql {

namespace {

void findKeys(Rel& rel) {
    auto* join = rel.get<JoinRel>();
    if (!join || !join->condition) return;
    const Schema pairs = pairSchema(rel);
    const size_t left = rel.inputs[0]->schema.size();
    JoinCondition split = splitJoinCondition(join->condition, pairs, left);
    if (split.keys[0].empty()) return;
    size_t added = 0;  // columns of the left input
    for (size_t side = 0; side < 2; ++side) {
        const RelPtr input = rel.inputs[side];
        WidenedInput widened(input->schema);
        for (const ExpressionPtr& key : split.keys[side])
            join->keys[side].push_back(widened.columnOf(key));
        if (widened.added() == 0) continue;
        rel.inputs[side] =
            makeRel(CalcRel{nullptr, widened.columns()}, {input}, widened.schema(), input->origin);
        if (side == 0) added = widened.added();
    }
    join->condition = conjunctionOf(std::move(split.rest));
    if (added == 0) return;
    if (join->condition)
        join->condition = shifted(join->condition, pairs, left, static_cast<std::ptrdiff_t>(added));
    for (size_t& column : join->columns)
        column += column >= left ? added : 0;
}

}  // namespace

void findJoinKeys(RelRoots& roots) {
    for (Rel* rel : inOrder(roots))
        findKeys(*rel);
}

}  // namespace millrace::sql
