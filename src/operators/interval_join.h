// IntervalJoin: rows meet whose event times lie within bounds of each other (Flink: RowTimeIntervalJoin).
// Both inputs are insert-only, and so is what comes out, of any type: a pair when its second row comes; what
// met nothing once nothing can come any more that it would meet.
//
// State: the rows of each side (row_lists.h), by spans of time as the namespace, each dropped as a whole once
// the watermark is so far that its rows meet nothing any more; list "watermark". Rows that come late still
// meet what is there; they are kept if their span is.
//
// Rows can be as much older than the watermark as the bounds are wide, so the watermark is passed on that
// much lower, and time attributes stay time attributes.
#pragma once

#include "operators/join_rows.h"
#include "operators/stateful_operator.h"

namespace millrace {

struct IntervalJoinParameters {
    JoinShape shape;                  // its condition holds the bounds exactly
    size_t time_columns[2] = {0, 0};  // of the inputs
    int64_t lower_ms = 0;             // left time - right time is at least this
    int64_t upper_ms = 0;             // and at most this
    std::string text;
};

class IntervalJoin final : public StatefulOperator {
  public:
    explicit IntervalJoin(IntervalJoinParameters parameters);
    ~IntervalJoin() override;

    std::string name() const override { return "IntervalJoin(" + p_.text + ")"; }
    const Schema& outputSchema() const override { return p_.shape.output; }
    size_t inputCount() const override { return 2; }
    std::vector<KeptState> keeps() const override;
    std::unique_ptr<OperatorState> open(OperatorContext& context) const override;
    void process(OperatorState& state, size_t input, const Batch& batch, OperatorContext& context,
                 Output& output) const override;
    void onWatermark(OperatorState& state, EventTime watermark, OperatorContext& context,
                     Output& output) const override;
    void beforeBarrier(OperatorState& state, OperatorContext& context, Output& output) const override;

  private:
    struct State;
    bool expired(size_t side, int64_t span, int64_t watermark) const;
    void meet(State& state, size_t side) const;
    void keep(State& state, size_t side) const;
    void drop(State& state, size_t side, int64_t span, OperatorContext& context, Output& output) const;

    IntervalJoinParameters p_;
    int64_t span_ms_;
    int64_t delay_ms_;
};

}  // namespace millrace
