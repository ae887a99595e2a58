// WindowExtremeFilter: drops rows whose value is below the greatest (or above the least) that has come in the
// same window. What it passes holds every row that has the greatest value of all, and some others: it stands
// before a join that asks for just these rows, so that the join need not keep the many that will not meet.
//
// It keeps no state: after a restore, or once it has seen many windows, it drops fewer rows. Inputs only
// insert. A row without a value is dropped, one without a window passes.
#pragma once

#include "runtime/operator.h"

namespace millrace {

struct WindowExtremeFilterParameters {
    Schema schema;          // of the input, and so of the output
    size_t window_end = 0;  // columns
    size_t value = 0;       // of physical type Int32 or Int64
    bool greatest = true;   // else the least
};

class WindowExtremeFilter final : public Operator {
  public:
    static constexpr size_t kWindowsMax = 64;  // that it knows of at a time: the latest

    explicit WindowExtremeFilter(WindowExtremeFilterParameters parameters);

    static bool supports(PhysicalType value);
    std::string name() const override;
    const Schema& outputSchema() const override { return p_.schema; }
    std::unique_ptr<OperatorState> open(OperatorContext& context) const override;
    void process(OperatorState& state, size_t input, const Batch& batch, OperatorContext& context,
                 Output& output) const override;

  private:
    struct State;
    template <class T>
    void select(State& state, const Batch& batch) const;

    WindowExtremeFilterParameters p_;
};

}  // namespace millrace
