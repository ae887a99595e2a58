#include "operators/local_window_aggregate.h"

#include <algorithm>
#include <set>

#include "operators/batch_keys.h"
#include "operators/function_context.h"
#include "operators/limits.h"
#include "operators/local_group_aggregate.h"
#include "operators/scratch_state.h"

namespace millrace {

namespace {

constexpr size_t kMostGroups = 16'384;  // held at a time: a table that stays in the core's cache

KeyedStateDescriptor groupsOf(const Schema& input, std::span<const size_t> keys,
                              const Aggregation& aggregation) {
    KeyedStateDescriptor descriptor;
    descriptor.name = "groups";
    descriptor.key = Aggregation::keySchema(input, keys);
    descriptor.value = aggregation.valueSchema();
    descriptor.namespaced = true;
    return descriptor;
}

}  // namespace

struct LocalWindowAggregate::State final : OperatorState {
    State(const OperatorContext& context, const KeyedStateDescriptor& groups, const std::string& zone)
        : backend(makeScratchState("LocalWindowAggregate", context)), clock(zone) {
        table = &backend->table(groups);
    }

    // Its own, not the job's: emptied before every barrier.
    std::unique_ptr<StateBackend> backend;
    KeyedTable* table = nullptr;
    ZoneClock clock;
    std::set<int64_t> slices;  // those with rows
    size_t groups = 0;
    EventTime watermark = EventTime::min();

    // Of the batch at hand.
    std::vector<ColumnPtr> keys;
    std::vector<uint64_t> hashes;
    Slices dealt;
    std::vector<std::byte*> rows;
    Aggregation::Scratch scratch;
};

bool canAggregateLocally(std::span<const AggregateTerm> terms) {
    return std::all_of(terms.begin(), terms.end(), [](const AggregateTerm& term) {
        const std::vector<LogicalType>& types = term.function->accumulatorTypes();
        return !term.distinct && std::none_of(types.begin(), types.end(),
                                              [](const LogicalType& type) { return type.isNested(); });
    });
}

LocalWindowAggregate::LocalWindowAggregate(LocalWindowAggregateParameters parameters)
    : p_(std::move(parameters)), aggregation_(std::move(p_.terms), true) {
    std::vector<Field> fields = Aggregation::keySchema(p_.input, p_.keys).fields();
    fields.push_back({"$slice_end", LogicalType::timestamp(3).withNullable(false)});
    const Schema accumulators = aggregation_.valueSchema();
    fields.insert(fields.end(), accumulators.fields().begin(), accumulators.fields().end());
    output_ = Schema(std::move(fields));
}

LocalWindowAggregate::~LocalWindowAggregate() = default;

std::vector<AggregateTerm> LocalWindowAggregate::mergingTerms() const {
    return mergingTermsFrom(rowsColumn() + 1, aggregation_.terms());
}

std::unique_ptr<OperatorState> LocalWindowAggregate::open(OperatorContext& context) const {
    return std::make_unique<State>(context, groupsOf(p_.input, p_.keys, aggregation_),
                                   p_.instants ? localTimeZone(context.configuration()) : "UTC");
}

void LocalWindowAggregate::process(OperatorState& operator_state, size_t, const Batch& batch,
                                   OperatorContext&, Output& output) const {
    auto& state = static_cast<State&>(operator_state);
    if (batch.empty()) return;
    keysOf(batch, p_.keys, state.keys, state.hashes);
    state.dealt.deal(*batch.column(p_.time_column), p_.input[p_.time_column].name, p_.time_is, p_.windows,
                     state.clock);
    for (size_t i = 0; i < state.dealt.size(); ++i) {
        const int64_t slice = state.dealt.end(i);
        const std::span<const uint32_t> selection = state.dealt.selection(i);
        const size_t before = state.slices.insert(slice).second ? 0 : state.table->rows(slice);
        state.table->findOrInsert(slice, state.keys, state.hashes, selection, state.rows);
        state.groups += state.table->rows(slice) - before;
        aggregation_.accumulate(batch, selection, state.rows, nullptr, *state.table, state.scratch);
    }
    flushTo(state, state.groups > kMostGroups ? EventTime::max() : state.watermark, output);
}

void LocalWindowAggregate::flushTo(State& state, EventTime watermark, Output& output) const {
    while (!state.slices.empty() && (watermark == EventTime::max() ||
                                     state.clock.toUtc(*state.slices.begin() - 1) <= watermark.value())) {
        flush(state, *state.slices.begin(), output);
        state.slices.erase(state.slices.begin());
    }
}

void LocalWindowAggregate::flush(State& state, int64_t slice, Output& output) const {
    const std::vector<std::byte*> rows = state.table->allRows(slice);
    const RowLayout& layout = state.table->layout();
    for (size_t begin = 0; begin < rows.size(); begin += kEmitRows) {
        const std::span<std::byte* const> part(rows.data() + begin, std::min(kEmitRows, rows.size() - begin));
        std::vector<ColumnPtr> columns;
        columns.reserve(output_.size());
        for (size_t field = 0; field < layout.fieldCount(); ++field) {
            if (field == sliceEndColumn()) {
                columns.push_back(
                    Column::constant(output_[field].type, Value::int64(slice * 1000), part.size()));
            }
            columns.push_back(loadColumn(layout, field, part));
        }
        output.emit(Batch(part.size(), std::move(columns)));
    }
    state.groups -= rows.size();
    state.table->dropNamespace(slice);
}

void LocalWindowAggregate::onWatermark(OperatorState& operator_state, EventTime watermark, OperatorContext&,
                                       Output& output) const {
    auto& state = static_cast<State&>(operator_state);
    state.watermark = watermark;
    flushTo(state, watermark, output);
    output.emitWatermark(watermark);
}

void LocalWindowAggregate::onIdle(OperatorState& operator_state, bool idle, OperatorContext&,
                                  Output& output) const {
    if (idle) flushTo(static_cast<State&>(operator_state), EventTime::max(), output);
    output.emitIdle(idle);
}

void LocalWindowAggregate::beforeBarrier(OperatorState& operator_state, OperatorContext&,
                                         Output& output) const {
    flushTo(static_cast<State&>(operator_state), EventTime::max(), output);
}

void LocalWindowAggregate::onEndOfInput(OperatorState& operator_state, OperatorContext&,
                                        Output& output) const {
    flushTo(static_cast<State&>(operator_state), EventTime::max(), output);
}

}  // namespace millrace
