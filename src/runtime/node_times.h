// Who has a slot's thread: the time that each node of its chains takes for itself, without that of the nodes
// it hands its rows to. Two readings of the clock a call, a call a batch; only where a job asks for it
// (`millrace.metrics.operator-detail`).
#pragma once

#include <cstdint>
#include <utility>

#include "base/clock.h"
#include "runtime/metrics.h"

namespace millrace {

// Of one slot; called from its thread alone.
class NodeTimes {
  public:
    explicit NodeTimes(const Clock& clock) : clock_(clock) {}

    // While it lives, time counts for `self`; afterwards for whom it counted before. Without times it does
    // nothing.
    class [[nodiscard]] Turn {
      public:
        Turn(NodeTimes* times, Counter* self) : times_(times) {
            if (times_ != nullptr) former_ = times_->pass(self);
        }
        ~Turn() {
            if (times_ != nullptr) times_->pass(former_);
        }
        Turn(const Turn&) = delete;
        Turn& operator=(const Turn&) = delete;

      private:
        NodeTimes* const times_;
        Counter* former_ = nullptr;
    };

    int64_t lastReadingNanos() const { return since_ns_; }

  private:
    Counter* pass(Counter* to) {
        const int64_t now_ns = clock_.monotonicNanos();
        if (running_ != nullptr) running_->add(now_ns - since_ns_);
        since_ns_ = now_ns;
        return std::exchange(running_, to);
    }

    const Clock& clock_;
    Counter* running_ = nullptr;
    int64_t since_ns_ = 0;
};

}  // namespace millrace
