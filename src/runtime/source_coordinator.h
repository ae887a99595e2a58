// The coordinator's half of a source: its enumerator, on the coordinator's thread.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "runtime/execution.h"
#include "runtime/reader_events.h"
#include "runtime/runtime_options.h"

namespace millrace {

class SourceCoordinator final : private EnumeratorContext {
  public:
    // Throws what the source throws: a state it cannot use.
    SourceCoordinator(const JobNode& node, const Environment& environment, const RuntimeOptions& options,
                      Execution& execution, const std::optional<std::string>& restored);

    void start() { enumerator_->start(*this); }
    void onSplitRequest(SlotIndex reader) { enumerator_->onSplitRequest(*this, reader); }
    void onReaderEvent(SlotIndex reader, const std::string& event) {
        if (listener_ != nullptr) listener_->onReaderEvent(*this, reader, event);
    }
    bool discoverIfDue(ProcessingTime now);
    int64_t nextWake() const { return wake_; }
    std::string snapshot() { return captured_ = enumerator_->snapshot(); }
    void onCheckpointComplete() {  // of the latest snapshot()
        if (listener_ != nullptr) listener_->onCheckpointComplete(*this, captured_);
    }
    const JobNode& node() const { return node_; }

  private:
    const Environment& environment() const override { return environment_; }
    uint32_t parallelism() const override { return parallelism_; }
    void assign(SlotIndex reader, SourceSplit split) override {
        execution_.assign(node_.id, reader, std::move(split));
    }
    void noMoreSplits(SlotIndex reader) override { execution_.noMoreSplits(node_.id, reader); }
    void wakeAt(ProcessingTime time) override { wake_ = std::min(wake_, time.value()); }

    const JobNode& node_;
    Environment environment_;
    uint32_t parallelism_;
    Execution& execution_;
    std::unique_ptr<SplitEnumerator> enumerator_;
    ReaderEventListener* listener_;  // the enumerator, if it is one
    std::string captured_;
    int64_t wake_ = INT64_MAX;
};

}  // namespace millrace
