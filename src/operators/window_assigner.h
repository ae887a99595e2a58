// WindowAssigner: TUMBLE, HOP and CUMULATE as table functions: every row, once for each of its windows
// (earliest window first), with window_start, window_end and window_time appended. Used where a query does
// more with the windows than to group by them; what comes behind then finds the windows in the columns.
#pragma once

#include <optional>

#include "operators/windows.h"
#include "runtime/operator.h"

namespace millrace {

class WindowAssigner final : public Operator {
  public:
    // `output` is the input's columns and the three window columns. Without time column, the windows are
    // those of the time of processing. `instants`: the time attribute is a TIMESTAMP_LTZ.
    WindowAssigner(Windows windows, std::optional<size_t> time_column, bool instants, Schema output,
                   std::string text);
    std::string name() const override { return "WindowTableFunction(" + text_ + ")"; }
    const Schema& outputSchema() const override { return output_; }
    std::unique_ptr<OperatorState> open(OperatorContext& context) const override;
    void process(OperatorState& state, size_t input, const Batch& batch, OperatorContext& context,
                 Output& output) const override;

  private:
    struct State;
    Windows windows_;
    std::optional<size_t> time_column_;
    bool instants_;
    Schema output_;
    std::string text_;
};

}  // namespace millrace
