// WindowAggregate: GROUP BY window_start, window_end [, keys], fused with the window function, so that rows
// are neither repeated for each of their windows nor widened by window columns.
//
// State: table "window-aggregate", keyed by the group keys and namespaced by slice end (operators/windows.h);
// list "watermark", the watermark reached, so that after a restore a window that has been emitted is not
// emitted again. A window is emitted, insert-only, once the watermark reaches its last millisecond; windows
// without rows are not emitted. A row whose last window has been emitted is dropped and counted
// (numLateRecordsDropped); a row of a slice that still belongs to an unemitted window is kept for that.
// CUMULATE merges what was emitted into the slice that the longest window starts with.
//
// Processing-time windows take every row into the window of the time at which it is processed, are emitted
// when the clock reaches their end, and, when the input ends, with it. Subtasks' clocks are not those of a
// watermark: where a slice has several windows, its rows keep the end of the last one in which they were
// emitted.
#pragma once

#include <optional>

#include "operators/aggregation.h"
#include "operators/slices.h"
#include "operators/stateful_operator.h"
#include "operators/windows.h"

namespace millrace {

// Where a column of the result comes from.
struct WindowAggregateColumn {
    enum class From : uint8_t { Key, Term, WindowStart, WindowEnd, WindowTime } from = From::Key;
    size_t index = 0;  // of keys, of terms
};

struct WindowAggregateParameters {
    Schema input;
    Windows windows;
    bool processing_time = false;
    // The column by which a row finds its window, TIMESTAMP or TIMESTAMP_LTZ; none in processing time.
    std::optional<size_t> time_column;
    RowWindow time_is = RowWindow::OfTime;
    // Rows that were aggregated before (LocalWindowAggregate) stand for as many rows as this column says.
    std::optional<size_t> rows_column;
    bool instants = false;  // the time attribute is a TIMESTAMP_LTZ: windows follow the session's time zone
    std::vector<size_t> keys;
    std::vector<AggregateTerm> terms;
    bool input_retracts = false;
    std::vector<WindowAggregateColumn> columns;
    Schema output;
    std::string text;  // of the name: "groupBy=[origin], window=[TUMBLE(...)], select=[...]"
};

class WindowAggregate final : public StatefulOperator {
  public:
    explicit WindowAggregate(WindowAggregateParameters parameters);
    ~WindowAggregate() override;

    std::string name() const override {
        return (p_.rows_column ? "GlobalWindowAggregate(" : "WindowAggregate(") + p_.text + ")";
    }
    const Schema& outputSchema() const override { return p_.output; }
    std::vector<KeptState> keeps() const override;
    std::unique_ptr<OperatorState> open(OperatorContext& context) const override;
    void process(OperatorState& state, size_t input, const Batch& batch, OperatorContext& context,
                 Output& output) const override;
    void onWatermark(OperatorState& state, EventTime watermark, OperatorContext& context,
                     Output& output) const override;
    void onProcessingTime(OperatorState& state, ProcessingTime now, OperatorContext& context,
                          Output& output) const override;
    void beforeBarrier(OperatorState& state, OperatorContext& context, Output& output) const override;
    void onEndOfInput(OperatorState& state, OperatorContext& context, Output& output) const override;

  private:
    struct State;
    bool carriesWindow() const { return p_.time_is == RowWindow::OfWindowEnd; }
    int64_t firstWindowEnd(int64_t slice) const {
        return carriesWindow() ? slice : p_.windows.firstWindowEnd(slice);
    }
    int64_t lastWindowEnd(int64_t slice) const {
        return carriesWindow() ? slice : p_.windows.lastWindowEnd(slice);
    }
    void countLate(State& state, const Batch& batch, std::span<const uint32_t> selection) const;
    void addRows(State& state, const Batch& batch, int64_t slice, std::span<const uint32_t> selection,
                 OperatorContext& context) const;
    void fireDue(State& state, int64_t time, OperatorContext& context, Output& output) const;
    void fire(State& state, int64_t window_end, OperatorContext& context, Output& output) const;
    void fireHop(State& state, int64_t window_end, OperatorContext& context, Output& output) const;
    void fireCumulate(State& state, int64_t window_end, OperatorContext& context, Output& output) const;
    int64_t firstOpenWindow(const State& state, int64_t slice) const;
    int64_t nextToEmit(const State& state, int64_t slice) const;
    void mergeRows(State& state, std::span<std::byte* const> sources, KeyedTable& into,
                   int64_t into_namespace) const;
    void emitRows(State& state, KeyedTable& table, std::vector<std::byte*> rows, int64_t window_end,
                  OperatorContext& context, Output& output) const;

    WindowAggregateParameters p_;
    Aggregation aggregation_;
};

}  // namespace millrace
