// An operator that follows a source's splits: right behind a source whose reader tells of which split its
// rows are, it has a state for each of them, and the lowest of their watermarks counts (split_watermarks.h).
// Elsewhere it is an operator like any other. It registers nothing with the StateBackend.
#pragma once

#include <string>

#include "runtime/operator.h"

namespace millrace {

// Keeps splits whose watermark is ahead from being read (Flink: watermark alignment). Sources of a job whose
// group is called the same wait for one another.
struct WatermarkAlignment {
    std::string group;  // "": no alignment
    Duration max_drift{0};
    Duration update_interval{1000};  // how often the group is looked at
};

class PerSplitOperator : public Operator {
  public:
    // The rows of the state's split are held back by alignment: that none come does not make it idle.
    virtual void onHeldBack(OperatorState& state, OperatorContext& context) const = 0;
    virtual const WatermarkAlignment& alignment() const = 0;
};

}  // namespace millrace
