// SessionAssigner: SESSION as a table function, in event time: every row, with window_start, window_end and
// window_time of its session appended, once the watermark has passed the session's last millisecond. Used
// where a query does more with sessions than to aggregate by them and their partition; what comes behind then
// finds them in the columns.
//
// Which rows are of one session, and which are late, is as in operators/session_aggregate.h; the input only
// inserts. State: table "session-rows" (operators/ordered_rows.h), the rows of open sessions by partition and
// time; list "watermark" (operators/kept_watermark.h).
#pragma once

#include "operators/stateful_operator.h"

namespace millrace {

struct SessionAssignerParameters {
    Schema input;
    size_t time_column = 0;
    int64_t gap_ms = 0;
    bool instants = false;  // the time attribute is a TIMESTAMP_LTZ: sessions follow the session's time zone
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
    void beforeBarrier(OperatorState& state, OperatorContext& context, Output& output) const override;

  private:
    struct State;
    void close(State& state, uint32_t partition, int64_t passed) const;
    void send(State& state, Output& output) const;

    SessionAssignerParameters p_;
};

}  // namespace millrace
