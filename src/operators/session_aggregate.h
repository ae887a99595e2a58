// SessionAggregate: GROUP BY the windows of SESSION and the keys by which its rows are parted. A row at time
// t opens the window [t, t + gap); windows of one key that overlap or touch are one. A window is emitted,
// insert-only, once the watermark reaches its last millisecond. A row is late, dropped and counted
// (numLateRecordsDropped) if its window, merged with those that are open, is complete.
//
// State, all keyed by the group keys:
//  * table "session-aggregate": the open sessions: accumulators, start and end in milliseconds of the
//  windows'
//    time line. A key's sessions lie in the namespaces 0, 1, ...: nearly always there is one, in 0. That row
//    also says up to which namespace there may be more, and at which of the times below the key stands.
//  * table "session-timers", namespaced by time: the keys of which a session may be complete by then. Times
//  are
//    rounded up, and a session that grows leaves its key where it is until that time comes: so a row that
//    prolongs a session costs no timer.
//  * list "watermark" (operators/kept_watermark.h).
//
// In processing time every row is at the time at which it is processed; a session is emitted when the clock
// reaches its end, and, when the input ends, with it.
#pragma once

#include <optional>

#include "operators/aggregation.h"
#include "operators/stateful_operator.h"
#include "operators/window_aggregate.h"

namespace millrace {

struct SessionAggregateParameters {
    Schema input;
    int64_t gap_ms = 0;
    bool processing_time = false;
    std::optional<size_t> time_column;  // TIMESTAMP or TIMESTAMP_LTZ; none in processing time
    bool instants = false;  // the time attribute is a TIMESTAMP_LTZ: windows follow the session's time zone
    std::vector<size_t> keys;
    std::vector<AggregateTerm> terms;
    bool input_retracts = false;
    std::vector<WindowAggregateColumn> columns;
    Schema output;
    std::string text;  // of the name: "groupBy=[user], window=[SESSION(...)], select=[...]"
};

class SessionAggregate final : public StatefulOperator {
  public:
    explicit SessionAggregate(SessionAggregateParameters parameters);
    ~SessionAggregate() override;

    std::string name() const override { return "SessionAggregate(" + p_.text + ")"; }
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
    int64_t bucketOf(int64_t end) const;

    // Rows to sessions.
    bool findTimes(State& state, const Batch& batch, OperatorContext& context) const;
    void addRows(State& state, const Batch& batch, std::span<const uint32_t> selection) const;
    void addLateRow(State& state, const Batch& batch, uint32_t row) const;
    void accumulate(State& state, const Batch& batch, std::span<const uint32_t> selection,
                    std::span<std::byte* const> sessions) const;
    void findOthers(State& state, uint32_t row, std::byte* head) const;
    void trimOthers(State& state) const;
    std::byte* sessionFor(State& state, uint32_t row, std::byte* head, bool late) const;
    std::byte* openSession(State& state, uint32_t row, std::byte* head) const;
    void mergeOthers(State& state, uint32_t row, std::byte* head, std::byte* into) const;
    void standAt(State& state, uint32_t row, std::byte* head, int64_t end) const;
    void settle(State& state) const;

    // Sessions to results.
    void fireDue(State& state, int64_t time, Output& output) const;
    void fireBucket(State& state, int64_t bucket, int64_t time, Output& output) const;
    int64_t collectDue(State& state, uint32_t row, std::byte* head, int64_t time) const;
    void closeDue(State& state, uint32_t row, std::byte* head, int64_t time) const;
    void emit(State& state, std::span<std::byte* const> sessions, Output& output) const;
    void wake(State& state, OperatorContext& context) const;

    SessionAggregateParameters p_;
    Aggregation aggregation_;
    int64_t bucket_ms_;
};

}  // namespace millrace
