// RunningExtremeFilter: leaves out rows that a join with the largest (or smallest) value of their window
// cannot keep, before the join has to hold them.
//
//   SELECT b.* FROM bid b JOIN (SELECT MAX(price) m, window_end e FROM TABLE(TUMBLE(TABLE bid, ...)) GROUP BY
//   window_start, window_end) w ON b.price = w.m AND b.ts BETWEEN w.e - INTERVAL '10' SECOND AND w.e
//
// A row can only be joined with windows whose end is within a distance of its time. If each of these has had
// a row with a larger value, the row will never be equal to its maximum. So a row passes only if its value is
// at least the largest so far of one of them, and NULL never does. What the join puts out does not change.
//
// A row counts for its windows' largest value only where it is certain that the aggregation counts it too,
// which drops late rows: its window must be open by the watermark here, and by that of an earlier run of the
// job (state: union list "watermark", which may be left out of a restore). Where the latter is not known, or
// where other subtasks may have let the watermark rise while this one was idle, all rows pass.
#pragma once

#include "operators/windows.h"
#include "runtime/operator.h"

namespace millrace {

struct RunningExtremeFilterParameters {
    Schema schema;
    size_t value = 0;      // a column of physical type Int32 or Int64
    size_t time = 0;       // the rowtime attribute, a TIMESTAMP
    bool largest = true;   // else the smallest
    Windows windows;       // of the aggregation: TUMBLE or HOP
    int64_t lower_us = 0;  // rows are joined with windows for which lower <= time - end <= upper
    int64_t upper_us = 0;
    std::string text;
};

class RunningExtremeFilter final : public Operator {
  public:
    explicit RunningExtremeFilter(RunningExtremeFilterParameters parameters);
    ~RunningExtremeFilter() override;

    std::string name() const override { return "RunningExtremeFilter(" + p_.text + ")"; }
    const Schema& outputSchema() const override { return p_.schema; }
    std::unique_ptr<OperatorState> open(OperatorContext& context) const override;
    void process(OperatorState& state, size_t input, const Batch& batch, OperatorContext& context,
                 Output& output) const override;
    void onWatermark(OperatorState& state, EventTime watermark, OperatorContext& context,
                     Output& output) const override;
    void onIdle(OperatorState& state, bool idle, OperatorContext& context, Output& output) const override;
    void beforeBarrier(OperatorState& state, OperatorContext& context, Output& output) const override;

  private:
    struct State;
    struct Bound;
    template <class T>
    void count(State& state, const Column& values, const Column& times) const;
    template <class T>
    void choose(State& state, const Column& values, const Column& times) const;
    Bound boundOf(const State& state, int64_t time) const;

    RunningExtremeFilterParameters p_;
    int64_t step_us_;
    int64_t ends_us_;  // windows end at this and multiples of the step
};

}  // namespace millrace
