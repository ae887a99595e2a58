// WindowRank: Top-N of each window of TUMBLE, HOP or CUMULATE (and of a key in it), over input that only
// inserts. Nothing is sent before a window is complete; then its rows with row numbers from `first` to `last`
// come as +I, in their order, and nothing of the window is kept.
//
// By event time a window is complete when the watermark reaches its last millisecond; a row that comes later
// is dropped and counted (numLateRecordsDropped). In processing time the clock decides, and the end of the
// input.
//
// State: table "window-rank" (operators/ordered_rows.h), the first `last` rows of each partition; list
// "watermark", the watermark reached.
#pragma once

#include "operators/ordered_rows.h"
#include "operators/stateful_operator.h"

namespace millrace {

struct WindowRankParameters {
    Schema input;
    std::vector<size_t> partition;  // the window's columns among them
    size_t window_end = 0;          // TIMESTAMP(3), on the windows' own time line
    bool processing_time = false;
    bool instants = false;  // the time attribute is a TIMESTAMP_LTZ: windows follow the session's time zone
    std::vector<SortOrder> order;
    int64_t first = 1;
    int64_t last = 1;  // may be below `first`: then there are no such rows
    bool outputs_number = false;
    Schema output;  // the input's columns and, if outputs_number, the row number, BIGINT
    std::string text;
};

class WindowRank final : public StatefulOperator {
  public:
    explicit WindowRank(WindowRankParameters parameters);
    ~WindowRank() override;

    std::string name() const override { return "WindowRank(" + p_.text + ")"; }
    const Schema& outputSchema() const override { return p_.output; }
    std::vector<KeptState> keeps() const override;
    std::unique_ptr<OperatorState> open(OperatorContext& context) const override;
    void process(OperatorState& state, size_t input, const Batch& batch, OperatorContext& context,
                 Output& output) const override;
    void onWatermark(OperatorState& state, EventTime watermark, OperatorContext& context,
                     Output& output) const override;
    void onProcessingTime(OperatorState& state, ProcessingTime now, OperatorContext& context,
                          Output& output) const override;
    void onEndOfInput(OperatorState& state, OperatorContext& context, Output& output) const override;
    void beforeBarrier(OperatorState& state, OperatorContext& context, Output& output) const override;

  private:
    struct State;
    Batch inTime(State& state, const Batch& batch) const;
    void fireDue(State& state, int64_t time, Output& output) const;
    void fire(State& state, std::span<const uint32_t> partitions, Output& output) const;

    WindowRankParameters p_;
};

}  // namespace millrace
