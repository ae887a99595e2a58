#include "operators/watermark_assigner.h"

#include <algorithm>

#include "expr/executor.h"
#include "operators/function_context.h"
#include "operators/time_units.h"

namespace millrace {

namespace {
const ConfigOption<Duration> kAutoWatermarkInterval{
    "pipeline.auto-watermark-interval", Duration{200},
    "How far, in event time, the watermark may run ahead within a batch before it is passed on."};
}

struct WatermarkAssigner::State final : OperatorState {
    explicit State(const OperatorContext& context) : functions(context) {}
    FunctionContextKeeper functions;
    std::optional<ExpressionExecutor> expression;
    int64_t interval_ms = 0;
    int64_t current_ms = EventTime::min().value();  // the largest so far
    int64_t emitted_ms = EventTime::min().value();
    bool idle = false;
    int64_t last_row_ms = 0;

    void advance(int64_t watermark_ms) { current_ms = std::max(current_ms, watermark_ms); }
    void emit(Output& output) {
        if (current_ms <= emitted_ms) return;
        emitted_ms = current_ms;
        output.emitWatermark(EventTime(current_ms));
    }
};

WatermarkAssigner::WatermarkAssigner(Schema schema, size_t rowtime, ExpressionPtr expression,
                                     std::optional<int64_t> delay_micros, Duration idle_timeout,
                                     WatermarkAlignment alignment, WatermarkEmit emit)
    : schema_(std::move(schema)),
      rowtime_(rowtime),
      expression_(std::move(expression)),
      delay_micros_(delay_micros),
      idle_timeout_(idle_timeout),
      alignment_(std::move(alignment)),
      emit_(emit) {
    MILLRACE_CHECK(schema_[rowtime_].type.isTimestamp(), "column {} is not a timestamp", rowtime_);
}

std::string WatermarkAssigner::name() const {
    std::string name = "WatermarkAssigner(rowtime=[" + schema_[rowtime_].name + "], watermark=[" +
                       expression_->toString() + "]";
    if (idle_timeout_.ms > 0) name += ", idletimeout=[" + formatDuration(idle_timeout_) + "]";
    return name + ")";
}

std::unique_ptr<OperatorState> WatermarkAssigner::open(OperatorContext& context) const {
    auto state = std::make_unique<State>(context);
    if (!delay_micros_) state->expression.emplace(std::vector<ExpressionPtr>{expression_});
    if (emit_ == WatermarkEmit::Periodic)
        state->interval_ms = context.configuration().get(kAutoWatermarkInterval).ms;
    state->last_row_ms = context.now().value();
    if (idle_timeout_.ms > 0) context.wakeAt(ProcessingTime(state->last_row_ms + idle_timeout_.ms));
    return state;
}

void WatermarkAssigner::checkRowtime(const Column& column) const {
    const uint8_t* validity = column.validity();
    if (!validity || std::find(validity, validity + column.size(), 0) == validity + column.size()) return;
    throw UserError("data.null-rowtime",
                    fmt::format("a row has NULL in its rowtime column '{}'", schema_[rowtime_].name),
                    fmt::format("filter such rows out before the watermark, or give the column a value where "
                                "it is missing: a computed column such as COALESCE({}, ...)",
                                schema_[rowtime_].name));
}

void WatermarkAssigner::process(OperatorState& operator_state, size_t, const Batch& batch,
                                OperatorContext& context, Output& output) const {
    auto& state = static_cast<State&>(operator_state);
    const size_t rows = batch.rows();
    if (rows == 0) return;
    if (idle_timeout_.ms > 0) {
        state.last_row_ms = context.now().value();
        if (state.idle) {
            state.idle = false;
            output.emitIdle(false);
            context.wakeAt(ProcessingTime(state.last_row_ms + idle_timeout_.ms));
        }
    }
    const Column& rowtime_column = *batch.column(rowtime_);
    checkRowtime(rowtime_column);
    const int64_t* rowtime = rowtime_column.data<int64_t>();

    int64_t earliest = rowtime[0], latest = rowtime[0];
    for (size_t i = 1; i < rows; ++i) {
        earliest = std::min(earliest, rowtime[i]);
        latest = std::max(latest, rowtime[i]);
    }
    ColumnPtr watermarks;
    int64_t watermark_ms = EventTime::min().value();
    if (delay_micros_) {
        watermark_ms = floorToMillis(latest - *delay_micros_);
    } else {
        watermarks = state.expression->evaluate(state.functions.refresh(context), batch).front();
        const int64_t* values = watermarks->data<int64_t>();
        for (size_t i = 0; i < rows; ++i) {
            if (!watermarks->isNull(i)) watermark_ms = std::max(watermark_ms, floorToMillis(values[i]));
        }
    }
    if (floorToMillis(earliest) > watermark_ms) {  // no row is behind what the rows of this batch can raise
        output.emit(batch);
        state.advance(watermark_ms);
    } else {
        emitCut(state, batch, rowtime, watermarks.get(), output);
    }
    state.emit(output);
}

void WatermarkAssigner::emitCut(State& state, const Batch& batch, const int64_t* rowtime,
                                const Column* watermarks, Output& output) const {
    const size_t rows = batch.rows();
    size_t begin = 0;
    int64_t due_ms = state.emitted_ms;  // what Flink would have emitted before the row at hand
    for (size_t i = 0; i < rows; ++i) {
        if (due_ms > state.emitted_ms && floorToMillis(rowtime[i]) <= due_ms) {
            output.emit(batch.slice(begin, i));
            begin = i;
            state.emitted_ms = due_ms;
            output.emitWatermark(EventTime(due_ms));
        }
        if (!watermarks) {
            state.advance(floorToMillis(rowtime[i] - *delay_micros_));
        } else if (!watermarks->isNull(i)) {
            state.advance(floorToMillis(watermarks->data<int64_t>()[i]));
        }
        // The first watermark of all is always due: there is no last one to be near to.
        if (due_ms == EventTime::min().value() || state.current_ms - due_ms > state.interval_ms) {
            due_ms = state.current_ms;
        }
    }
    output.emit(begin == 0 ? batch : batch.slice(begin, rows));
}

void WatermarkAssigner::onWatermark(OperatorState& operator_state, EventTime watermark, OperatorContext&,
                                    Output& output) const {
    if (watermark != EventTime::max()) return;
    auto& state = static_cast<State&>(operator_state);
    state.current_ms = state.emitted_ms = watermark.value();
    output.emitWatermark(watermark);
}

void WatermarkAssigner::onIdle(OperatorState& operator_state, bool idle, OperatorContext&,
                               Output& output) const {
    auto& state = static_cast<State&>(operator_state);
    if (idle == state.idle) return;
    state.idle = idle;
    output.emitIdle(idle);
}

void WatermarkAssigner::onProcessingTime(OperatorState& operator_state, ProcessingTime now,
                                         OperatorContext& context, Output& output) const {
    auto& state = static_cast<State&>(operator_state);
    if (idle_timeout_.ms == 0 || state.idle) return;
    const int64_t idle_at = state.last_row_ms + idle_timeout_.ms;
    if (now.value() < idle_at) {
        context.wakeAt(ProcessingTime(idle_at));
        return;
    }
    state.idle = true;
    output.emitIdle(true);
}

void WatermarkAssigner::onHeldBack(OperatorState& operator_state, OperatorContext& context) const {
    static_cast<State&>(operator_state).last_row_ms = context.now().value();
}

}  // namespace millrace
