#include "sql/plan/nodes/join.h"

#include <numeric>

#include "operators/interval_join.h"
#include "operators/regular_join.h"
#include "operators/running_extreme_filter.h"
#include "operators/time_units.h"
#include "operators/window_join.h"
#include "sql/bind/logical_join.h"
#include "sql/bind/logical_over.h"
#include "sql/plan/nodes/window_table.h"
#include "sql/plan/physical_builder.h"

namespace millrace::sql {

Schema pairSchema(const Rel& join) {
    std::vector<Field> fields = join.inputs[0]->schema.fields();
    for (const Field& field : join.inputs[1]->schema)
        fields.push_back(field);
    return Schema(std::move(fields));
}

JoinRel::JoinRel(const LogicalJoin& node)
    : type(node.type()),
      condition(node.condition() ? Expression::fold(node.condition()) : nullptr),
      state_ttls(node.stateTtls()),
      columns(node.schema().size()) {
    std::iota(columns.begin(), columns.end(), size_t{0});
}

std::optional<std::string> JoinRel::digest() const {
    if (condition && !condition->deterministic()) return std::nullopt;
    const auto ttl = [this](size_t side) { return state_ttls[side] ? state_ttls[side]->ms : -1; };
    const auto extreme = [this](size_t side) { return running_extremes[side] ? " extreme" : ""; };
    return fmt::format("join {} {}={} {} {} ttl {} {}{}{}{}{}", joinTypeName(type), digestOf(keys[0]),
                       digestOf(keys[1]), condition ? condition->canonical() : "", digestOf(columns), ttl(0),
                       ttl(1),
                       window   ? " by window"
                       : bounds ? " by time"
                                : "",
                       extreme(0), extreme(1), best_pairs ? " best" : "");
}

// What is read of each input, of `left` and `right` columns, and so kept of it.
std::array<UsedColumns, 2> JoinRel::reads(const UsedColumns& used, size_t left, size_t right) const {
    UsedColumns all(left + right, false);
    markRead(condition, all);
    for (size_t i = 0; i < columns.size(); ++i) {
        if (used[i]) all[columns[i]] = true;
    }
    const auto middle = all.begin() + static_cast<std::ptrdiff_t>(left);
    std::array<UsedColumns, 2> of{UsedColumns(all.begin(), middle), UsedColumns(middle, all.end())};
    for (size_t side = 0; side < 2; ++side) {
        for (const size_t key : keys[side])
            of[side][key] = true;
        if (bounds) of[side][bounds->columns[side]] = true;
    }
    return of;
}

void JoinRel::demand(const Rel& rel, const UsedColumns& used, std::span<UsedColumns* const> inputs) const {
    const auto of = reads(used, rel.inputs[0]->schema.size(), rel.inputs[1]->schema.size());
    for (size_t side = 0; side < 2; ++side)
        demandPassed(of[side], *inputs[side]);
}

MovedColumns JoinRel::prune(Rel& rel, const UsedColumns& used, std::span<const MovedColumns* const> inputs) {
    const size_t left = inputs[0]->size();
    const auto of = reads(used, left, inputs[1]->size());
    MovedColumns to(left + inputs[1]->size());
    size_t next = 0;
    for (size_t side = 0; side < 2; ++side) {
        const size_t begin = side == 0 ? 0 : left;
        const size_t first = next;
        rel.inputs[side] = narrowed(rel.inputs[side], of[side], *inputs[side]);
        for (size_t i = 0; i < of[side].size(); ++i) {
            if (of[side][i]) to[begin + i] = next++;
        }
        for (size_t& key : keys[side])
            key = *to[begin + key] - first;
        if (bounds) bounds->columns[side] = *to[begin + bounds->columns[side]] - first;
    }
    condition = moved(condition, to, pairSchema(rel));
    std::vector<size_t> produced;
    for (size_t i = 0; i < columns.size(); ++i) {
        if (used[i]) produced.push_back(*to[columns[i]]);
    }
    columns = std::move(produced);
    MovedColumns own;
    rel.schema = kept(rel.schema, used, own);
    return own;
}

Changelog JoinRel::changelog(std::span<const Changelog> inputs) const {
    const bool inserts = inputs[0].insertOnly() && inputs[1].insertOnly();
    Changelog all;
    if ((window || bounds) && inserts) return all;
    if (type == JoinType::Inner) return RelNode::changelog(inputs);
    if (type == JoinType::Semi && inserts) return all;
    all.deletes = true;
    all.updates = onlyLeft(type) && inputs[0].updates;
    return all;
}

namespace {

// "joinType=[InnerJoin], where=[(a = b)], select=[a, b, c]"
std::string textOf(const JoinRel& join, const Rel& rel, const std::string& window) {
    std::string where;
    for (size_t i = 0; i < join.keys[0].size(); ++i) {
        where += fmt::format("{}({} = {})", where.empty() ? "" : " AND ",
                             rel.inputs[0]->schema[join.keys[0][i]].name,
                             rel.inputs[1]->schema[join.keys[1][i]].name);
    }
    if (join.condition) where += (where.empty() ? "" : " AND ") + join.condition->toString();
    std::string select;
    for (const Field& field : rel.schema)
        select += (select.empty() ? "" : ", ") + field.name;
    std::string hints;
    for (size_t side = 0; side < 2; ++side) {
        if (const auto& ttl = join.state_ttls[side]) {
            hints += fmt::format("{}{}={}", hints.empty() ? "" : ", ", side == 0 ? "left" : "right",
                                 formatDuration(*ttl));
        }
    }
    if (!hints.empty()) hints = ", stateTtlHints=[" + hints + "]";
    return fmt::format("{}joinType=[{}], where=[{}], select=[{}]{}", window, joinTypeName(join.type),
                       where.empty() ? "TRUE" : where, select, hints);
}

JoinShape shapeOf(const JoinRel& join, const Rel& rel, const PhysicalBuilder& builder) {
    JoinShape shape;
    shape.type = join.type;
    for (size_t side = 0; side < 2; ++side) {
        const Rel& input = *rel.inputs[side];
        shape.inputs[side] = {input.schema, join.keys[side], !builder.changelog(input).insertOnly()};
    }
    shape.condition = join.condition;
    shape.columns = join.columns;
    shape.output = rel.schema;
    return shape;
}

}  // namespace

size_t JoinRel::placeRunningExtreme(PhysicalBuilder& builder, const Rel& rel, size_t side,
                                    size_t input) const {
    const RunningExtreme& extreme = *running_extremes[side];
    RunningExtremeFilterParameters parameters;
    parameters.schema = rel.inputs[side]->schema;
    parameters.value = keys[side][extreme.key];
    parameters.time = extreme.time_column;
    parameters.largest = extreme.largest;
    parameters.windows = windowsOf(*extreme.window);
    parameters.lower_us = extreme.lower;
    parameters.upper_us = extreme.upper;
    const std::string& value = parameters.schema[parameters.value].name;
    parameters.text = fmt::format("where=[({} {} {}({}) so far)], window=[{}]", value,
                                  extreme.largest ? ">=" : "<=", extreme.largest ? "MAX" : "MIN", value,
                                  extreme.window->toString());
    return builder.addOperator(builder.uidOf(side == 0 ? "left-extreme" : "right-extreme", rel),
                               std::make_shared<RunningExtremeFilter>(std::move(parameters)), {{input}}, {});
}

std::optional<BestOnly> JoinRel::bestOnly(const Rel& rel) const {
    if (!best_pairs) return std::nullopt;
    BestOnly best;
    best.side = best_pairs->side;
    best.within_keys = best_pairs->within_keys;
    for (const SortKey& key : best_pairs->order)
        best.order.push_back({key.column, key.descending, key.nulls_first});
    best.text = fmt::format("{}: {}", best.side == 0 ? "left" : "right",
                            orderText(best_pairs->order, rel.inputs[best.side]->schema));
    return best;
}

size_t JoinRel::place(PhysicalBuilder& builder, const Rel& rel, const std::vector<size_t>& inputs) const {
    JoinShape shape = shapeOf(*this, rel, builder);
    std::vector<PhysicalInput> edges;
    for (size_t side = 0; side < 2; ++side) {
        const bool filtered = running_extremes[side] && !shape.inputs[side].retracts;
        const size_t input = filtered ? placeRunningExtreme(builder, rel, side, inputs[side]) : inputs[side];
        edges.push_back(PhysicalInput::byKey(input, keys[side]));
    }
    if (window && !shape.inputs[0].retracts && !shape.inputs[1].retracts) {
        WindowJoinParameters parameters;
        parameters.shape = std::move(shape);
        for (size_t side = 0; side < 2; ++side)
            parameters.window_ends[side] = keys[side][window_end_key];
        parameters.instants = overInstants(*window);
        parameters.text = textOf(*this, rel, "window=[" + window->toString() + "], ");
        return builder.addOperator(rel, builder.uidOf("window-join", rel),
                                   std::make_shared<WindowJoin>(std::move(parameters)), std::move(edges));
    }
    if (bounds && !shape.inputs[0].retracts && !shape.inputs[1].retracts) {
        IntervalJoinParameters parameters;
        parameters.shape = std::move(shape);
        parameters.time_columns[0] = bounds->columns[0];
        parameters.time_columns[1] = bounds->columns[1];
        // In whole milliseconds, as watermarks are: never narrower than the condition.
        parameters.lower_ms = floorDivide(bounds->lower, 1000);
        parameters.upper_ms = -floorDivide(-bounds->upper, 1000);
        parameters.text = textOf(*this, rel,
                                 fmt::format("leftLowerBound=[{} ms], leftUpperBound=[{} ms], ",
                                             parameters.lower_ms, parameters.upper_ms));
        return builder.addOperator(rel, builder.uidOf("interval-join", rel),
                                   std::make_shared<IntervalJoin>(std::move(parameters)), std::move(edges));
    }
    RegularJoinParameters parameters;
    parameters.shape = std::move(shape);
    for (size_t side = 0; side < 2; ++side)
        parameters.ttls[side] = state_ttls[side].value_or(builder.stateTtl());
    parameters.text = textOf(*this, rel, "");
    // The Top-1 forgets its rows with the option's time to live, and may then have others for its first.
    const bool inserts = !parameters.shape.inputs[0].retracts && !parameters.shape.inputs[1].retracts;
    if (inserts && builder.stateTtl().ms == 0 && parameters.ttls[0].ms == 0 && parameters.ttls[1].ms == 0)
        parameters.best = bestOnly(rel);
    if (parameters.best) parameters.text += fmt::format(", bestOnly=[{}]", parameters.best->text);
    return builder.addOperator(rel, builder.uidOf("join", rel),
                               std::make_shared<RegularJoin>(std::move(parameters)), std::move(edges));
}

RelTranslation describePlanNodesJoin() {
    return translationOf<LogicalJoin>(
        [](const LogicalJoin& join) { return std::make_shared<JoinRel>(join); });
}

}  // namespace millrace::sql
