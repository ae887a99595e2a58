// OverAggregate: window functions in the order of a time attribute, over input that only inserts. Each row is
// sent once, with its results.
//
// By event time, rows wait until the watermark passes them; those of a partition then come in the order of
// their time, rows of one time as they arrived. A row that is not later than the watermark when it arrives is
// dropped and counted (numLateRecordsDropped), as in Flink. In processing time the order is that of arrival,
// and rows come at once; a frame RANGE without distance is then one ROWS.
//
// State: table "over" (operators/ordered_rows.h), rows that wait, and those that later frames reach back to;
// without a lower bound table "over-accumulators" instead of the latter: what the partition's rows so far add
// up to. List "watermark", the watermark reached, which tells which rows have been sent.
#pragma once

#include "operators/over_window.h"
#include "operators/stateful_operator.h"

namespace millrace {

struct OverAggregateParameters {
    OverParameters over;  // `order` is the time attribute
    bool processing_time = false;
};

class OverAggregate final : public StatefulOperator {
  public:
    explicit OverAggregate(OverAggregateParameters parameters);
    ~OverAggregate() override;

    std::string name() const override { return "OverAggregate(" + p_.over.text + ")"; }
    const Schema& outputSchema() const override { return p_.over.output; }
    std::vector<KeptState> keeps() const override;
    std::unique_ptr<OperatorState> open(OperatorContext& context) const override;
    void process(OperatorState& state, size_t input, const Batch& batch, OperatorContext& context,
                 Output& output) const override;
    void onWatermark(OperatorState& state, EventTime watermark, OperatorContext& context,
                     Output& output) const override;
    void beforeBarrier(OperatorState& state, OperatorContext& context, Output& output) const override;

  private:
    struct State;
    struct Due;
    size_t timeColumn() const { return p_.over.order[0].column; }
    Batch inTime(State& state, const Batch& batch) const;
    void fire(State& state, std::span<const Due> due, Output& output) const;
    void fireSome(State& state, std::span<const Due> due, Output& output) const;
    void findAccumulators(State& state, OverWindow::Runs& all) const;
    size_t forgotten(State& state, uint32_t partition, std::span<const OrderedRow* const> sent) const;
    void forget(State& state, uint32_t partition, std::span<const OrderedRow* const> sent) const;

    OverAggregateParameters p_;
    OverWindow window_;
};

}  // namespace millrace
