// LocalWindowAggregate: the first phase of a GROUP BY window_start, window_end [, keys], before rows are
// dealt out to subtasks by key: each subtask makes of its own rows one row a group and slice, with the
// accumulators in it, which WindowAggregate merges (Flink's two-phase aggregation, "Local-Global").
//
// What it has gathered it puts out when the watermark reaches the slice's end, so that no window waits for
// it; before a barrier, so that it has no state in snapshots; when the input goes idle, since it then no
// longer holds back the watermark downstream; and when it holds many groups. Rows of a slice that the
// watermark has passed, which may be late or not by the slower watermark downstream, go out with their batch.
//
// The output is the keys, the slice's end ("$slice_end", on the local time line where the time attribute is
// an instant), the number of rows ("count") and the terms' accumulators. Insert-only input; the terms'
// accumulators are flat (canAggregateLocally).
#pragma once

#include <span>

#include "operators/aggregation.h"
#include "operators/slices.h"
#include "runtime/operator.h"

namespace millrace {

struct LocalWindowAggregateParameters {
    Schema input;
    Windows windows;
    size_t time_column = 0;
    RowWindow time_is = RowWindow::OfTime;
    bool instants = false;  // the time attribute is a TIMESTAMP_LTZ
    std::vector<size_t> keys;
    std::vector<AggregateTerm> terms;
    std::string text;
};

bool canAggregateLocally(std::span<const AggregateTerm> terms);

class LocalWindowAggregate final : public Operator {
  public:
    explicit LocalWindowAggregate(LocalWindowAggregateParameters parameters);
    ~LocalWindowAggregate() override;

    std::string name() const override { return "LocalWindowAggregate(" + p_.text + ")"; }
    const Schema& outputSchema() const override { return output_; }
    // Columns of the output.
    size_t sliceEndColumn() const { return p_.keys.size(); }
    size_t rowsColumn() const { return p_.keys.size() + 1; }
    // What the second phase makes of the output: the same terms, merging.
    std::vector<AggregateTerm> mergingTerms() const;

    std::unique_ptr<OperatorState> open(OperatorContext& context) const override;
    void process(OperatorState& state, size_t input, const Batch& batch, OperatorContext& context,
                 Output& output) const override;
    void onWatermark(OperatorState& state, EventTime watermark, OperatorContext& context,
                     Output& output) const override;
    void onIdle(OperatorState& state, bool idle, OperatorContext& context, Output& output) const override;
    void beforeBarrier(OperatorState& state, OperatorContext& context, Output& output) const override;
    void onEndOfInput(OperatorState& state, OperatorContext& context, Output& output) const override;

  private:
    struct State;
    void flushTo(State& state, EventTime watermark, Output& output) const;
    void flush(State& state, int64_t slice, Output& output) const;

    LocalWindowAggregateParameters p_;
    Aggregation aggregation_;
    Schema output_;
};

}  // namespace millrace
