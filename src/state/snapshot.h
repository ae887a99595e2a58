// What a checkpoint or savepoint holds, in memory and (snapshot_store.h) on disk. Everything is named:
// operators by uid, states by name with the text of their types, so that a snapshot can be read, checked and
// queried without the job.
//
// The rows of a keyed state are a chain of segments, each what one capture took: the first has every row,
// each later one what changed since the one before it. Segments are immutable and shared: snapshots that
// follow one another have most of their segments, in memory or in files, in common.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/named_integer.h"
#include "state/keyed_table.h"

namespace millrace {

class ScratchText;

// How a list is dealt out at restore: Split, each item to one subtask; Union, all items to every subtask.
enum class Redistribution : uint8_t { Split = 0, Union = 1 };

// Bytes that several snapshots may share.
class SharedBytes {
  public:
    SharedBytes() = default;
    explicit SharedBytes(std::string bytes) {
        auto owner = std::make_shared<const std::string>(std::move(bytes));
        view_ = *owner;
        owner_ = std::move(owner);
    }
    SharedBytes(std::shared_ptr<const void> owner, std::string_view view)
        : owner_(std::move(owner)), view_(view) {}
    std::string_view view() const { return view_; }

  private:
    std::shared_ptr<const void> owner_;
    std::string_view view_;
};

// Payload bytes of a snapshot: here (or mapped from a scratch file), or in the file of the segment they
// belong to.
struct SectionData {
    SharedBytes bytes;         // empty if they are in the file
    uint64_t size = 0;         // payload bytes, before compression
    uint64_t offset = 0;       // of the first frame in the file
    uint32_t first_frame = 0;  // its number

    SectionData() = default;
    explicit SectionData(std::string text) : size(text.size()) {
        if (size > 0) bytes = SharedBytes(std::move(text));
    }
    // What was moved to disk, and what comes behind it.
    SectionData(const ScratchText& moved, std::string_view rest);
};

// Of one key group. A segment's erased keys come before its rows: a key may be in both.
struct KeyGroupSection {
    KeyGroup group;
    uint64_t rows = 0;
    uint64_t erased = 0;
    SectionData data;         // per row: time of the last write (int64, if the state has a time to live),
                              // namespace (int64, if namespaced), encodeRow()
    SectionData erased_data;  // per key: namespace (if namespaced), encodeFields() of the key
};

// A file that snapshots share, by whoever has to read it again.
struct StateFile {
    CheckpointId writer;  // the checkpoint for which it was written
    uint32_t number = 0;  // among the files of that checkpoint
    uint64_t bytes = 0;   // its length
    std::string path;
};

struct StateSegment {
    bool full = true;                       // every row; else what changed since the segment before
    std::vector<int64_t> dropped;           // namespaces all of whose earlier rows are gone
    std::vector<KeyGroupSection> groups;    // only those with something, ascending
    std::shared_ptr<const StateFile> file;  // where the bytes are; nullptr: in memory
    uint64_t bytes() const;                 // payload, wherever it is
};

struct KeyedStateSnapshot {
    KeyedStateDescriptor descriptor;
    std::vector<std::shared_ptr<const StateSegment>> segments;  // in the order of capture
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
    uint64_t bytes() const;
    bool complete() const;  // every keyed state's chain begins with all its rows
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
