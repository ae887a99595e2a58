// An aggregation by the windows of the window function right below it takes that in: the operator then works
// by slices of time, and rows need not be repeated for each of their windows. Not possible where something in
// between, or an argument of an aggregate, reads a window column. Sessions are made of all rows of a
// partition, so that the aggregation must be by just these, and nothing may be filtered out in between.
#include <algorithm>
#include <set>

#include "sql/plan/nodes/aggregate.h"
#include "sql/plan/nodes/calc.h"
#include "sql/plan/nodes/window_table.h"

namespace millrace::sql {

namespace {

bool readsFrom(const Expression& expression, size_t first, size_t all) {
    std::vector<bool> used(all, false);
    expression.collectColumns(used);
    return std::find(used.begin() + static_cast<std::ptrdiff_t>(first), used.end(), true) != used.end();
}

bool groupsByPartition(const AggregateRel& aggregate, const WindowTableRel& table,
                       const std::vector<ExpressionPtr>& projection) {
    std::set<size_t> grouped;
    for (size_t i = 0; i < aggregate.keys.size(); ++i) {
        if (aggregate.bounds[i] != WindowBound::None) continue;
        const Expression& key = *projection[aggregate.keys[i]];
        if (key.kind() != ExpressionKind::Column) return false;
        grouped.insert(key.index());
    }
    return grouped == std::set<size_t>(table.partition_keys.begin(), table.partition_keys.end());
}

void fuse(Rel& rel) {
    auto* aggregate = rel.get<AggregateRel>();
    if (!aggregate || aggregate->window_use != WindowUse::Attached) return;
    const bool session = aggregate->window->kind == WindowKind::Session;
    const Rel* calc_rel = rel.input()->get<CalcRel>() ? rel.input().get() : nullptr;
    const Rel& table_rel = calc_rel ? *calc_rel->input() : *rel.input();
    const auto* table = table_rel.get<WindowTableRel>();
    if (!table || table->window != aggregate->window) return;

    const size_t all = table_rel.schema.size();
    const size_t width = all - WindowTableRel::kOwnColumns;
    const std::vector<ExpressionPtr> identity = columnsOf(table_rel.schema);
    const auto* calc = calc_rel ? calc_rel->get<CalcRel>() : nullptr;
    const std::vector<ExpressionPtr>& projection = calc ? calc->projection : identity;
    if (calc && calc->condition && (session || readsFrom(*calc->condition, width, all))) return;
    if (session && !groupsByPartition(*aggregate, *table, projection)) return;

    // Columns that the aggregation reads, apart from the windows it is keyed by, must not need the windows.
    CalcRel below;
    if (calc) below.condition = calc->condition;
    std::vector<Field> fields;
    std::vector<std::optional<size_t>> moved(projection.size());
    bool possible = true;
    const auto move = [&](size_t column) {
        if (readsFrom(*projection[column], width, all)) {
            possible = false;
            return size_t{0};
        }
        if (!moved[column]) {
            moved[column] = fields.size();
            below.projection.push_back(projection[column]);
            fields.push_back(rel.input()->schema[column]);
        }
        return *moved[column];
    };
    AggregateRel fused = *aggregate;
    fused.window_use = WindowUse::Fused;
    for (size_t i = 0; i < fused.keys.size(); ++i) {
        fused.keys[i] = fused.isWindowKey(i) ? 0 : move(fused.keys[i]);
    }
    for (AggregateCall& call : fused.calls) {
        for (size_t& argument : call.arguments)
            argument = move(argument);
        if (call.filter) call.filter = move(*call.filter);
    }
    if (!possible) return;
    if (!inProcessingTime(*aggregate->window)) {
        fused.time_column = fields.size();
        below.projection.push_back(identity[table->time_column]);
        fields.push_back(table_rel.schema[table->time_column]);
    }
    const RelPtr& input = table_rel.input();
    rel.inputs = {makeRel(std::move(below), {input}, Schema(std::move(fields)), rel.input()->origin)};
    rel.what = std::make_shared<AggregateRel>(std::move(fused));
}

}  // namespace

void fuseWindows(RelRoots& roots) {
    for (Rel* rel : inOrder(roots))
        fuse(*rel);
}

}  // namespace millrace::sql
