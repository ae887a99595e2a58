// A join of rows with the largest (or smallest) value of their window, taken over the same rows: those that
// are behind another one of their windows will meet nothing, and are left out before the join
// (operators/running_extreme_filter.h). This needs the condition to bound the time of a row by the window's
// end, and an aggregation by window alone.
#include <algorithm>

#include "functions/function.h"
#include "sql/plan/nodes/aggregate.h"
#include "sql/plan/nodes/calc.h"
#include "sql/plan/nodes/join.h"
#include "sql/plan/nodes/watermark.h"

namespace millrace::sql {

namespace {

// Two columns of a node.
struct TimedValue {
    const Rel* rel;
    size_t value;
    size_t time;
    bool operator==(const TimedValue&) const = default;
};

std::optional<size_t> columnBelow(const CalcRel& calc, size_t column) {
    const Expression& expression = *calc.projection[column];
    if (expression.kind() != ExpressionKind::Column) return std::nullopt;
    return expression.index();
}

// Where the two columns come from, from node to node below; rows may be left out in between where `filtered`.
std::vector<TimedValue> originsOf(TimedValue place, bool filtered) {
    std::vector<TimedValue> places{place};
    for (;;) {
        if (const auto* calc = place.rel->get<CalcRel>()) {
            const auto value = columnBelow(*calc, place.value), time = columnBelow(*calc, place.time);
            if (!value || !time || (calc->condition && !filtered)) return places;
            place = {place.rel->input().get(), *value, *time};
        } else if (place.rel->get<WatermarkRel>()) {
            place.rel = place.rel->input().get();
        } else {
            return places;
        }
        places.push_back(place);
    }
}

bool shareOrigin(const std::vector<TimedValue>& left, const std::vector<TimedValue>& right) {
    return std::any_of(left.begin(), left.end(), [&](const TimedValue& place) {
        return std::find(right.begin(), right.end(), place) != right.end();
    });
}

// The aggregation whose rows `rel` has, and which of its columns each of `rel`'s is.
struct WindowExtremes {
    const Rel* rel = nullptr;
    const AggregateRel* aggregate = nullptr;
    std::vector<std::optional<size_t>> columns;
};

WindowExtremes windowExtremesOf(const Rel& input) {
    WindowExtremes found;
    found.rel = &input;
    for (size_t i = 0; i < input.schema.size(); ++i)
        found.columns.emplace_back(i);
    while (const auto* calc = found.rel->get<CalcRel>()) {
        for (std::optional<size_t>& column : found.columns) {
            if (column) column = columnBelow(*calc, *column);
        }
        found.rel = found.rel->input().get();
    }
    const auto* aggregate = found.rel->get<AggregateRel>();
    if (!aggregate || aggregate->window_use != WindowUse::Fused) return found;
    const WindowSpec& window = *aggregate->window;
    bool fits = (window.kind == WindowKind::Tumble || window.kind == WindowKind::Hop) &&
                window.time == TimeAttribute::Rowtime && window.time_type.kind() == TypeKind::Timestamp;
    for (size_t key = 0; key < aggregate->keys.size(); ++key)
        fits &= aggregate->isWindowKey(key);
    if (fits) found.aggregate = aggregate;
    return found;
}

// How far the column of one side is from the end of the window, as the join's condition says.
std::optional<TimeBounds> windowBoundsOf(const Rel& rel, const JoinRel& join, size_t side, size_t time,
                                         const WindowExtremes& extremes) {
    const size_t left_width = rel.inputs[0]->schema.size();
    TimeBounds all{{}, INT64_MIN, INT64_MAX};
    for (size_t column = 0; column < extremes.columns.size(); ++column) {
        const std::optional<size_t>& key = extremes.columns[column];
        if (!key || *key >= extremes.aggregate->keys.size()) continue;
        const WindowBound bound = extremes.aggregate->bounds[*key];
        if (bound != WindowBound::Start && bound != WindowBound::End) continue;
        TimeBounds said = side == 0 ? boundsBetween(join.condition, time, column, left_width)
                                    : boundsBetween(join.condition, column, time, left_width);
        if (side == 1) {
            const TimeBounds turned = said;
            said.lower = turned.upper == INT64_MAX ? INT64_MIN : -turned.upper;
            said.upper = turned.lower == INT64_MIN ? INT64_MAX : -turned.lower;
        }
        const int64_t to_end = bound == WindowBound::Start ? extremes.aggregate->window->size : 0;
        if (said.lower != INT64_MIN) all.lower = std::max(all.lower, said.lower - to_end);
        if (said.upper != INT64_MAX) all.upper = std::min(all.upper, said.upper - to_end);
    }
    // Of few windows: each costs a look for each stretch of rows.
    constexpr int64_t kWindows = 64;
    if (all.lower == INT64_MIN || all.upper == INT64_MAX || all.lower > all.upper) return std::nullopt;
    if (all.upper - all.lower > kWindows * extremes.aggregate->window->step) return std::nullopt;
    return all;
}

std::optional<JoinRel::RunningExtreme> runningExtreme(const Rel& rel, const JoinRel& join, size_t side) {
    const WindowExtremes extremes = windowExtremesOf(*rel.inputs[1 - side]);
    if (!extremes.aggregate) return std::nullopt;
    const AggregateRel& aggregate = *extremes.aggregate;
    for (size_t key = 0; key < join.keys[side].size(); ++key) {
        const std::optional<size_t>& of = extremes.columns[join.keys[1 - side][key]];
        if (!of || *of < aggregate.keys.size()) continue;
        const AggregateCall& call = aggregate.calls[*of - aggregate.keys.size()];
        const std::string& name = call.function->name;
        if ((name != "MAX" && name != "MIN") || call.filter || call.arguments.size() != 1) continue;
        const PhysicalType physical = rel.inputs[side]->schema[join.keys[side][key]].type.physical();
        if (physical != PhysicalType::Int32 && physical != PhysicalType::Int64) continue;
        const std::vector<TimedValue> counted =
            originsOf({extremes.rel->input().get(), call.arguments[0], aggregate.time_column}, false);
        for (size_t time = 0; time < rel.inputs[side]->schema.size(); ++time) {
            if (!shareOrigin(counted, originsOf({rel.inputs[side].get(), join.keys[side][key], time}, true)))
                continue;
            const auto bounds = windowBoundsOf(rel, join, side, time, extremes);
            if (!bounds) continue;
            return JoinRel::RunningExtreme{time,          key,          name == "MAX", aggregate.window,
                                           bounds->lower, bounds->upper};
        }
    }
    return std::nullopt;
}

}  // namespace

void filterByRunningExtremes(RelRoots& roots) {
    for (Rel* rel : inOrder(roots)) {
        auto* join = rel->get<JoinRel>();
        if (!join || join->type != JoinType::Inner || join->window || join->bounds) continue;
        for (size_t side = 0; side < 2; ++side)
            join->running_extremes[side] = runningExtreme(*rel, *join, side);
    }
}

}  // namespace millrace::sql
