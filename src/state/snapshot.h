// What a checkpoint or savepoint holds, in memory and (snapshot_store.h) on disk. Everything is named:
// operators by uid, states by name with the text of their types, so that a snapshot can be read, checked and
// queried without the job.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/named_integer.h"
#include "state/keyed_table.h"

namespace millrace {

// How a list is dealt out at restore: Split, each item to one subtask; Union, all items to every subtask.
enum class Redistribution : uint8_t { Split = 0, Union = 1 };

struct KeyGroupSection {
    KeyGroup group;
    uint64_t rows = 0;
    std::string bytes;  // per row: namespace (int64, if namespaced), then encodeRow()
};
struct KeyedStateSnapshot {
    KeyedStateDescriptor descriptor;
    std::vector<KeyGroupSection> groups;  // only those with rows, ascending
};
struct ListStateSnapshot {
    std::string name;
    Redistribution redistribution = Redistribution::Split;
    std::vector<std::string> items;
};

// One operator's state in one subtask.
struct OperatorSnapshot {
    std::string uid;
    std::string name;
    SlotIndex subtask;
    std::vector<KeyedStateSnapshot> keyed;
    std::vector<ListStateSnapshot> lists;
    size_t bytes() const;
};

enum class SnapshotKind : uint8_t { Checkpoint = 0, Savepoint = 1 };

struct Snapshot {
    SnapshotKind kind = SnapshotKind::Checkpoint;
    CheckpointId id;
    int64_t timestamp_ms = 0;
    std::string job_id;
    std::string job_name;
    uint32_t parallelism = 1;
    uint32_t max_parallelism = 128;
    std::string plan;  // the plan that wrote it, as text
    std::vector<std::shared_ptr<const OperatorSnapshot>> operators;
    std::map<std::string, std::string> coordinators;  // source uid -> its enumerator's state
    std::map<std::string, std::vector<std::string>>
        committables;  // sink uid -> what to commit once this snapshot is complete
};

}  // namespace millrace
