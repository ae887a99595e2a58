#include "operators/window_assigner.h"

#include "operators/function_context.h"
#include "operators/limits.h"
#include "operators/time_units.h"

namespace millrace {

struct WindowAssigner::State final : OperatorState {
    explicit State(const std::string& zone) : clock(zone) {}
    ZoneClock clock;
    // Rows of the result, not yet emitted.
    Selection rows;
    std::vector<int64_t> ends;
};

WindowAssigner::WindowAssigner(Windows windows, std::optional<size_t> time_column, bool instants,
                               Schema output, std::string text)
    : windows_(windows),
      time_column_(time_column),
      instants_(instants),
      output_(std::move(output)),
      text_(std::move(text)) {
    MILLRACE_CHECK(output_.size() >= 3, "no room for the window columns");
}

std::unique_ptr<OperatorState> WindowAssigner::open(OperatorContext& context) const {
    return std::make_unique<State>(instants_ ? localTimeZone(context.configuration()) : "UTC");
}

void WindowAssigner::process(OperatorState& operator_state, size_t, const Batch& batch,
                             OperatorContext& context, Output& output) const {
    auto& state = static_cast<State&>(operator_state);
    const size_t inputs = output_.size() - 3;
    state.rows.clear();
    state.ends.clear();

    const auto emit = [&] {
        if (state.rows.empty()) return;
        Batch result = batch.gather(state.rows);
        std::vector<ColumnPtr> columns = result.columns();
        const size_t count = state.rows.size();
        const auto add = [&](auto millis_of) {
            auto column = std::make_shared<Column>(output_[columns.size()].type, count);
            auto* values = column->template mutableData<int64_t>();
            for (size_t i = 0; i < count; ++i)
                values[i] = millis_of(state.ends[i]) * 1000;
            columns.push_back(std::move(column));
        };
        add([&](int64_t end) { return windows_.windowStart(end); });
        add([&](int64_t end) { return end; });
        add([&](int64_t end) { return state.clock.toUtc(end - 1); });
        output.emit(result.withColumns(std::move(columns)));
        state.rows.clear();
        state.ends.clear();
    };

    MILLRACE_CHECK(batch.columns().size() == inputs, "{} columns for {}", batch.columns().size(), inputs);
    const Column* times = time_column_ ? batch.column(*time_column_).get() : nullptr;
    const int64_t now = context.now().value();
    for (size_t i = 0; i < batch.rows(); ++i) {
        if (times && times->isNull(i)) {
            throw UserError("data.null-rowtime",
                            fmt::format("a row has NULL in '{}', by which it should find its window",
                                        output_[*time_column_].name),
                            "filter such rows out before the window function");
        }
        const int64_t instant = times ? floorToMillis(times->data<int64_t>()[i]) : now;
        const int64_t slice = windows_.sliceEnd(state.clock.toLocal(instant));
        const int64_t last = windows_.lastWindowEnd(slice);
        for (int64_t end = windows_.firstWindowEnd(slice); end <= last; end += windows_.step_ms) {
            state.rows.push_back(static_cast<uint32_t>(i));
            state.ends.push_back(end);
        }
        if (state.rows.size() >= kEmitRows) emit();
    }
    emit();
}

}  // namespace millrace
