// The named steps of a checkpoint, as places where faults can strike. Production has none; the simulator's
// hooks throw, which fails the task or ends the simulated process.
#pragma once

#include <cstdint>

namespace millrace {

enum class CheckpointStep : uint8_t {
    Barrier,         // a task has aligned its inputs
    Capture,         // an operator's state is about to be captured
    Upload,          // a state file is being written
    ManifestRename,  // the snapshot's _metadata is being put in place
    PreCommit,       // a writer is about to prepare its committables
    Commit,          // a committer is about to make them visible
    Acknowledge,     // the coordinator has heard of a task's capture
    CleanUp,         // older checkpoints and what former attempts left behind are being removed
    Compaction,      // segments of state are being merged
};
inline constexpr int kCheckpointSteps = 9;
const char* toString(CheckpointStep step);

class StepHooks {
  public:
    virtual ~StepHooks() = default;
    virtual void at(CheckpointStep step) = 0;
};

inline void atStep(StepHooks* hooks, CheckpointStep step) {
    if (hooks != nullptr) hooks->at(step);
}

}  // namespace millrace
