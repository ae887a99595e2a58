// Stops a job's sources in the middle of their input, so that a savepoint can be taken there whatever the
// speed of the machine: for the profiles of `millrace test` that take one.
#pragma once

#include <cstdint>
#include <memory>

#include "runtime/job_graph.h"

namespace millrace::cli {

// Shared by the readers of one job.
class SourcePause {
  public:
    virtual ~SourcePause() = default;
    // Waits until every reader has come to its stopping place or to its end; false if that takes too long.
    virtual bool waitUntilPaused(int64_t timeout_ms) = 0;
    // Some reader stands still with input left; false if all have read to the end.
    virtual bool anyPaused() const = 0;
};

// The same job with sources whose readers stand still for ever after a few rows (`rows`, and one more for
// every subtask and source, so that they stop in different places).
struct PausedJob {
    std::shared_ptr<const JobGraph> graph;
    std::shared_ptr<SourcePause> pause;
};
PausedJob pauseSources(const JobGraph& graph, uint32_t parallelism, uint64_t rows);

}  // namespace millrace::cli
