// LocalGroupAggregate: the first phase of a GROUP BY whose result is updated, or of windows in processing
// time, before rows are dealt out to subtasks by key: each subtask makes of its own rows one row a group,
// with the accumulators in it, which the second phase merges (Flink's "Local-Global Aggregation").
//
// Under load it gathers, as a mini-batch would, for some milliseconds at most; a slot that has nothing else
// to do puts out what is there at once. It also does so before a barrier, so that it has no state in
// snapshots, when its input goes idle or ends, and when it holds many groups. Where nearly every row is a
// group of its own, it does not look for groups, but only now and then whether that is still so.
//
// The output is the keys, with `counts_rows` the number of rows less those retracted ("count"), and the
// accumulators. It has no retractions: those of the input are in the accumulators. These are flat
// (canAggregateLocally). Watermarks pass by what is held: no column of the output is a time attribute.
#pragma once

#include "operators/aggregation.h"
#include "runtime/operator.h"

namespace millrace {

struct LocalGroupAggregateParameters {
    Schema input;
    std::vector<size_t> keys;
    std::vector<AggregateTerm> terms;
    bool input_retracts = false;
    bool counts_rows = false;  // always where the input retracts
    std::string text;
};

class LocalGroupAggregate final : public Operator {
  public:
    explicit LocalGroupAggregate(LocalGroupAggregateParameters parameters);
    ~LocalGroupAggregate() override;

    std::string name() const override { return "LocalGroupAggregate(" + p_.text + ")"; }
    const Schema& outputSchema() const override { return output_; }
    // The output's "count"; only with `counts_rows`.
    size_t rowsColumn() const { return p_.keys.size(); }
    // What the second phase makes of the output: the same terms, merging.
    std::vector<AggregateTerm> mergingTerms() const;

    std::unique_ptr<OperatorState> open(OperatorContext& context) const override;
    void process(OperatorState& state, size_t input, const Batch& batch, OperatorContext& context,
                 Output& output) const override;
    void onWatermark(OperatorState& state, EventTime watermark, OperatorContext& context,
                     Output& output) const override;
    void onIdle(OperatorState& state, bool idle, OperatorContext& context, Output& output) const override;
    void onProcessingTime(OperatorState& state, ProcessingTime now, OperatorContext& context,
                          Output& output) const override;
    bool whenIdle(OperatorState& state, OperatorContext& context, Output& output) const override;
    void beforeBarrier(OperatorState& state, OperatorContext& context, Output& output) const override;
    void onEndOfInput(OperatorState& state, OperatorContext& context, Output& output) const override;

  private:
    struct State;
    bool flush(State& state, Output& output) const;
    void emitEachRow(State& state, const Batch& batch, Output& output) const;

    LocalGroupAggregateParameters p_;
    Aggregation aggregation_;
    RowLayout accumulators_;
    Schema output_;
};

// The terms of a second phase whose input has the accumulators from `column` on, one behind the other.
std::vector<AggregateTerm> mergingTermsFrom(size_t column, const std::vector<AggregateTerm>& terms);

}  // namespace millrace
