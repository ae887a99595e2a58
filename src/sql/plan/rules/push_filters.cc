// Filters go below UNION ALL, and below a window function as far as they do not look at the window columns:
// rows that are filtered out are not repeated for each of their windows. Below SESSION they leave out whole
// partitions only: any other row may be what holds a session together.
#include <algorithm>

#include "sql/plan/nodes/calc.h"
#include "sql/plan/nodes/union.h"
#include "sql/plan/nodes/window_table.h"

namespace millrace::sql {

namespace {

RelPtr filtered(const RelPtr& input, ExpressionPtr condition) {
    return makeRel(CalcRel{std::move(condition), columnsOf(input->schema)}, {input}, input->schema,
                   input->origin);
}

// The columns by which a filter may go below `rel`.
UsedColumns passableColumns(const Rel& rel) {
    const auto* window = rel.get<WindowTableRel>();
    if (!window) return UsedColumns(rel.schema.size(), true);
    const bool session = window->window->kind == WindowKind::Session;
    UsedColumns passable(rel.schema.size(), !session);
    for (const size_t key : window->partition_keys)
        passable[key] = true;
    std::fill(passable.end() - WindowTableRel::kOwnColumns, passable.end(), false);
    return passable;
}

// Splits off the conjuncts that only read columns of `passable`.
std::vector<ExpressionPtr> takeBelow(CalcRel& calc, const UsedColumns& passable) {
    std::vector<ExpressionPtr> taken, left;
    for (ExpressionPtr& conjunct : conjunctsOf(calc.condition)) {
        UsedColumns used(passable.size(), false);
        conjunct->collectColumns(used);
        bool below = conjunct->deterministic();
        for (size_t i = 0; i < used.size(); ++i)
            below = below && (passable[i] || !used[i]);
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
    const ExpressionPtr condition = conjunctionOf(takeBelow(*calc, passableColumns(below)));
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
