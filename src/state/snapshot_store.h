// Snapshots on disk: a folder a snapshot, `_metadata` written last. docs/formats/snapshot.md gives the bytes.
//
//   <checkpoint dir>/<job id>/chk-<n>/_metadata, state-<k>         checkpoints (execution.checkpointing.dir)
//   <target>/savepoint-<short job id>-<random>/_metadata, state-<k>  savepoints: complete and relocatable
//
// State of up to 256 KiB lies in `_metadata` itself; else state-<k> holds the state of subtask k - 1. Every
// file starts with a magic, a format version and the encryption in force (none, so far), and every frame of a
// section carries CRC-32Cs; damage is UserError "snapshot.damaged" with file and offset.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/file_system.h"
#include "state/snapshot.h"

namespace millrace {

struct SnapshotWriteOptions {
    bool compress = false;  // zstd (execution.checkpointing.snapshot-compression)
};

// Writes `snapshot` into `folder` (made if absent) and syncs it. It is complete once `_metadata` exists.
// Returns the bytes written.
uint64_t writeSnapshot(FileSystem& files, const std::string& folder, const Snapshot& snapshot,
                       const SnapshotWriteOptions& options = {});

// Reads a snapshot whole and verifies every checksum. `path` is the folder or its _metadata file. UserError
// "snapshot.not-found" or "snapshot.damaged".
Snapshot readSnapshot(FileSystem& files, const std::string& path);

// The complete checkpoints under <checkpoint dir>/<job id>, newest first, by folder; whether they are sound,
// only reading tells.
std::vector<std::string> listCheckpoints(FileSystem& files, const std::string& job_checkpoint_folder);
std::string checkpointFolder(const std::string& job_checkpoint_folder, CheckpointId id);
void discardSnapshot(FileSystem& files, const std::string& folder);

}  // namespace millrace
