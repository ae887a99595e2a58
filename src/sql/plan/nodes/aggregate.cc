#include "sql/plan/nodes/aggregate.h"

#include <algorithm>
#include <cctype>
#include <numeric>

#include "base/text.h"
#include "operators/group_aggregate.h"
#include "operators/local_distinct_aggregate.h"
#include "operators/local_group_aggregate.h"
#include "operators/local_window_aggregate.h"
#include "operators/session_aggregate.h"
#include "operators/window_aggregate.h"
#include "sql/plan/nodes/calc.h"
#include "sql/plan/nodes/watermark.h"
#include "sql/plan/nodes/window_table.h"
#include "sql/plan/physical_builder.h"

namespace millrace::sql {

namespace {

// "TUMBLE(time=[ts], size=[10 s])"; by the columns that hold the window, where there is no time
// attribute.
std::string windowText(std::string text, const std::string& by, const Schema& input,
                       std::optional<size_t> column) {
    const std::string time = column ? input[*column].name : "PROCTIME()";
    return text.insert(text.find('(') + 1, by + "=[" + time + "], ");
}

std::vector<AggregateTerm> termsOf(const std::vector<AggregateCall>& calls, bool may_retract) {
    std::vector<AggregateTerm> terms;
    terms.reserve(calls.size());
    for (const AggregateCall& call : calls) {
        terms.push_back({call.function->bind(call.infos, call.distinct, may_retract), call.arguments,
                         call.filter, lowerCase(call.function->name), call.text});
    }
    return terms;
}

// The same for an operator that keeps the values of DISTINCT itself, and gives its functions each once. Where
// DISTINCT makes no difference (MIN, MAX), there is nothing to keep.
std::vector<AggregateTerm> termsOfDistinctValues(const std::vector<AggregateCall>& calls, bool may_retract) {
    std::vector<AggregateTerm> terms = termsOf(calls, may_retract);
    for (size_t i = 0; i < calls.size(); ++i) {
        if (!calls[i].distinct) continue;
        auto plain = calls[i].function->bind(calls[i].infos, false, may_retract);
        terms[i].distinct = plain->accumulatorTypes() != terms[i].function->accumulatorTypes();
        terms[i].function = std::move(plain);
    }
    return terms;
}

bool hasDistinct(const std::vector<AggregateTerm>& terms) {
    return std::any_of(terms.begin(), terms.end(), [](const AggregateTerm& term) { return term.distinct; });
}

// Whether a column is made of the rowtime attribute alone ("DATE_FORMAT(ts, 'yyyy-MM-dd')"): then rows that
// come at a time hardly differ in it.
bool followsTime(const Rel& rel, size_t column) {
    if (const auto* watermark = rel.get<WatermarkRel>(); watermark && watermark->column == column)
        return true;
    if (rel.get<WatermarkRel>()) return followsTime(*rel.input(), column);
    const auto* calc = rel.get<CalcRel>();
    if (!calc) return false;
    std::vector<bool> used(rel.input()->schema.size());
    calc->projection[column]->collectColumns(used);
    for (size_t i = 0; i < used.size(); ++i) {
        if (used[i] && !followsTime(*rel.input(), i)) return false;
    }
    return true;
}

}  // namespace

AggregateRel::AggregateRel(const LogicalAggregate& node)
    : keys(node.keys()),
      calls(node.calls()),
      state_ttl(node.stateTtl()),
      bounds(keys.size(), WindowBound::None) {
    const std::vector<ColumnTraits>& traits = node.input()->traits();
    for (const size_t key : keys) {
        if (traits[key].bound != WindowBound::End) continue;
        for (const size_t other : keys) {
            if (traits[other].bound != WindowBound::Start || traits[other].window != traits[key].window)
                continue;
            window_use = WindowUse::Attached;
            window = traits[key].window;
            time_column = key;
        }
    }
    if (window_use == WindowUse::None) return;
    for (size_t i = 0; i < keys.size(); ++i) {
        if (traits[keys[i]].window == window) bounds[i] = traits[keys[i]].bound;
    }
}

std::optional<std::string> AggregateRel::digest() const {
    std::string result = "aggregate " + digestOf(keys);
    if (state_ttl) result += fmt::format(" ttl {}", state_ttl->ms);
    for (const WindowBound bound : bounds)
        result += fmt::format(" {}", static_cast<int>(bound));
    if (window) {
        result += fmt::format(" {} {} {}", window->toString(), static_cast<int>(window_use), time_column);
    }
    for (const AggregateCall& call : calls) {
        result += fmt::format(" {}{}{}", call.function->name, call.distinct ? " distinct" : "",
                              digestOf(call.arguments));
        for (const ArgumentInfo& info : call.infos) {
            if (info.literal) result += " '" + info.literal->toString(info.type) + "'";
        }
        if (call.filter) result += fmt::format(" filter {}", *call.filter);
    }
    return result;
}

void AggregateRel::demand(const Rel&, const UsedColumns&, std::span<UsedColumns* const> inputs) const {
    UsedColumns& below = *inputs[0];
    for (size_t k = 0; k < keys.size(); ++k) {
        if (!isWindowKey(k)) below[keys[k]] = true;
    }
    const bool without_time = window_use == WindowUse::Fused && inProcessingTime(*window);
    if (window_use != WindowUse::None && !without_time) below[time_column] = true;
    for (const AggregateCall& call : calls) {
        for (const size_t argument : call.arguments)
            below[argument] = true;
        if (call.filter) below[*call.filter] = true;
    }
}

// The calls stay, used or not: they are its state.
MovedColumns AggregateRel::prune(Rel& rel, const UsedColumns&, std::span<const MovedColumns* const> inputs) {
    const MovedColumns& below = *inputs[0];
    for (size_t k = 0; k < keys.size(); ++k) {
        if (!isWindowKey(k)) keys[k] = *below[keys[k]];
    }
    if (window_use != WindowUse::None && time_column < below.size())
        time_column = below[time_column].value_or(0);
    for (AggregateCall& call : calls) {
        for (size_t& argument : call.arguments)
            argument = *below[argument];
        if (call.filter) call.filter = *below[*call.filter];
    }
    return unmoved(rel.schema.size());
}

Changelog AggregateRel::changelog(std::span<const Changelog> inputs) const {
    if (window_use != WindowUse::None) return {};
    Changelog own;
    own.updates = !calls.empty();
    own.deletes = !inputs[0].insertOnly();
    return own;
}

std::string AggregateRel::describe(const Rel& rel) const { return "GroupAggregate(" + text(rel, "") + ")"; }

// "groupBy=[a, b], select=[a, b, COUNT(*) AS n]"
std::string AggregateRel::text(const Rel& rel, const std::string& window_text) const {
    std::string grouped, select;
    for (size_t i = 0; i < rel.schema.size(); ++i) {
        const std::string& name = rel.schema[i].name;
        if (!select.empty()) select += ", ";
        if (i >= keys.size()) {
            const std::string& call = calls[i - keys.size()].text;
            select += call == name ? call : call + " AS " + name;
            continue;
        }
        select += name;
        if (!isWindowKey(i)) grouped += (grouped.empty() ? "" : ", ") + name;
    }
    std::string all = grouped.empty() ? "" : "groupBy=[" + grouped + "], ";
    if (!window_text.empty()) all += "window=[" + window_text + "], ";
    all += "select=[" + select + "]";
    if (state_ttl && window_use == WindowUse::None)
        all += ", stateTtlHints=[" + formatDuration(*state_ttl) + "]";
    return all;
}

size_t AggregateRel::place(PhysicalBuilder& builder, const Rel& rel,
                           const std::vector<size_t>& inputs) const {
    if (window_use == WindowUse::None) return placeByGroup(builder, rel, inputs[0]);
    const bool session = window_use == WindowUse::Fused && window->kind == WindowKind::Session;
    return session ? placeBySession(builder, rel, inputs[0]) : placeByWindow(builder, rel, inputs[0]);
}

size_t AggregateRel::placeByGroup(PhysicalBuilder& builder, const Rel& rel, size_t input) const {
    GroupAggregateParameters parameters;
    parameters.input = rel.input()->schema;
    parameters.keys = keys;
    parameters.input_retracts = !builder.changelog(*rel.input()).insertOnly();
    parameters.terms = termsOfDistinctValues(calls, parameters.input_retracts);
    parameters.generates_update_before = builder.changelog(rel).update_before;
    parameters.ttl = state_ttl.value_or(builder.stateTtl());
    parameters.output = rel.schema;
    parameters.text = text(rel, "");
    if (aggregatesLocally(builder, rel, parameters)) input = placeLocalGroup(builder, rel, input, parameters);
    const PhysicalInput from = PhysicalInput::byKey(input, parameters.keys);
    return builder.addOperator(rel, builder.uidOf("group-aggregate", rel),
                               std::make_shared<GroupAggregate>(std::move(parameters)), {from});
}

// Whether there is a first phase.
bool AggregateRel::aggregatesLocally(const PhysicalBuilder& builder, const Rel& rel,
                                     const GroupAggregateParameters& second) const {
    const bool few =
        std::all_of(keys.begin(), keys.end(), [&](size_t key) { return followsTime(*rel.input(), key); });
    const bool distinct = hasDistinct(second.terms);
    if (!builder.aggregatesGroupsInTwoPhases(few, distinct)) return false;
    // It holds rows while watermarks pass.
    const std::vector<ColumnTraits>& traits = rel.origin->traits();
    const auto is_time = [](const ColumnTraits& column) { return column.time != TimeAttribute::None; };
    if (std::any_of(traits.begin(), traits.end(), is_time)) return false;
    // With a time to live, state forgets what a first phase takes for known, or has netted.
    const bool forgets = second.ttl.ms > 0;
    if (distinct) return !second.input_retracts && !forgets && LocalDistinctAggregate::accepts(second.terms);
    const auto takes_back = [](const AggregateTerm& term) { return term.function->mergesRetractions(); };
    if (second.input_retracts &&
        (forgets || !std::all_of(second.terms.begin(), second.terms.end(), takes_back)))
        return false;
    return canAggregateLocally(second.terms);
}

// The first of two phases; `second` is the operator as it would be alone, and becomes the second phase.
size_t AggregateRel::placeLocalGroup(PhysicalBuilder& builder, const Rel& rel, size_t input,
                                     GroupAggregateParameters& second) const {
    std::shared_ptr<const Operator> first;
    if (hasDistinct(second.terms)) {
        auto local = std::make_shared<LocalDistinctAggregate>(
            LocalDistinctAggregateParameters{second.input, second.keys, second.terms, second.text});
        second.terms = local->mergingTerms();
        first = std::move(local);
    } else {
        auto local = std::make_shared<LocalGroupAggregate>(
            LocalGroupAggregateParameters{second.input, second.keys, second.terms, second.input_retracts,
                                          second.input_retracts, second.text});
        second.terms = local->mergingTerms();
        if (second.input_retracts) second.rows_column = local->rowsColumn();
        first = std::move(local);
    }
    second.input = first->outputSchema();
    std::iota(second.keys.begin(), second.keys.end(), size_t{0});
    second.merges = true;
    return builder.addOperator(builder.uidOf("local-group-aggregate", rel), std::move(first), {{input}}, {});
}

template <class Parameters>
void AggregateRel::describeTo(Parameters& parameters, PhysicalBuilder& builder, const Rel& rel) const {
    const bool fused = window_use == WindowUse::Fused;
    parameters.input = rel.input()->schema;
    parameters.processing_time = inProcessingTime(*window);
    parameters.instants = overInstants(*window);
    if (!fused || !parameters.processing_time) parameters.time_column = time_column;
    for (size_t i = 0; i < keys.size(); ++i) {
        WindowAggregateColumn column;
        if (!isWindowKey(i)) {
            column.index = parameters.keys.size();
            parameters.keys.push_back(keys[i]);
        } else if (bounds[i] == WindowBound::Start) {
            column.from = WindowAggregateColumn::From::WindowStart;
        } else if (bounds[i] == WindowBound::End) {
            column.from = WindowAggregateColumn::From::WindowEnd;
        } else {
            column.from = WindowAggregateColumn::From::WindowTime;
        }
        parameters.columns.push_back(column);
    }
    parameters.input_retracts = !builder.changelog(*rel.input()).insertOnly();
    parameters.terms = termsOf(calls, parameters.input_retracts);
    for (size_t i = 0; i < parameters.terms.size(); ++i) {
        parameters.columns.push_back({WindowAggregateColumn::From::Term, i});
    }
    parameters.output = rel.schema;
    parameters.text = text(rel, windowText(window->toString(), fused ? "time" : "window_end",
                                           parameters.input, parameters.time_column));
}

size_t AggregateRel::placeByWindow(PhysicalBuilder& builder, const Rel& rel, size_t input) const {
    WindowAggregateParameters parameters;
    parameters.time_is = window_use == WindowUse::Fused ? RowWindow::OfTime : RowWindow::OfWindowEnd;
    parameters.windows = windowsOf(*window);
    describeTo(parameters, builder, rel);
    if (!parameters.input_retracts && builder.aggregatesInTwoPhases() &&
        canAggregateLocally(parameters.terms)) {
        if (!parameters.processing_time) {
            input = placeLocalWindow(builder, rel, input, parameters);
        } else if (!parameters.time_column) {
            input = placeLocalProcessingTime(builder, rel, input, parameters);
        }
    }
    const PhysicalInput from = PhysicalInput::byKey(input, parameters.keys);
    return builder.addOperator(rel, builder.uidOf("window-aggregate", rel),
                               std::make_shared<WindowAggregate>(std::move(parameters)), {from});
}

// The first of two phases; `second` is the operator as it would be alone, and becomes the second phase.
size_t AggregateRel::placeLocalWindow(PhysicalBuilder& builder, const Rel& rel, size_t input,
                                      WindowAggregateParameters& second) const {
    LocalWindowAggregateParameters first;
    first.input = second.input;
    first.windows = second.windows;
    first.time_column = *second.time_column;
    first.time_is = second.time_is;
    first.instants = second.instants;
    first.keys = second.keys;
    first.terms = second.terms;
    first.text = second.text;
    auto local = std::make_shared<LocalWindowAggregate>(std::move(first));

    second.input = local->outputSchema();
    second.time_column = local->sliceEndColumn();
    if (second.time_is == RowWindow::OfTime) second.time_is = RowWindow::OfSliceEnd;
    second.rows_column = local->rowsColumn();
    std::iota(second.keys.begin(), second.keys.end(), size_t{0});
    second.terms = local->mergingTerms();
    second.text = text(rel, windowText(window->toString(), "slice_end", second.input, second.time_column));
    return builder.addOperator(builder.uidOf("local-window-aggregate", rel), std::move(local), {{input}}, {});
}

// The same in processing time, where a row's window is that in which the second phase gets it.
size_t AggregateRel::placeLocalProcessingTime(PhysicalBuilder& builder, const Rel& rel, size_t input,
                                              WindowAggregateParameters& second) const {
    LocalGroupAggregateParameters first;
    first.input = second.input;
    first.keys = second.keys;
    first.terms = second.terms;
    first.counts_rows = true;
    first.text = text(rel, "");
    auto local = std::make_shared<LocalGroupAggregate>(std::move(first));

    second.input = local->outputSchema();
    std::iota(second.keys.begin(), second.keys.end(), size_t{0});
    second.terms = local->mergingTerms();
    second.rows_column = local->rowsColumn();
    return builder.addOperator(builder.uidOf("local-group-aggregate", rel), std::move(local), {{input}}, {});
}

size_t AggregateRel::placeBySession(PhysicalBuilder& builder, const Rel& rel, size_t input) const {
    SessionAggregateParameters parameters;
    parameters.gap_ms = window->size / 1000;
    describeTo(parameters, builder, rel);
    const PhysicalInput from = PhysicalInput::byKey(input, parameters.keys);
    return builder.addOperator(rel, builder.uidOf("session-aggregate", rel),
                               std::make_shared<SessionAggregate>(std::move(parameters)), {from});
}

RelTranslation describePlanNodesAggregate() {
    return translationOf<LogicalAggregate>(
        [](const LogicalAggregate& aggregate) { return std::make_shared<AggregateRel>(aggregate); });
}

}  // namespace millrace::sql
