// "The best of each window": rows are joined, by their window, with the MAX (or MIN) over all rows of it, on
// value >= maximum (or =). The join keeps rows until the window is complete, though all but a few can be told
// to be no match as soon as a greater one has come: these are dropped before the join. That holds where
//   * rows of the one side and what the maximum is of come from one and the same node, columns unchanged;
//   * nothing was filtered out below the maximum, and it is by the window alone;
//   * a row that meets nothing leaves no trace: an inner or a semi join.
#include "operators/window_extreme_filter.h"
#include "sql/plan/nodes/aggregate.h"
#include "sql/plan/nodes/calc.h"
#include "sql/plan/nodes/join.h"
#include "sql/plan/nodes/recognised/window_extreme.h"

namespace millrace::sql {

namespace {

// Where a column comes from, through projections that do not change it.
struct Place {
    const Rel* rel;
    size_t column;
    bool filtered = false;  // on the way
    bool operator==(const Place& other) const { return rel == other.rel && column == other.column; }
};

Place placeOf(const Rel& from, size_t column) {
    Place place{&from, column};
    for (const auto* calc = from.get<CalcRel>(); calc; calc = place.rel->get<CalcRel>()) {
        const Expression& expression = *calc->projection[place.column];
        if (expression.kind() != ExpressionKind::Column) break;
        place.filtered |= calc->condition != nullptr;
        place = {place.rel->input().get(), expression.index(), place.filtered};
    }
    return place;
}

// A comparison that only rows with an extreme value pass.
struct Comparison {
    size_t value;        // a column of the side with the rows
    size_t extreme;      // of the other
    bool greatest;       // value >= extreme; else value <= extreme
    bool equal = false;  // either
};

// Of the rows of `side`. Columns of the condition are the left ones and then the right ones.
std::vector<Comparison> comparisonsOf(const Rel& rel, const JoinRel& join, size_t side) {
    std::vector<Comparison> all;
    for (size_t key = 0; key < join.keys[side].size(); ++key)
        all.push_back({join.keys[side][key], join.keys[1 - side][key], true, true});
    const size_t left = rel.inputs[0]->schema.size();
    for (const ExpressionPtr& conjunct : conjunctsOf(join.condition)) {
        if (conjunct->kind() != ExpressionKind::Call || conjunct->arguments().size() != 2) continue;
        const bool at_least = conjunct->name() == ">=";
        if (!at_least && conjunct->name() != "<=") continue;
        const Expression& first = *conjunct->arguments()[0];
        const Expression& second = *conjunct->arguments()[1];
        if (first.kind() != ExpressionKind::Column || second.kind() != ExpressionKind::Column) continue;
        const size_t first_side = first.index() < left ? 0 : 1;
        const size_t second_side = second.index() < left ? 0 : 1;
        if (first_side == second_side) continue;
        const auto own = [&](const Expression& column) {
            return column.index() < left ? column.index() : column.index() - left;
        };
        if (first_side == side) {
            all.push_back({own(first), own(second), at_least});
        } else {
            all.push_back({own(second), own(first), !at_least});
        }
    }
    return all;
}

bool isExtreme(const AggregateCall& call, const Comparison& comparison) {
    if (call.filter || call.arguments.size() != 1) return false;
    const bool max = call.function->name == "MAX", min = call.function->name == "MIN";
    if (comparison.equal) return max || min;
    return comparison.greatest ? max : min;
}

void dropBelow(Rel& rel, size_t side) {
    auto* join = rel.get<JoinRel>();
    const Rel& rows = *rel.inputs[side];
    const Rel& others = *rel.inputs[1 - side];
    const size_t row_end = join->keys[side][join->window_end_key];
    const Place other_end = placeOf(others, join->keys[1 - side][join->window_end_key]);
    const auto* aggregate = other_end.rel->get<AggregateRel>();
    if (!aggregate || aggregate->window_use != WindowUse::Attached ||
        aggregate->window->kind == WindowKind::Session || other_end.column >= aggregate->keys.size()) {
        return;
    }
    for (size_t key = 0; key < aggregate->keys.size(); ++key) {
        if (!aggregate->isWindowKey(key)) return;
    }
    const Rel& below = *other_end.rel->input();
    const Place below_end = placeOf(below, aggregate->keys[other_end.column]);
    if (below_end.filtered || !(below_end == placeOf(rows, row_end))) return;
    for (const Comparison& comparison : comparisonsOf(rel, *join, side)) {
        const Place extreme = placeOf(others, comparison.extreme);
        if (extreme.rel != other_end.rel || extreme.column < aggregate->keys.size()) continue;
        const AggregateCall& call = aggregate->calls[extreme.column - aggregate->keys.size()];
        if (!isExtreme(call, comparison)) continue;
        const Place below_value = placeOf(below, call.arguments.front());
        if (below_value.filtered || !(below_value == placeOf(rows, comparison.value))) continue;
        if (!WindowExtremeFilter::supports(rows.schema[comparison.value].type.physical())) continue;
        rel.inputs[side] = makeRel(WindowExtremeRel(row_end, comparison.value, call.function->name == "MAX"),
                                   {rel.inputs[side]}, rows.schema, rows.origin);
        return;
    }
}

}  // namespace

void dropBelowWindowExtremes(RelRoots& roots) {
    for (Rel* rel : inOrder(roots)) {
        const auto* join = rel->get<JoinRel>();
        if (!join || !join->window || (join->type != JoinType::Inner && join->type != JoinType::Semi))
            continue;
        for (size_t side = 0; side < 2; ++side)
            dropBelow(*rel, side);
    }
}

}  // namespace millrace::sql
