#include "operators/changelog_normalize.h"

#include <algorithm>

#include "operators/aggregation.h"
#include "operators/batch_groups.h"
#include "operators/batch_keys.h"
#include "operators/row_values.h"

namespace millrace {

struct ChangelogNormalize::State final : OperatorState {
    explicit State(KeyedTable& rows_table) : table(rows_table) {}

    KeyedTable& table;
    // Of the batch at hand.
    std::vector<ColumnPtr> keys;
    std::vector<uint64_t> hashes;
    BatchGroups batch_groups;
    Selection last;                 // of each group, the row that counts
    std::vector<std::byte*> known;  // its state row; nullptr for a new key, until it has one
    std::vector<std::byte*> found;
    std::vector<uint8_t> changed;  // against the state row
    std::vector<uint8_t> different;
};

ChangelogNormalize::ChangelogNormalize(ChangelogNormalizeParameters parameters) : p_(std::move(parameters)) {
    for (size_t column = 0; column < p_.input.size(); ++column) {
        if (std::find(p_.keys.begin(), p_.keys.end(), column) == p_.keys.end()) values_.push_back(column);
    }
}

std::string ChangelogNormalize::name() const {
    std::string names;
    for (const size_t key : p_.keys)
        names += (names.empty() ? "" : ", ") + p_.input[key].name;
    return "ChangelogNormalize(key=[" + names + "])";
}

std::vector<KeptState> ChangelogNormalize::keeps() const {
    return {
        {"changelog-normalize", oneRowForEach(p_.input, p_.keys), untilTakenBack(p_.ttl, TtlFrom::Option)}};
}

std::unique_ptr<OperatorState> ChangelogNormalize::open(OperatorContext& context) const {
    KeyedStateDescriptor descriptor;
    descriptor.name = "changelog-normalize";
    descriptor.key = Aggregation::keySchema(p_.input, p_.keys);
    descriptor.value = Aggregation::keySchema(p_.input, values_);
    descriptor.ttl = p_.ttl;
    return std::make_unique<State>(context.state().table(descriptor));
}

void ChangelogNormalize::findGroups(State& state, const Batch& batch) const {
    state.batch_groups.find(state.keys, state.hashes);
    state.last.assign(state.batch_groups.size(), 0);
    for (size_t row = 0; row < batch.rows(); ++row)
        state.last[state.batch_groups.of(row)] = static_cast<uint32_t>(row);
    state.table.find(0, state.keys, state.hashes, state.batch_groups.firstRows(), state.known);
}

// Which of the keys that are there have another row now.
void ChangelogNormalize::findChanges(State& state, const Batch& batch) const {
    state.changed.assign(state.known.size(), 1);
    if (p_.ttl.ms > 0) return;  // as in Flink: each row prolongs the time of those further down, too
    Selection rows, groups;
    std::vector<std::byte*> former;
    for (uint32_t group = 0; group < state.known.size(); ++group) {
        if (state.known[group] == nullptr || isRetraction(batch.kind(state.last[group]))) continue;
        rows.push_back(state.last[group]);
        groups.push_back(group);
        former.push_back(state.known[group]);
    }
    state.different.assign(rows.size(), 0);
    size_t field = state.table.firstValueField();
    for (const size_t column : values_) {
        const ColumnPtr was = loadColumn(state.table.layout(), field++, former);
        markDifferent(*was, *Column::gather(batch.column(column), rows), state.different);
    }
    for (size_t i = 0; i < groups.size(); ++i)
        state.changed[groups[i]] = state.different[i];
}

void ChangelogNormalize::process(OperatorState& operator_state, size_t, const Batch& batch, OperatorContext&,
                                 Output& output) const {
    auto& state = static_cast<State&>(operator_state);
    if (batch.empty()) return;
    keysOf(batch, p_.keys, state.keys, state.hashes);
    findGroups(state, batch);
    findChanges(state, batch);

    // Rows of the result: of state, or, where that is nullptr, of the batch. Keys are the same of both.
    std::vector<const std::byte*> former;
    Selection rows, added, stored;
    std::vector<RowKind> kinds;
    std::vector<std::byte*> gone, kept;
    const auto put = [&](RowKind kind, const std::byte* was, uint32_t row) {
        former.push_back(was);
        rows.push_back(row);
        kinds.push_back(kind);
    };
    for (size_t group = 0; group < state.known.size(); ++group) {
        std::byte* const known = state.known[group];
        const uint32_t row = state.last[group];
        if (isRetraction(batch.kind(row))) {
            if (known == nullptr) continue;
            put(RowKind::Delete, known, row);
            gone.push_back(known);
        } else if (known == nullptr) {
            put(RowKind::Insert, nullptr, row);
            added.push_back(row);
        } else if (state.changed[group] != 0) {
            if (p_.generates_update_before) put(RowKind::UpdateBefore, known, row);
            put(RowKind::UpdateAfter, nullptr, row);
            stored.push_back(row);
            kept.push_back(known);
        }
    }
    if (rows.empty()) return;

    std::vector<ColumnPtr> columns, values;
    size_t field = state.table.firstValueField();
    for (size_t column = 0; column < p_.input.size(); ++column) {
        const ColumnPtr all = Column::retyped(batch.column(column), p_.input[column].type);
        if (std::find(values_.begin(), values_.end(), column) == values_.end()) {
            columns.push_back(Column::gather(all, rows));
            continue;
        }
        columns.push_back(loadOrGather(state.table.layout(), field++, former, all, rows, state.table.heap()));
        values.push_back(all);
    }
    Batch result(rows.size(), std::move(columns));
    result.setKinds(std::move(kinds));

    for (std::byte* const row : gone)
        state.table.erase(0, row);
    if (!added.empty()) {
        state.table.findOrInsert(0, state.keys, state.hashes, added, state.found);
        stored.insert(stored.end(), added.begin(), added.end());
        // Rows that are erased or inserted leave those found before where they are.
        kept.insert(kept.end(), state.found.begin(), state.found.end());
    }
    if (!stored.empty())
        storeColumns(state.table.layout(), state.table.firstValueField(), values, stored, kept,
                     state.table.heap());
    output.emit(std::move(result));
}

}  // namespace millrace
