#include "operators/deduplicate.h"

#include <algorithm>
#include <limits>

#include "operators/aggregation.h"
#include "operators/row_index.h"
#include "operators/row_values.h"

namespace millrace {

namespace {
constexpr int64_t kNoWinner = -1;  // the row in state stays
}

struct Deduplicate::State final : OperatorState {
    explicit State(KeyedTable& rows_table) : table(rows_table) {}

    KeyedTable& table;
    // Of the batch at hand.
    std::vector<ColumnPtr> keys;
    std::vector<uint64_t> hashes;
    std::vector<std::byte*> rows;
    std::vector<uint8_t> inserted;
    std::vector<const std::byte*> known;
    RowIndex index;
    std::vector<std::byte*> groups;  // distinct rows, in order of their first appearance
    std::vector<uint8_t> existed;    // before this batch, of each group
    std::vector<int64_t> winner;     // the batch's row that stands for the group now, or kNoWinner
    std::vector<int64_t> winner_time;
};

Deduplicate::Deduplicate(DeduplicateParameters parameters) : p_(std::move(parameters)) {
    for (size_t column = 0; column < p_.input.size(); ++column) {
        if (std::find(p_.keys.begin(), p_.keys.end(), column) == p_.keys.end()) values_.push_back(column);
    }
}

Deduplicate::~Deduplicate() = default;

std::unique_ptr<OperatorState> Deduplicate::open(OperatorContext& context) const {
    KeyedStateDescriptor descriptor;
    descriptor.name = "deduplicate";
    descriptor.key = Aggregation::keySchema(p_.input, p_.keys);
    if (!firstArrival()) descriptor.value = Aggregation::keySchema(p_.input, values_);
    descriptor.ttl = p_.ttl;
    return std::make_unique<State>(context.state().table(descriptor));
}

void Deduplicate::chooseWinners(State& state, const Batch& batch) const {
    const size_t rows = batch.rows();
    const Column* time = p_.time_column ? batch.column(*p_.time_column).get() : nullptr;
    const auto time_of = [&](size_t row) {
        return time->isNull(row) ? std::numeric_limits<int64_t>::min() : time->data<int64_t>()[row];
    };
    size_t time_field = 0;
    if (time) {
        const auto at = std::find(values_.begin(), values_.end(), *p_.time_column);
        if (at == values_.end()) {  // a key itself: all rows of a key have one time
            const auto key = std::find(p_.keys.begin(), p_.keys.end(), *p_.time_column);
            time_field = static_cast<size_t>(key - p_.keys.begin());
        } else {
            time_field = state.table.firstValueField() + static_cast<size_t>(at - values_.begin());
        }
    }
    const RowLayout& layout = state.table.layout();
    state.index.start(rows);
    state.groups.clear();
    state.existed.clear();
    state.winner.clear();
    state.winner_time.clear();
    for (size_t i = 0; i < rows; ++i) {
        const uint32_t group = state.index.numberOf(state.rows[i]);
        if (group == state.groups.size()) {
            std::byte* row = state.rows[i];
            const bool existed = state.inserted[i] == 0;
            state.groups.push_back(row);
            state.existed.push_back(existed);
            state.winner.push_back(existed ? kNoWinner : static_cast<int64_t>(i));
            int64_t at = 0;
            if (time && !existed) {
                at = time_of(i);
            } else if (time) {
                at = RowLayout::isNull(row, time_field)
                         ? std::numeric_limits<int64_t>::min()
                         : RowLayout::at<int64_t>(row, layout.offset(time_field));
            }
            state.winner_time.push_back(at);
            if (!existed) continue;
        }
        if (time) {
            const int64_t at = time_of(i);
            if (p_.keep_last ? at < state.winner_time[group] : at >= state.winner_time[group]) continue;
            state.winner_time[group] = at;
        }
        state.winner[group] = static_cast<int64_t>(i);
    }
}

void Deduplicate::process(OperatorState& operator_state, size_t, const Batch& batch, OperatorContext&,
                          Output& output) const {
    auto& state = static_cast<State&>(operator_state);
    if (batch.empty()) return;
    state.keys.clear();
    for (const size_t key : p_.keys)
        state.keys.push_back(batch.column(key));
    hashColumns(state.keys, batch.rows(), state.hashes);
    if (!firstArrival()) {
        state.table.findOrInsert(0, state.keys, state.hashes, {}, state.rows, &state.inserted);
        chooseWinners(state, batch);
        emitChanges(state, batch, output);
        return;
    }
    const Selection first = arrivals(state, batch.rows());
    Batch result = first.size() == batch.rows() ? batch : batch.gather(first);
    if (batch.kinds()) result = Batch(result.rows(), result.columns());
    output.emit(std::move(result));
}

// The rows whose keys were not there, which then are.
Selection Deduplicate::arrivals(State& state, size_t rows) const {
    Selection absent;  // with a TTL: those known are only read, since being there again does not prolong it
    if (p_.ttl.ms > 0) {
        state.table.findToRead(0, state.keys, state.hashes, {}, state.known);
        for (size_t i = 0; i < rows; ++i) {
            if (!state.known[i]) absent.push_back(static_cast<uint32_t>(i));
        }
        if (absent.empty()) return absent;
    }
    state.table.findOrInsert(0, state.keys, state.hashes, absent, state.rows, &state.inserted);
    Selection first;
    for (size_t i = 0; i < state.inserted.size(); ++i) {
        if (state.inserted[i]) first.push_back(absent.empty() ? static_cast<uint32_t>(i) : absent[i]);
    }
    return first;
}

// A column of the rows that stood for their keys: keys are the same as of the rows that stand for them now.
ColumnPtr Deduplicate::formerColumn(const State& state, size_t column, const Batch& batch,
                                    std::span<std::byte* const> rows,
                                    std::span<const uint32_t> winners) const {
    const auto at = std::find(values_.begin(), values_.end(), column);
    if (at == values_.end()) return Column::gather(batch.column(column), winners);
    const size_t field = state.table.firstValueField() + static_cast<size_t>(at - values_.begin());
    return Column::retyped(loadColumn(state.table.layout(), field, rows), p_.output[column].type);
}

void Deduplicate::emitChanges(State& state, const Batch& batch, Output& output) const {
    Selection winners;  // of every group that changes
    std::vector<std::byte*> changed;
    Selection replacing;  // winners of groups that existed, and those groups
    std::vector<std::byte*> replaced;
    Selection values;  // rows of the result: of the batch, or, behind those, of `replaced`
    std::vector<RowKind> kinds;
    const auto former = static_cast<uint32_t>(batch.rows());
    for (size_t group = 0; group < state.groups.size(); ++group) {
        if (state.winner[group] == kNoWinner) continue;
        const auto row = static_cast<uint32_t>(state.winner[group]);
        winners.push_back(row);
        changed.push_back(state.groups[group]);
        if (state.existed[group]) {
            if (p_.generates_update_before) {
                values.push_back(former + static_cast<uint32_t>(replaced.size()));
                kinds.push_back(RowKind::UpdateBefore);
            }
            replacing.push_back(row);
            replaced.push_back(state.groups[group]);
        }
        values.push_back(row);
        kinds.push_back(state.existed[group] ? RowKind::UpdateAfter : RowKind::Insert);
    }
    if (winners.empty()) return;

    const bool with_former = p_.generates_update_before && !replaced.empty();
    std::vector<ColumnPtr> columns;
    for (size_t column = 0; column < p_.output.size(); ++column) {
        ColumnPtr all = batch.column(column);
        if (with_former) {
            const ColumnPtr both[] = {Column::retyped(all, p_.output[column].type),
                                      formerColumn(state, column, batch, replaced, replacing)};
            all = Column::concat(both);
        }
        columns.push_back(Column::gather(all, values));
    }
    for (size_t i = 0; i < values_.size(); ++i) {
        storeColumn(state.table.layout(), state.table.firstValueField() + i, *batch.column(values_[i]),
                    winners, changed, state.table.heap());
    }
    Batch result(values.size(), std::move(columns));
    if (!replaced.empty()) result.setKinds(std::move(kinds));
    output.emit(std::move(result));
}

}  // namespace millrace
