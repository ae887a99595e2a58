// SessionAssigner: SESSION as a table function: every row, with window_start, window_end and window_time of
// its session appended, once the watermark has passed the session's last millisecond or, in processing time,
// once the clock has reached its end or the input ends. Used where a query does more with sessions than to
// aggregate by them and their partition; what comes behind then finds them in the columns.
//
// Which rows are of one session, and which are late, is as in operators/session_aggregate.h. In event time
// the input may change: a change is a row like any other and goes out as what it is, those of a session in
// the order in which they came (Flink: UnalignedWindowTableFunctionOperator).
//
// State: table "session-rows" (operators/ordered_rows.h), the rows of open sessions by partition and time, in
// processing time with a column that says when each was processed, of an input that changes with one for the
// kind; in event time, list "watermark" (operators/kept_watermark.h).
#pragma once

#include <optional>

#include "operators/stateful_operator.h"

namespace millrace {

struct SessionAssignerParameters {
    Schema input;
    std::optional<size_t> time_column;  // none in processing time
    int64_t gap_ms = 0;
    bool instants = false;  // the time attribute is a TIMESTAMP_LTZ: sessions follow the session's time zone
    bool changes = false;   // the input does more than to insert; not in processing time
    std::vector<size_t> keys;  // PARTITION BY
    Schema output;             // the input's columns and the three window columns
    std::string text;
};

class SessionAssigner final : public StatefulOperator {
  public:
    explicit SessionAssigner(SessionAssignerParameters parameters);
    ~SessionAssigner() override;

    std::string name() const override { return "WindowTableFunction(" + p_.text + ")"; }
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
    Schema stateColumns() const;
    size_t timeField() const { return p_.time_column.value_or(p_.input.size()); }  // of the state's columns
    void add(State& state, const Batch& batch) const;
    Batch withKinds(const Batch& batch) const;
    void closeDue(State& state, int64_t passed, Output& output) const;
    static void wake(State& state, OperatorContext& context);
    void close(State& state, uint32_t partition, int64_t passed) const;
    void send(State& state, Output& output) const;

    SessionAssignerParameters p_;
};

}  // namespace millrace
