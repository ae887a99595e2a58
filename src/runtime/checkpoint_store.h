// Where a job's checkpoints are: a folder, or, without one, the memory of this process (the newest only).
// Used on the executor alone.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "base/file_system.h"
#include "runtime/hooks.h"
#include "state/snapshot.h"

namespace millrace {

struct StoredSnapshot {
    std::shared_ptr<const Snapshot> snapshot;
    std::string path;  // "" in memory
};

class CheckpointStore {
  public:
    // `dir` as configured, "" for memory.
    CheckpointStore(FileSystem& files, const std::string& dir, const std::string& job_id, size_t retained,
                    StepHooks* hooks);

    // Durable when it returns; gives the bytes written and the folder.
    struct Written {
        uint64_t bytes = 0;
        std::string path;
    };
    Written write(std::shared_ptr<const Snapshot> snapshot);
    // All but the newest complete ones before `newest`, and what unfinished ones left. Failures are only
    // logged.
    void discardOlderThan(CheckpointId newest);
    // The newest checkpoint that reads without damage; each damaged one is logged with file and offset.
    std::optional<StoredSnapshot> newestSound();
    // Above every checkpoint of this job that ever left a folder.
    CheckpointId nextId();

  private:
    FileSystem& files_;
    const std::string folder_;
    const size_t retained_;
    StepHooks* hooks_;
    std::shared_ptr<const Snapshot> in_memory_;
};

}  // namespace millrace
