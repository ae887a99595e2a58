// Where a job's checkpoints are: a folder, or, without one, the memory of this process (the newest only).
// Used on the executor alone.
//
// Slots capture what changed; the store knows what came before. For every state it keeps the chain of
// segments that the last checkpoint written ends with: in memory while they are small, else in files that
// checkpoints share and that are removed when none that is retained refers to them. compact() merges
// segments, so that chains stay short.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/file_system.h"
#include "runtime/hooks.h"
#include "state/snapshot.h"

namespace millrace {

class SpillBudget;  // state/spilling_memory.h

struct StoredSnapshot {
    std::shared_ptr<const Snapshot> snapshot;
    std::string path;  // "" in memory
};

struct CheckpointStoreOptions {
    std::string dir;  // as configured, "" for memory
    size_t retained = 1;
    bool compress = false;
    uint64_t inline_max = 256 << 10;  // state of up to so many bytes lies in a checkpoint's metadata
};

class CheckpointStore {
  public:
    CheckpointStore(FileSystem& files, CheckpointStoreOptions options, const std::string& job_id,
                    StepHooks* hooks);

    // `captured`: its operators are what was captured since the last checkpoint that was written, for every
    // operator and subtask in that order, once or several times. An execution begins with full captures.
    // Durable when it returns; gives the bytes written and the folder.
    struct Written {
        uint64_t bytes = 0;
        std::string path;
        // Of the whole state, written now or before; by operator uid and subtask.
        std::map<std::pair<std::string, SlotIndex>, uint64_t> state_bytes = {};
    };
    Written write(const Snapshot& captured);
    // The same picture, complete, in a folder of its own. What was captured stays unwritten all the same.
    uint64_t writeSavepoint(const std::string& folder, const Snapshot& captured);
    // Merges segments where it is time. Failures are only logged: the segments stay as they are.
    void compact();
    // All but the newest complete ones before `newest`, and what unfinished ones left. Failures are only
    // logged.
    void discardOlderThan(CheckpointId newest);
    // The newest checkpoint that reads without damage; each damaged one is logged with file and offset.
    // `spill` as of readSnapshot().
    std::optional<StoredSnapshot> newestSound(const SpillBudget* spill = nullptr);
    // Above every checkpoint of this job that ever left a folder.
    CheckpointId nextId();

  private:
    using OperatorPlace = std::pair<std::string, SlotIndex>;  // uid, subtask

    Snapshot assembled(const Snapshot& captured) const;
    void keepChains(const std::vector<std::shared_ptr<const OperatorSnapshot>>& operators);
    void measureChains(Written& written) const;
    bool compact(KeyedStateSnapshot& state);
    void discardShared(const std::vector<CheckpointId>& retained);

    FileSystem& files_;
    const CheckpointStoreOptions options_;
    const std::string folder_;  // "" for memory
    StepHooks* hooks_;
    std::shared_ptr<const Snapshot> in_memory_;
    std::map<OperatorPlace, std::shared_ptr<const OperatorSnapshot>> chains_;
    std::map<CheckpointId, std::vector<std::string>> shared_of_;  // the shared files of retained checkpoints
    CheckpointId last_;                                           // written
    uint32_t next_file_ = 1;
};

}  // namespace millrace
