// Calc over Calc becomes one Calc: the upper one's expressions are written over the lower one's input. Left
// alone where a value that is not deterministic would be computed more than once.
#include <map>

#include "sql/plan/nodes/calc.h"

namespace millrace::sql {

namespace {

void countColumns(const Expression& expression, std::vector<size_t>& uses) {
    if (expression.kind() == ExpressionKind::Column) ++uses[expression.index()];
    for (const ExpressionPtr& argument : expression.arguments())
        countColumns(*argument, uses);
}

bool mergeable(const CalcRel& upper, const CalcRel& lower) {
    std::vector<size_t> uses(lower.projection.size(), 0);
    if (upper.condition) countColumns(*upper.condition, uses);
    for (const ExpressionPtr& expression : upper.projection)
        countColumns(*expression, uses);
    for (size_t i = 0; i < uses.size(); ++i) {
        if (uses[i] > 1 && !lower.projection[i]->deterministic()) return false;
    }
    return true;
}

void merge(Rel& upper_rel, std::map<const Rel*, size_t>& parents) {
    while (auto* upper = upper_rel.get<CalcRel>()) {
        const RelPtr lower_rel = upper_rel.input();
        const auto* lower = lower_rel->get<CalcRel>();
        // What others read too is computed once, and stays.
        if (!lower || parents[lower_rel.get()] > 1 || !mergeable(*upper, *lower)) return;
        std::vector<ExpressionPtr> conjuncts = conjunctsOf(lower->condition);
        for (const ExpressionPtr& conjunct : conjunctsOf(upper->condition)) {
            conjuncts.push_back(Expression::rewriteColumns(conjunct, lower->projection));
        }
        CalcRel merged;
        merged.condition = conjunctionOf(std::move(conjuncts));
        for (const ExpressionPtr& expression : upper->projection) {
            merged.projection.push_back(
                Expression::fold(Expression::rewriteColumns(expression, lower->projection)));
        }
        upper_rel.what = std::make_shared<CalcRel>(std::move(merged));
        upper_rel.inputs = lower_rel->inputs;
    }
}

}  // namespace

void mergeCalcs(RelRoots& roots) {
    const std::vector<Rel*> order = inOrder(roots);
    std::map<const Rel*, size_t> parents;
    for (const Rel* rel : order) {
        for (const RelPtr& input : rel->inputs)
            ++parents[input.get()];
    }
    for (Rel* rel : order)
        merge(*rel, parents);
}

}  // namespace millrace::sql
