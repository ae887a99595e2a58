#include "operators/temporal_sort.h"

#include "operators/kept_watermark.h"
#include "operators/partition_timers.h"

namespace millrace {

namespace {

constexpr size_t kSortedRows = 4096;  // put out at a time

}  // namespace

struct TemporalSort::State final : OperatorState {
    State(OrderedRowsParameters parameters, OperatorContext& context)
        : rows(std::move(parameters), context), late(context.metrics().counter("numLateRecordsDropped")) {}
    OrderedRows rows;  // all of one partition
    Counter& late;
    KeptWatermark watermark;
};

std::vector<KeptState> TemporalSort::keeps() const {
    return {{"sort", "rows later than the watermark", "dropped when it is sent"}};
}

std::unique_ptr<OperatorState> TemporalSort::open(OperatorContext& context) const {
    OrderedRowsParameters rows;
    rows.name = "sort";
    rows.columns = schema_;
    rows.order = order_;
    auto state = std::make_unique<State>(std::move(rows), context);
    state->watermark.open(context);
    return state;
}

void TemporalSort::process(OperatorState& operator_state, size_t, const Batch& all, OperatorContext&,
                           Output&) const {
    auto& state = static_cast<State&>(operator_state);
    if (all.empty()) return;
    const Column& time = *all.column(order_[0].column);
    if (time.hasNulls()) {
        throw UserError(
            "data.null-rowtime",
            fmt::format("a row has NULL in '{}', by which rows are ordered", schema_[order_[0].column].name),
            "filter such rows out before ORDER BY");
    }
    const Batch batch = withoutLateRows(all, order_[0].column, state.watermark.value(), state.late);
    if (batch.empty()) return;
    state.rows.begin(batch);
    for (size_t row = 0; row < batch.rows(); ++row)
        state.rows.keep(*state.rows.rows(state.rows.partitionOf(row)).insert(state.rows.pending(row)).first);
    state.rows.store(batch);
}

void TemporalSort::onWatermark(OperatorState& operator_state, EventTime watermark, OperatorContext&,
                               Output& output) const {
    auto& state = static_cast<State&>(operator_state);
    const int64_t passed = lastMicro(watermark.value());
    for (uint32_t partition = 0; partition < state.rows.partitions(); ++partition) {
        OrderedRows::Rows& rows = state.rows.rows(partition);
        std::vector<int64_t> numbers;
        auto row = rows.begin();
        while (row != rows.end() && row->key.int64() <= passed) {
            numbers.clear();
            for (; row != rows.end() && numbers.size() < kSortedRows && row->key.int64() <= passed; ++row)
                numbers.push_back(row->number);
            const std::vector<std::byte*>& state_rows = state.rows.stateRows(numbers);
            std::vector<ColumnPtr> columns;
            for (size_t column = 0; column < schema_.size(); ++column)
                columns.push_back(state.rows.load(column, state_rows));
            output.emit(Batch(numbers.size(), std::move(columns)));
            state.rows.erase(numbers);
        }
        rows.erase(rows.begin(), row);
    }
    state.watermark.rise(watermark);
    output.emitWatermark(watermark);
}

void TemporalSort::beforeBarrier(OperatorState& state, OperatorContext&, Output&) const {
    static_cast<State&>(state).watermark.store();
}

}  // namespace millrace
