// Filters go below UNION ALL, and below a window function as far as they do not look at the window columns:
// rows that are filtered out are not repeated for each of their windows.
#include "sql/plan/nodes/calc.h"
#include "sql/plan/nodes/union.h"
#include "sql/plan/nodes/window_table.h"

namespace millrace::sql {

namespace {

RelPtr filtered(const RelPtr& input, ExpressionPtr condition) {
    return makeRel(CalcRel{std::move(condition), columnsOf(input->schema)}, {input}, input->schema,
                   input->origin);
}

// Splits off the conjuncts that only read columns below `width`.
std::vector<ExpressionPtr> takeBelow(CalcRel& calc, size_t width, size_t all) {
    std::vector<ExpressionPtr> taken, left;
    for (ExpressionPtr& conjunct : conjunctsOf(calc.condition)) {
        std::vector<bool> used(all, false);
        conjunct->collectColumns(used);
        bool below = conjunct->deterministic();
        for (size_t i = width; i < all; ++i)
            below = below && !used[i];
        (below ? taken : left).push_back(std::move(conjunct));
    }
    calc.condition = conjunctionOf(std::move(left));
    return taken;
}

void push(Rel& rel) {
    auto* calc = rel.get<CalcRel>();
    if (!calc || !calc->condition) return;
    // Inputs may have other parents, so they are copied, not changed.
    const Rel& below = *rel.input();
    if (!below.get<UnionRel>() && !below.get<WindowTableRel>()) return;
    const size_t all = below.schema.size();
    const size_t width = below.get<WindowTableRel>() ? all - WindowTableRel::kOwnColumns : all;
    const ExpressionPtr condition = conjunctionOf(takeBelow(*calc, width, all));
    if (!condition) return;
    const RelPtr copy = copyOf(below);
    for (RelPtr& input : copy->inputs) {
        input = filtered(input, condition);
        push(*input);
    }
    rel.inputs = {copy};
}

}  // namespace

void pushFilters(RelRoots& roots) {
    for (Rel* rel : inOrder(roots))
        push(*rel);
}

}  // namespace millrace::sql
