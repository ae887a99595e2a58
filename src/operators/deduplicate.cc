#include "operators/deduplicate.h"

#include <algorithm>

#include "operators/aggregation.h"
#include "operators/batch_groups.h"
#include "operators/batch_keys.h"
#include "operators/row_values.h"
#include "operators/sort_keys.h"

namespace millrace {

namespace {
constexpr int64_t kNoWinner = -1;  // the row in state stays
}

struct Deduplicate::State final : OperatorState {
    State(KeyedTable& rows_table, const Kept& what, bool losing)
        : table(rows_table), kept(what), most_lose(losing) {}

    KeyedTable& table;
    const Kept& kept;
    bool most_lose;  // in most groups of the last batch no row won
    // Of the batch at hand.
    std::vector<ColumnPtr> keys;
    std::vector<uint64_t> hashes;
    BatchGroups batch_groups;
    std::vector<std::byte*> groups;  // their state rows
    std::vector<uint8_t> inserted;   // 1: the group did not exist before this batch
    bool only_read;                  // those that did have not been looked up to be written
    std::vector<const std::byte*> known;
    std::vector<std::byte*> found;
    std::vector<int64_t> winner;  // the batch's row that stands for the group now, or kNoWinner
    // What rows are ordered by: of the batch, and of the state rows of groups that existed.
    SortKeys sort_keys;
    SortKeys former_sort_keys;
    std::vector<std::byte*> former_rows;
    std::vector<uint32_t> former_of;  // of each group that existed, its place in them
};

Deduplicate::Deduplicate(DeduplicateParameters parameters) : p_(std::move(parameters)) {
    const auto is_key = [&](size_t column) {
        return std::find(p_.keys.begin(), p_.keys.end(), column) != p_.keys.end();
    };
    const auto orders = [&](size_t column) {
        return std::any_of(p_.order.begin(), p_.order.end(),
                           [&](const SortOrder& by) { return by.column == column; });
    };
    std::copy_if(p_.order.begin(), p_.order.end(), std::back_inserter(order_),
                 [&](const SortOrder& by) { return !is_key(by.column); });
    std::vector<size_t> all, ordering;
    for (size_t column = 0; column < p_.input.size(); ++column) {
        if (is_key(column)) continue;
        all.push_back(column);
        if (orders(column)) ordering.push_back(column);
    }
    whole_rows_ = keeping(std::move(all));
    only_order_ = keeping(std::move(ordering));
}

Deduplicate::~Deduplicate() = default;

Deduplicate::Kept Deduplicate::keeping(std::vector<size_t> columns) const {
    Kept kept;
    for (const SortOrder& by : order_) {
        const auto at = std::find(columns.begin(), columns.end(), by.column) - columns.begin();
        kept.order_fields.push_back(p_.keys.size() + static_cast<size_t>(at));
    }
    kept.columns = std::move(columns);
    return kept;
}

std::vector<KeptState> Deduplicate::keeps() const {
    std::string rows = oneRowForEach(p_.input, p_.keys);
    if (!firstArrival() && !p_.generates_update_before) rows += ", with what rows are ordered by alone";
    return {{"deduplicate", std::move(rows), untilExpired(p_.ttl, TtlFrom::Option)}};
}

bool Deduplicate::keepsOnlyOrder(OperatorContext& context) const {
    if (firstArrival()) return false;
    std::vector<std::string>& list = context.state().list("deduplicate-keeps", Redistribution::Union);
    const bool only_order = context.restored() ? !list.empty() : !p_.generates_update_before;
    if (only_order && p_.generates_update_before) {
        throw UserError(
            "state.incompatible",
            "the snapshot has only what the rows of each key are ordered by, since results did not "
            "have to be taken back; those of the query as it is now have to be",
            "start without the state of this query, or with a sink that takes upserts, as before");
    }
    list.clear();
    if (only_order) list.emplace_back("order");
    return only_order;
}

std::unique_ptr<OperatorState> Deduplicate::open(OperatorContext& context) const {
    const Kept& kept = keepsOnlyOrder(context) ? only_order_ : whole_rows_;
    KeyedStateDescriptor descriptor;
    descriptor.name = "deduplicate";
    descriptor.key = Aggregation::keySchema(p_.input, p_.keys);
    if (!firstArrival()) descriptor.value = Aggregation::keySchema(p_.input, kept.columns);
    descriptor.ttl = p_.ttl;
    return std::make_unique<State>(context.state().table(descriptor), kept, !p_.keep_last);
}

// The groups' state rows. With a TTL, or where most rows lose, those known are only read at first, since
// losing neither prolongs their time nor changes them.
void Deduplicate::findGroups(State& state) const {
    state.batch_groups.find(state.keys, state.hashes);
    const Selection& first = state.batch_groups.firstRows();
    state.only_read = p_.ttl.ms > 0 || state.most_lose;
    if (!state.only_read) {
        state.table.findOrInsert(0, state.keys, state.hashes, first, state.groups, &state.inserted);
    } else {
        state.table.findToRead(0, state.keys, state.hashes, first, state.known);
        state.groups.resize(first.size());
        state.inserted.assign(first.size(), 0);
        Selection absent, absent_groups;
        for (uint32_t group = 0; group < first.size(); ++group) {
            state.groups[group] = const_cast<std::byte*>(state.known[group]);  // touched before it is written
            if (state.known[group] != nullptr) continue;
            absent.push_back(first[group]);
            absent_groups.push_back(group);
        }
        if (!absent.empty()) state.table.findOrInsert(0, state.keys, state.hashes, absent, state.found);
        for (size_t i = 0; i < absent.size(); ++i) {
            state.groups[absent_groups[i]] = state.found[i];
            state.inserted[absent_groups[i]] = 1;
        }
    }
    state.former_rows.clear();
    state.former_of.clear();
    for (size_t group = 0; group < state.groups.size(); ++group) {
        state.former_of.push_back(static_cast<uint32_t>(state.former_rows.size()));
        if (!state.inserted[group]) state.former_rows.push_back(state.groups[group]);
    }
    state.winner.assign(state.groups.size(), kNoWinner);
}

void Deduplicate::chooseWinners(State& state, const Batch& batch) const {
    const size_t rows = batch.rows();
    std::vector<ColumnPtr> columns;
    if (state.groups.size() < rows || !state.former_rows.empty()) {
        for (const SortOrder& by : order_)
            columns.push_back(batch.column(by.column));
        state.sort_keys.encode(columns, order_, rows);
    }
    columns.clear();
    for (const size_t field : state.kept.order_fields)
        columns.push_back(loadColumn(state.table.layout(), field, state.former_rows));
    state.former_sort_keys.encode(columns, order_, state.former_rows.size());
    for (size_t i = 0; i < rows; ++i) {
        const uint32_t group = state.batch_groups.of(i);
        int64_t& winner = state.winner[group];
        if (winner == kNoWinner && state.inserted[group]) {
            winner = static_cast<int64_t>(i);
            continue;
        }
        const bool against_former = winner == kNoWinner;
        const SortKeys& other = against_former ? state.former_sort_keys : state.sort_keys;
        const size_t at = against_former ? state.former_of[group] : static_cast<size_t>(winner);
        const bool wins =
            p_.keep_last ? !state.sort_keys.less(i, other, at) : state.sort_keys.less(i, other, at);
        if (wins) winner = static_cast<int64_t>(i);
    }
}

void Deduplicate::process(OperatorState& operator_state, size_t, const Batch& batch, OperatorContext&,
                          Output& output) const {
    auto& state = static_cast<State&>(operator_state);
    if (batch.empty()) return;
    keysOf(batch, p_.keys, state.keys, state.hashes);
    if (!firstArrival()) {
        findGroups(state);
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
    state.table.findOrInsert(0, state.keys, state.hashes, absent, state.found, &state.inserted);
    Selection first;
    for (size_t i = 0; i < state.inserted.size(); ++i) {
        if (state.inserted[i]) first.push_back(absent.empty() ? static_cast<uint32_t>(i) : absent[i]);
    }
    return first;
}

void Deduplicate::emitChanges(State& state, const Batch& batch, Output& output) const {
    Selection winners;  // of every group that changes
    std::vector<std::byte*> changed;
    // Rows of the result: of state, or, where that is nullptr, of the batch. Keys are the same of both.
    std::vector<const std::byte*> former;
    Selection values;
    std::vector<RowKind> kinds;
    bool replaces = false, with_former = false;
    for (size_t group = 0; group < state.groups.size(); ++group) {
        if (state.winner[group] == kNoWinner) continue;
        const auto row = static_cast<uint32_t>(state.winner[group]);
        winners.push_back(row);
        changed.push_back(state.groups[group]);
        if (!state.inserted[group]) {
            replaces = true;
            if (state.only_read) state.table.touch(0, state.groups[group]);
            if (p_.generates_update_before) {
                with_former = true;
                former.push_back(state.groups[group]);
                values.push_back(row);
                kinds.push_back(RowKind::UpdateBefore);
            }
        }
        former.push_back(nullptr);
        values.push_back(row);
        kinds.push_back(!state.inserted[group] ? RowKind::UpdateAfter : RowKind::Insert);
    }
    state.most_lose = winners.size() < state.groups.size() / 2;
    if (winners.empty()) return;

    std::vector<ColumnPtr> columns;
    std::vector<ColumnPtr> stored;
    for (size_t column = 0; column < p_.output.size(); ++column) {
        const ColumnPtr all = Column::retyped(batch.column(column), p_.output[column].type);
        const bool in_state =
            stored.size() < state.kept.columns.size() && state.kept.columns[stored.size()] == column;
        const size_t field = state.table.firstValueField() + stored.size();
        columns.push_back(with_former && in_state ? loadOrGather(state.table.layout(), field, former, all,
                                                                 values, state.table.heap())
                                                  : Column::gather(all, values));
        if (in_state) stored.push_back(all);
    }
    storeColumns(state.table.layout(), state.table.firstValueField(), stored, winners, changed,
                 state.table.heap());
    Batch result(values.size(), std::move(columns));
    if (replaces) result.setKinds(std::move(kinds));
    output.emit(std::move(result));
}

}  // namespace millrace
