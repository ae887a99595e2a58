// Filters go below UNION ALL, and below a window function as far as they do not look at the window columns:
// rows that are filtered out are not repeated for each of their windows. Below SESSION they leave out whole
// partitions only: any other row may be what holds a session together. They go into joins and through them:
// what is asked of both sides of an inner join is part of its condition, what is asked of one side is asked
// before the join, as far as its type allows.
#include <algorithm>

#include "sql/bind/logical_join.h"
#include "sql/plan/nodes/calc.h"
#include "sql/plan/nodes/join.h"
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

void push(Rel& rel);

// A condition over the pairs of a join, taken apart.
struct Sides {
    std::vector<ExpressionPtr> of[2];  // over one input's columns
    std::vector<ExpressionPtr> both;   // over the pairs'
};

// `may` tells of which side conjuncts may be asked alone.
Sides takeApart(const ExpressionPtr& condition, const Rel& join, const bool (&may)[2]) {
    Sides sides;
    const size_t left = join.inputs[0]->schema.size();
    const size_t all = left + join.inputs[1]->schema.size();
    std::vector<ExpressionPtr> of_right(all);
    for (size_t i = left; i < all; ++i) {
        const Field& field = join.inputs[1]->schema[i - left];
        of_right[i] = Expression::column(i - left, field.type, field.name);
    }
    for (const ExpressionPtr& conjunct : conjunctsOf(condition)) {
        UsedColumns used(all, false);
        conjunct->collectColumns(used);
        bool reads[2] = {false, false};
        for (size_t i = 0; i < all; ++i)
            reads[i < left ? 0 : 1] |= used[i];
        if (conjunct->deterministic() && reads[0] && !reads[1] && may[0]) {
            sides.of[0].push_back(conjunct);
        } else if (conjunct->deterministic() && reads[1] && !reads[0] && may[1]) {
            sides.of[1].push_back(Expression::rewriteColumns(conjunct, of_right));
        } else {
            sides.both.push_back(conjunct);
        }
    }
    return sides;
}

void pushIntoInputs(Rel& join, const Sides& sides) {
    for (size_t side = 0; side < 2; ++side) {
        if (sides.of[side].empty()) continue;
        join.inputs[side] = filtered(join.inputs[side], conjunctionOf(sides.of[side]));
        push(*join.inputs[side]);
    }
}

// What ON asks of one side alone. Rows of a side that is kept whole stay, whatever ON says of them.
void pushOwnCondition(Rel& rel) {
    auto* join = rel.get<JoinRel>();
    const bool may[2] = {!keepsLeft(join->type) && join->type != JoinType::Anti, !keepsRight(join->type)};
    const Sides sides = takeApart(join->condition, rel, may);
    join->condition = conjunctionOf(sides.both);
    pushIntoInputs(rel, sides);
}

// The filter above a join. Its state holds only what passes, and so the filter is part of what its uid says.
void pushIntoJoin(Rel& rel, CalcRel& calc) {
    const Rel& below = *rel.input();
    const auto& join = *below.get<JoinRel>();
    const Schema pairs = pairSchema(below);
    std::vector<ExpressionPtr> outputs;
    for (const size_t column : join.columns)
        outputs.push_back(Expression::column(column, pairs[column].type, pairs[column].name));
    const bool may[2] = {!keepsRight(join.type), !keepsLeft(join.type)};
    Sides sides;
    std::vector<ExpressionPtr> left_over;
    for (const ExpressionPtr& conjunct : conjunctsOf(calc.condition)) {
        Sides one = takeApart(Expression::rewriteColumns(conjunct, outputs), below, may);
        if (!one.both.empty() && (join.type != JoinType::Inner || !conjunct->deterministic())) {
            left_over.push_back(conjunct);
            continue;
        }
        for (size_t side = 0; side < 2; ++side)
            sides.of[side].insert(sides.of[side].end(), one.of[side].begin(), one.of[side].end());
        sides.both.insert(sides.both.end(), one.both.begin(), one.both.end());
    }
    if (sides.of[0].empty() && sides.of[1].empty() && sides.both.empty()) return;
    calc.condition = conjunctionOf(std::move(left_over));

    const RelPtr copy = copyOf(below);
    auto* copied = copy->get<JoinRel>();
    std::vector<ExpressionPtr> condition = conjunctsOf(join.condition);
    condition.insert(condition.end(), sides.both.begin(), sides.both.end());
    copied->condition = conjunctionOf(std::move(condition));
    const auto& origin = as<LogicalJoin>(*below.origin);
    LogicalPtr origins[2] = {origin.left(), origin.right()};
    for (size_t side = 0; side < 2; ++side) {
        if (const ExpressionPtr asked = conjunctionOf(sides.of[side]))
            origins[side] = std::make_shared<LogicalFilter>(origins[side], asked, origin.where());
    }
    std::vector<ExpressionPtr> on = conjunctsOf(origin.condition());
    on.insert(on.end(), sides.both.begin(), sides.both.end());
    copy->origin = std::make_shared<LogicalJoin>(join.type, origins[0], origins[1],
                                                 conjunctionOf(std::move(on)), origin.where());
    pushIntoInputs(*copy, sides);
    rel.inputs = {copy};
}

void push(Rel& rel) {
    if (rel.get<JoinRel>()) return pushOwnCondition(rel);
    auto* calc = rel.get<CalcRel>();
    if (!calc || !calc->condition) return;
    // Inputs may have other parents, so they are copied, not changed.
    const Rel& below = *rel.input();
    if (below.get<JoinRel>()) return pushIntoJoin(rel, *calc);
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
