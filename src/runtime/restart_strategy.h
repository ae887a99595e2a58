// Decides whether and when a failed job starts again (Flink documentation, "Task Failure Recovery").
#pragma once

#include <deque>
#include <optional>

#include "base/named_integer.h"
#include "base/random.h"
#include "runtime/runtime_options.h"

namespace millrace {

class RestartStrategy {
  public:
    RestartStrategy(RestartOptions options, Random random) : options_(options), random_(random) {}

    // The pause before the next start; nothing if the job must fail for good.
    std::optional<Duration> onFailure(ProcessingTime now);

  private:
    std::optional<Duration> exponential(ProcessingTime now);

    RestartOptions options_;
    Random random_;
    int64_t attempts_ = 0;
    double backoff_ms_ = 0;
    ProcessingTime restarted_at_ = ProcessingTime::min();
    std::deque<ProcessingTime> failures_;
};

}  // namespace millrace
