// UpdatingOver: window functions in any order and over input that changes. Every row of the input is kept
// with the results it was last sent with; where rows come or go, those whose frame they are in are computed
// again, and sent again if a result is another one: -U and +U (only +U where nothing downstream needs -U).
// Rows come as +I and go as -D. A batch makes one change a row.
//
// With a frame of n rows, a change touches n rows behind it; else all behind it. A retraction of a row that
// is not there is ignored, as in Flink (it happens after state has expired).
//
// State: table "over" (operators/ordered_rows.h), the input's columns and the results.
#pragma once

#include "operators/over_window.h"
#include "operators/stateful_operator.h"

namespace millrace {

struct UpdatingOverParameters {
    OverParameters over;
    bool input_retracts = false;
    bool generates_update_before = true;
};

class UpdatingOver final : public StatefulOperator {
  public:
    explicit UpdatingOver(UpdatingOverParameters parameters);
    ~UpdatingOver() override;

    std::string name() const override { return "OverAggregate(" + p_.over.text + ")"; }
    const Schema& outputSchema() const override { return p_.over.output; }
    std::vector<KeptState> keeps() const override;
    std::unique_ptr<OperatorState> open(OperatorContext& context) const override;
    void process(OperatorState& state, size_t input, const Batch& batch, OperatorContext& context,
                 Output& output) const override;

  private:
    struct State;
    struct Touched;
    void apply(State& state, const Batch& batch) const;
    void affected(State& state, const Touched& touched) const;
    void emitChanges(State& state, const Batch& batch, const OverWindow::Results& results,
                     Output& output) const;

    UpdatingOverParameters p_;
    OverWindow window_;
    std::optional<size_t> run_results_max_;
};

}  // namespace millrace
