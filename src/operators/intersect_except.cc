#include "operators/intersect_except.h"

#include <algorithm>
#include <numeric>

#include "operators/aggregation.h"
#include "operators/batch_groups.h"
#include "operators/batch_keys.h"
#include "operators/row_values.h"

namespace millrace {

struct IntersectExcept::State final : OperatorState {
    State(KeyedTable& rows_table, size_t inputs) : table(rows_table) {
        for (size_t i = 0; i < inputs; ++i) {
            fields.push_back(table.firstValueField() + i);
            offsets.push_back(table.layout().offset(fields.back()));
        }
    }
    int64_t& count(std::byte* row, size_t input) const { return RowLayout::at<int64_t>(row, offsets[input]); }
    int64_t count(const std::byte* row, size_t input) const {
        return RowLayout::at<int64_t>(row, offsets[input]);
    }

    KeyedTable& table;
    std::vector<size_t> fields;  // of each input's count
    std::vector<uint32_t> offsets;
    // Of the batch at hand.
    std::vector<ColumnPtr> keys;
    std::vector<uint64_t> hashes;
    BatchGroups groups;
    std::vector<std::byte*> rows;  // one a group
    std::vector<int64_t> before;
    std::vector<int8_t> signs;
};

IntersectExcept::IntersectExcept(IntersectExceptParameters parameters)
    : p_(std::move(parameters)), columns_(p_.output.size()) {
    MILLRACE_CHECK(p_.inputs >= 2 && (p_.kind == SetOperationKind::Intersect || p_.inputs == 2),
                   "a set operation of {} inputs", p_.inputs);
    std::iota(columns_.begin(), columns_.end(), size_t{0});
}

IntersectExcept::~IntersectExcept() = default;

std::string IntersectExcept::name() const {
    return (p_.kind == SetOperationKind::Intersect ? "Intersect(" : "Except(") + p_.text + ")";
}

std::vector<KeptState> IntersectExcept::keeps() const {
    return {{"set-operation", oneRowForEach(p_.output, columns_), untilTakenBack(p_.ttl, TtlFrom::Option)}};
}

std::unique_ptr<OperatorState> IntersectExcept::open(OperatorContext& context) const {
    KeyedStateDescriptor descriptor;
    descriptor.name = "set-operation";
    descriptor.key = nullableSchema(p_.output);
    std::vector<Field> counts;
    for (size_t i = 0; i < p_.inputs; ++i)
        counts.push_back({fmt::format("rows_{}", i), LogicalType::bigint()});
    descriptor.value = Schema(std::move(counts));
    descriptor.ttl = p_.ttl;
    return std::make_unique<State>(context.state().table(descriptor), p_.inputs);
}

int64_t IntersectExcept::copies(const State& state, const std::byte* row) const {
    int64_t result = state.count(row, 0);
    if (p_.kind == SetOperationKind::Intersect) {
        for (size_t i = 1; i < p_.inputs; ++i)
            result = std::min(result, state.count(row, i));
        return p_.all ? result : std::min<int64_t>(result, 1);
    }
    const int64_t other = state.count(row, 1);
    if (p_.all) return std::max<int64_t>(result - other, 0);
    return result > 0 && other == 0 ? 1 : 0;
}

void IntersectExcept::process(OperatorState& operator_state, size_t input, const Batch& batch,
                              OperatorContext&, Output& output) const {
    auto& state = static_cast<State&>(operator_state);
    if (batch.empty()) return;
    keysOf(batch, columns_, state.keys, state.hashes);
    state.groups.find(state.keys, state.hashes);
    state.table.findOrInsert(0, state.keys, state.hashes, state.groups.firstRows(), state.rows);
    const size_t groups = state.rows.size();
    state.before.resize(groups);
    for (size_t group = 0; group < groups; ++group) {
        for (const size_t field : state.fields)
            RowLayout::setNull(state.rows[group], field, false);
        state.before[group] = copies(state, state.rows[group]);
    }
    const bool retracts = signsOf(batch, state.signs);
    for (size_t i = 0; i < batch.rows(); ++i) {
        int64_t& count = state.count(state.rows[state.groups.of(i)], input);
        count = retracts ? std::max<int64_t>(count + state.signs[i], 0) : count + 1;
    }

    Selection changed;
    std::vector<RowKind> kinds;
    bool only_inserts = true;
    for (size_t group = 0; group < groups; ++group) {
        const std::byte* row = state.rows[group];
        const int64_t difference = copies(state, row) - state.before[group];
        const RowKind kind = difference > 0 ? RowKind::Insert : RowKind::Delete;
        only_inserts &= difference >= 0;
        for (int64_t k = std::abs(difference); k > 0; --k) {
            changed.push_back(state.groups.firstRows()[group]);
            kinds.push_back(kind);
        }
        bool empty = true;
        for (size_t i = 0; i < p_.inputs; ++i)
            empty &= state.count(row, i) == 0;
        if (empty) state.table.erase(0, state.rows[group]);
    }
    if (changed.empty()) return;
    std::vector<ColumnPtr> columns;
    columns.reserve(columns_.size());
    for (size_t i = 0; i < columns_.size(); ++i)
        columns.push_back(Column::retyped(Column::gather(batch.column(i), changed), p_.output[i].type));
    Batch result(changed.size(), std::move(columns));
    if (!only_inserts) result.setKinds(std::move(kinds));
    output.emit(std::move(result));
}

}  // namespace millrace
