#include "operators/local_group_aggregate.h"

#include <algorithm>

#include "functions/merging_aggregate.h"
#include "operators/batch_keys.h"
#include "operators/limits.h"
#include "operators/scratch_state.h"

namespace millrace {

namespace {

constexpr size_t kMostGroups = 16'384;  // held at a time: a table that stays in the core's cache
constexpr int64_t kHeldMillisMax = 5;
// Groups are not looked for as long as there would be more than one for so many rows; then again after so
// many rows.
constexpr size_t kRowsAGroupMin = 2;
constexpr size_t kRowsUngrouped = 64 * kMostGroups;

}  // namespace

struct LocalGroupAggregate::State final : OperatorState {
    State(const OperatorContext& context, const KeyedStateDescriptor& groups)
        : backend(makeScratchState("LocalGroupAggregate", context)), table(backend->table(groups)) {}

    // Its own, not the job's: emptied before every barrier.
    std::unique_ptr<StateBackend> backend;
    KeyedTable& table;
    size_t rows_held = 0;          // in the groups of the table
    size_t rows_to_pass = 0;       // before groups are looked for again
    std::vector<uint64_t> memory;  // of the accumulators of rows that pass
    RowHeap heap;                  // likewise

    // Of the batch at hand.
    std::vector<ColumnPtr> keys;
    std::vector<uint64_t> hashes;
    std::vector<int8_t> signs;
    std::vector<std::byte*> rows;
    Aggregation::Scratch scratch;
};

std::vector<AggregateTerm> mergingTermsFrom(size_t column, const std::vector<AggregateTerm>& terms) {
    std::vector<AggregateTerm> merging;
    for (const AggregateTerm& local : terms) {
        AggregateTerm term = local;
        term.function = mergingAggregate(local.function);
        term.rises_with_rows = risesWithRows(local);
        term.filter.reset();
        term.arguments.clear();
        for (size_t i = 0; i < local.function->accumulatorTypes().size(); ++i)
            term.arguments.push_back(column++);
        merging.push_back(std::move(term));
    }
    return merging;
}

LocalGroupAggregate::LocalGroupAggregate(LocalGroupAggregateParameters parameters)
    : p_(std::move(parameters)), aggregation_(std::move(p_.terms), p_.counts_rows) {
    std::vector<Field> fields = Aggregation::keySchema(p_.input, p_.keys).fields();
    std::vector<LogicalType> types;
    const Schema accumulators = aggregation_.valueSchema();
    for (const Field& field : accumulators.fields()) {
        fields.push_back(field);
        types.push_back(field.type);
    }
    accumulators_ = RowLayout(std::move(types));
    output_ = Schema(std::move(fields));
}

LocalGroupAggregate::~LocalGroupAggregate() = default;

std::vector<AggregateTerm> LocalGroupAggregate::mergingTerms() const {
    return mergingTermsFrom(p_.keys.size() + (p_.counts_rows ? 1 : 0), aggregation_.terms());
}

std::unique_ptr<OperatorState> LocalGroupAggregate::open(OperatorContext& context) const {
    KeyedStateDescriptor groups;
    groups.name = "groups";
    groups.key = Aggregation::keySchema(p_.input, p_.keys);
    groups.value = aggregation_.valueSchema();
    return std::make_unique<State>(context, groups);
}

void LocalGroupAggregate::process(OperatorState& operator_state, size_t, const Batch& batch,
                                  OperatorContext& context, Output& output) const {
    auto& state = static_cast<State&>(operator_state);
    if (batch.empty()) return;
    if (state.rows_to_pass > 0) return emitEachRow(state, batch, output);
    keysOf(batch, p_.keys, state.keys, state.hashes);
    state.table.findOrInsert(0, state.keys, state.hashes, {}, state.rows);
    const bool retracts = p_.input_retracts && signsOf(batch, state.signs);
    aggregation_.accumulate(batch, {}, state.rows, retracts ? state.signs.data() : nullptr, state.table,
                            state.scratch);
    if (state.rows_held == 0) context.wakeAt(ProcessingTime(context.now().value() + kHeldMillisMax));
    state.rows_held += batch.rows();
    const size_t groups = state.table.rows(0);
    if (groups <= kMostGroups) return;
    if (groups * kRowsAGroupMin > state.rows_held) state.rows_to_pass = kRowsUngrouped;
    flush(state, output);
}

bool LocalGroupAggregate::flush(State& state, Output& output) const {
    if (state.rows_held == 0) return false;
    state.rows_held = 0;
    const std::vector<std::byte*> rows = state.table.allRows(0);
    for (size_t begin = 0; begin < rows.size(); begin += kEmitRows) {
        const std::span<std::byte* const> part(rows.data() + begin, std::min(kEmitRows, rows.size() - begin));
        std::vector<ColumnPtr> columns;
        columns.reserve(output_.size());
        for (size_t field = 0; field < output_.size(); ++field)
            columns.push_back(loadColumn(state.table.layout(), field, part));
        output.emit(Batch(part.size(), std::move(columns)));
    }
    state.table.dropNamespace(0);
    return true;
}

void LocalGroupAggregate::emitEachRow(State& state, const Batch& batch, Output& output) const {
    state.rows_to_pass -= std::min(state.rows_to_pass, batch.rows());
    const size_t words = accumulators_.rowBytes() / sizeof(uint64_t);
    state.memory.assign(batch.rows() * words, 0);
    state.rows.resize(batch.rows());
    for (size_t i = 0; i < batch.rows(); ++i)
        state.rows[i] = reinterpret_cast<std::byte*>(state.memory.data() + i * words);
    const bool retracts = p_.input_retracts && signsOf(batch, state.signs);
    aggregation_.accumulate(batch, {}, state.rows, retracts ? state.signs.data() : nullptr,
                            {accumulators_, 0, state.heap}, state.scratch);
    std::vector<ColumnPtr> columns;
    columns.reserve(output_.size());
    for (const size_t key : p_.keys)
        columns.push_back(Column::retyped(batch.column(key), output_[columns.size()].type));
    for (size_t field = 0; field < accumulators_.fieldCount(); ++field)
        columns.push_back(loadColumn(accumulators_, field, state.rows));
    output.emit(Batch(batch.rows(), std::move(columns)));
    if (!accumulators_.ownsMemory()) return;
    for (std::byte* row : state.rows)
        releaseRow(accumulators_, row, state.heap);
}

void LocalGroupAggregate::onWatermark(OperatorState& state, EventTime watermark, OperatorContext&,
                                      Output& output) const {
    if (watermark == EventTime::max()) flush(static_cast<State&>(state), output);
    output.emitWatermark(watermark);
}

void LocalGroupAggregate::onIdle(OperatorState& state, bool idle, OperatorContext&, Output& output) const {
    if (idle) flush(static_cast<State&>(state), output);
    output.emitIdle(idle);
}

void LocalGroupAggregate::onProcessingTime(OperatorState& state, ProcessingTime, OperatorContext&,
                                           Output& output) const {
    flush(static_cast<State&>(state), output);
}

bool LocalGroupAggregate::whenIdle(OperatorState& state, OperatorContext&, Output& output) const {
    return flush(static_cast<State&>(state), output);
}

void LocalGroupAggregate::beforeBarrier(OperatorState& state, OperatorContext&, Output& output) const {
    flush(static_cast<State&>(state), output);
}

void LocalGroupAggregate::onEndOfInput(OperatorState& state, OperatorContext&, Output& output) const {
    flush(static_cast<State&>(state), output);
}

}  // namespace millrace
