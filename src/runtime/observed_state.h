// A StateBackend that can be asked how many rows its tables hold: what it hands out is the inner one's.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "runtime/metrics.h"
#include "state/state_backend.h"

namespace millrace {

class ObservedState final : public StateBackend {
  public:
    // Sets the counters "stateRowsMax" and "stateBytesMax" of `metrics`.
    ObservedState(std::unique_ptr<StateBackend> inner, MetricGroup& metrics);

    // Looks at what there is; costs a little for each namespace.
    void observe();

    KeyedTable& table(const KeyedStateDescriptor& descriptor) override;
    std::vector<std::string>& list(const std::string& name, Redistribution redistribution) override {
        return inner_->list(name, redistribution);
    }
    void beginCapture(CaptureMode mode) override { inner_->beginCapture(mode); }
    bool advanceCapture(size_t rows) override { return inner_->advanceCapture(rows); }
    bool capturing() const override { return inner_->capturing(); }
    OperatorSnapshot takeCapture() override { return inner_->takeCapture(); }
    bool expire(size_t rows) override { return inner_->expire(rows); }
    Duration shortestTtl() const override { return inner_->shortestTtl(); }
    void relieve() override { inner_->relieve(); }
    size_t bytes() const override { return inner_->bytes(); }

  private:
    const std::unique_ptr<StateBackend> inner_;
    std::vector<const KeyedTable*> tables_;
    Counter& rows_max_;
    Counter& bytes_max_;
};

}  // namespace millrace
