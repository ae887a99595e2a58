// Whether a source is still behind: then checkpoints come at execution.checkpointing.interval-during-backlog
// (Flink's FLIP-309). Two rules say so:
//  * pipeline.backlog.watermark-lag-threshold (FLIP-328): the watermark of a subtask that is not idle trails
//  the
//    clock by more. Once none of a source's does, it has caught up for as long as the job runs: a stream
//    that falls quiet is no backlog.
//  * the connector: a reader's metric `isProcessingBacklog` is 1.
#pragma once

#include <optional>
#include <set>

#include "base/clock.h"
#include "base/configuration.h"
#include "runtime/execution.h"
#include "runtime/execution_plan.h"

namespace millrace {

inline constexpr const char* kProcessingBacklogMetric = "isProcessingBacklog";

class BacklogWatch {
  public:
    explicit BacklogWatch(std::optional<Duration> watermark_lag_threshold)
        : threshold_(watermark_lag_threshold) {}

    void onStarted() { caught_up_.clear(); }
    // On the coordinator's thread, while the slots run.
    bool behind(const Execution& execution, const ExecutionPlan& plan, ProcessingTime now);

  private:
    bool watermarksBehind(const Execution& execution, const ExecutionPlan& plan, size_t vertex,
                          ProcessingTime now);

    const std::optional<Duration> threshold_;
    std::set<size_t> caught_up_;  // vertices
};

}  // namespace millrace
