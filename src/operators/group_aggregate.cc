#include "operators/group_aggregate.h"

#include <algorithm>

#include "operators/batch_groups.h"
#include "operators/batch_keys.h"
#include "operators/row_values.h"

namespace millrace {

struct GroupAggregate::State final : OperatorState {
    explicit State(KeyedTable& groups_table) : table(groups_table) {}

    KeyedTable& table;
    std::unique_ptr<DistinctValues::State> distinct;
    // Of the batch at hand.
    std::vector<ColumnPtr> keys;
    std::vector<uint64_t> hashes;
    std::vector<std::byte*> rows;  // the group's row of each of the batch's rows, or of those of `selection`
    std::vector<int8_t> signs;
    bool retracts = false;
    Selection selection;  // set if some of the batch's rows are left out
    BatchGroups batch_groups;
    std::vector<std::byte*> groups;  // their rows
    std::vector<uint8_t> inserted;   // 1: the group did not exist before this batch
    Aggregation::Scratch scratch;
};

GroupAggregate::GroupAggregate(GroupAggregateParameters parameters)
    : p_(std::move(parameters)),
      aggregation_(std::move(p_.terms), p_.input_retracts, p_.rows_column),
      distinct_(p_.input, p_.keys, aggregation_.terms(), p_.input_retracts, p_.ttl) {
    MILLRACE_CHECK(p_.output.size() == p_.keys.size() + aggregation_.size(),
                   "{} fields for {} keys and {} terms", p_.output.size(), p_.keys.size(),
                   aggregation_.size());
    const std::vector<AggregateTerm>& all = aggregation_.terms();
    always_changes_ = !p_.input_retracts && !p_.generates_update_before &&
                      std::any_of(all.begin(), all.end(), risesWithRows);
}

GroupAggregate::~GroupAggregate() = default;

std::vector<KeptState> GroupAggregate::keeps() const {
    const auto until = [&](const std::vector<size_t>& columns) -> std::string {
        if (columns.empty() && p_.ttl.ms == 0) return "never dropped";
        return p_.input_retracts ? untilTakenBack(p_.ttl, TtlFrom::OptionOrHint)
                                 : untilExpired(p_.ttl, TtlFrom::OptionOrHint);
    };
    std::vector<KeptState> kept = {{"group-aggregate", oneRowForEach(p_.input, p_.keys), until(p_.keys)}};
    for (size_t set = 0; set < distinct_.sets(); ++set) {
        const std::vector<size_t> columns = distinct_.columns(set);
        std::string rows = oneRowForEach(p_.input, columns);
        if (const uint32_t values = distinct_.valuesOfARow(set); values > 1)
            rows += fmt::format(", of which up to {} neighbours share one", values);
        kept.push_back({DistinctValues::tableName(set), std::move(rows), until(columns)});
    }
    return kept;
}

std::unique_ptr<OperatorState> GroupAggregate::open(OperatorContext& context) const {
    KeyedStateDescriptor descriptor;
    descriptor.name = "group-aggregate";
    descriptor.key = Aggregation::keySchema(p_.input, p_.keys);
    std::vector<Field> values = aggregation_.valueSchema().fields();
    for (Field& field : distinct_.groupFields())
        values.push_back(std::move(field));
    descriptor.value = Schema(std::move(values));
    descriptor.ttl = p_.ttl;
    auto state = std::make_unique<State>(context.state().table(descriptor));
    state->distinct = distinct_.openTables(context);
    return state;
}

void GroupAggregate::findGroups(State& state, const Batch& batch) const {
    keysOf(batch, p_.keys, state.keys, state.hashes);
    state.batch_groups.find(state.keys, state.hashes);
    state.table.findOrInsert(0, state.keys, state.hashes, state.batch_groups.firstRows(), state.groups,
                             &state.inserted);
    constexpr size_t kCacheLine = 64;
    const size_t row_bytes = state.table.layout().rowBytes();
    for (std::byte* group : state.groups) {
        for (size_t line = kCacheLine; line < row_bytes; line += kCacheLine)
            __builtin_prefetch(group + line, 1);  // the results so far are read next
    }
    state.rows.resize(batch.rows());
    for (size_t i = 0; i < batch.rows(); ++i)
        state.rows[i] = state.groups[state.batch_groups.of(i)];
}

// Leaves out retractions that come before the first row of a group that did not exist.
void GroupAggregate::dropLeadingRetractions(State& state) const {
    state.selection.clear();
    std::vector<uint8_t> begun(state.groups.size());
    for (size_t group = 0; group < begun.size(); ++group)
        begun[group] = state.inserted[group] == 0;
    bool dropped = false;
    for (size_t i = 0; i < state.rows.size(); ++i) {
        uint8_t& group_begun = begun[state.batch_groups.of(i)];
        group_begun |= state.signs[i] > 0;
        if (group_begun) {
            state.selection.push_back(static_cast<uint32_t>(i));
        } else {
            dropped = true;
        }
    }
    if (!dropped) {
        state.selection.clear();
        return;
    }
    for (size_t i = 0; i < state.selection.size(); ++i) {
        state.rows[i] = state.rows[state.selection[i]];
        state.signs[i] = state.signs[state.selection[i]];
    }
    state.rows.resize(state.selection.size());
    state.signs.resize(state.selection.size());
}

std::vector<ColumnPtr> GroupAggregate::results(const State& state) const {
    std::vector<ColumnPtr> columns;
    for (size_t term = 0; term < aggregation_.size(); ++term) {
        columns.push_back(Column::retyped(aggregation_.result(state.table, term, state.groups),
                                          p_.output[p_.keys.size() + term].type));
    }
    return columns;
}

void GroupAggregate::process(OperatorState& operator_state, size_t, const Batch& batch, OperatorContext&,
                             Output& output) const {
    auto& state = static_cast<State&>(operator_state);
    if (batch.empty()) return;
    findGroups(state, batch);
    state.selection.clear();
    state.retracts = p_.input_retracts && signsOf(batch, state.signs);
    if (state.retracts) dropLeadingRetractions(state);

    const std::vector<ColumnPtr> before = always_changes_ ? std::vector<ColumnPtr>() : results(state);
    if (!state.rows.empty()) {
        const int8_t* signs = state.retracts ? state.signs.data() : nullptr;
        aggregation_.accumulate(batch, state.selection, state.rows, signs, state.table, state.scratch);
        distinct_.accumulate(*state.distinct,
                             {batch, state.keys, state.hashes, state.selection, state.rows, signs},
                             aggregation_, state.table);
    }
    const std::vector<ColumnPtr> after = results(state);
    emitChanges(state, batch, before, after, output);
}

void GroupAggregate::emitChanges(State& state, const Batch& batch, const std::vector<ColumnPtr>& before,
                                 const std::vector<ColumnPtr>& after, Output& output) const {
    const size_t groups = state.groups.size();
    std::vector<uint8_t> different(groups, 0);
    for (size_t term = 0; term < before.size(); ++term) {
        markDifferent(*before[term], *after[term], different);
    }

    // Rows of the result: a group's row of `before` or `after`, which lie one behind the other.
    Selection values;
    Selection key_rows;
    std::vector<RowKind> kinds;
    bool only_inserts = true;
    const auto add = [&](size_t group, bool is_after, RowKind kind) {
        values.push_back(static_cast<uint32_t>(is_after ? groups + group : group));
        key_rows.push_back(state.batch_groups.firstRows()[group]);
        kinds.push_back(kind);
        only_inserts &= kind == RowKind::Insert;
    };
    for (size_t group = 0; group < groups; ++group) {
        const bool alive = !p_.input_retracts || aggregation_.count(state.table, state.groups[group]) > 0;
        if (state.inserted[group]) {
            if (alive) add(group, true, RowKind::Insert);
        } else if (!alive) {
            add(group, false, RowKind::Delete);
        } else if (always_changes_ || different[group] || (p_.ttl.ms > 0 && !before.empty())) {
            // With a TTL, unchanged results are sent too: they keep state downstream from expiring, as in
            // Flink.
            if (p_.generates_update_before) add(group, false, RowKind::UpdateBefore);
            add(group, true, RowKind::UpdateAfter);
        }
        if (!alive) state.table.erase(0, state.groups[group]);
    }
    if (values.empty()) return;

    std::vector<ColumnPtr> columns;
    columns.reserve(p_.output.size());
    for (size_t k = 0; k < p_.keys.size(); ++k) {
        columns.push_back(
            Column::retyped(Column::gather(batch.column(p_.keys[k]), key_rows), p_.output[k].type));
    }
    for (size_t term = 0; term < after.size(); ++term) {
        // Where all change, each has its row.
        columns.push_back(always_changes_ ? after[term] : gatherOfTwo(before[term], after[term], values));
    }
    Batch result(values.size(), std::move(columns));
    if (!only_inserts) result.setKinds(std::move(kinds));
    output.emit(std::move(result));
}

void GroupAggregate::onEndOfInput(OperatorState& operator_state, OperatorContext& context,
                                  Output& output) const {
    if (!p_.keys.empty() || aggregation_.size() == 0 || context.subtask() != SlotIndex(0)) return;
    auto& state = static_cast<State&>(operator_state);
    if (state.table.rows(0) > 0) return;
    state.hashes.assign(1, 0);
    state.table.findOrInsert(0, {}, state.hashes, {},
                             state.groups);  // stays: a restore does not say it again
    output.emit(Batch(1, results(state)));
}

}  // namespace millrace
