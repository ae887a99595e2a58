// Snapshots on disk: a folder a snapshot, `_metadata` written last. docs/formats/snapshot.md gives the bytes.
//
//   <checkpoint dir>/<job id>/chk-<n>/_metadata                      checkpoints
//   (execution.checkpointing.dir) <checkpoint dir>/<job id>/shared/<n>-<k>                         state
//   files that checkpoints share <target>/savepoint-<short job id>-<random>/_metadata, state-<k>  savepoints:
//   complete and relocatable
//
// Little state lies in `_metadata` itself. Every file starts with a magic, a format version and the
// encryption in force (none, so far), and every frame of a section carries CRC-32Cs; damage is UserError
// "snapshot.damaged" with file and offset.
#pragma once

#include <string>
#include <vector>

#include "base/file_system.h"
#include "state/snapshot.h"

namespace millrace {

class SpillBudget;  // state/spilling_memory.h

struct SnapshotWriteOptions {
    bool compress = false;  // zstd (execution.checkpointing.snapshot-compression)
    // State of up to so many bytes goes into `_metadata`: one file to sync instead of two.
    uint64_t inline_max = 256 << 10;
    // Where state files go, and where segments that lie there stay; "": into the snapshot's own folder, which
    // is then complete.
    std::string shared_folder;
    uint32_t first_file = 1;  // number of the first file written
};

struct WrittenSnapshot {
    uint64_t bytes = 0;  // that were written
    uint32_t files = 0;  // beside `_metadata`
    // The snapshot's operators; segments that lie in shared files now are in memory no longer.
    std::vector<std::shared_ptr<const OperatorSnapshot>> operators;
};

// Writes `snapshot` into `folder` (made if absent) and syncs it. It is complete once `_metadata` exists.
WrittenSnapshot writeSnapshot(FileSystem& files, const std::string& folder, const Snapshot& snapshot,
                              const SnapshotWriteOptions& options = {});

// Reads a snapshot whole, and verifies every checksum. `path` is the folder or its _metadata file. It is then
// in memory; with `spill`, and if it would not fit there beside the state that is made of it, in a local
// file. UserError "snapshot.not-found" or "snapshot.damaged".
Snapshot readSnapshot(FileSystem& files, const std::string& path, const SpillBudget* spill = nullptr);

// The same without the rows of keyed state: which operators there are, which states of which types, and the
// lists. As quick for much state as for little.
Snapshot readSnapshotLayout(FileSystem& files, const std::string& path);

// The names of the shared files that the snapshot in `folder` refers to. Errors likewise.
std::vector<std::string> sharedFilesOf(FileSystem& files, const std::string& folder);

// The complete checkpoints under <checkpoint dir>/<job id>, newest first, by folder; whether they are sound,
// only reading tells.
std::vector<std::string> listCheckpoints(FileSystem& files, const std::string& job_checkpoint_folder);
std::string checkpointFolder(const std::string& job_checkpoint_folder, CheckpointId id);
std::string sharedFolder(const std::string& job_checkpoint_folder);
void discardSnapshot(FileSystem& files, const std::string& folder);

}  // namespace millrace
