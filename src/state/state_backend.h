// All the state of one operator in one subtask: keyed tables, logs, bits and records, and lists, made on
// first use, captured at a barrier, restored before the first record. Where it lies is chosen per job
// (`state.backend.type`): `hashmap` keeps everything in memory; `rocksdb` moves to a local disk what does not
// fit (state/spilling_memory.h). Snapshots are the same.
//
// A capture is begun at the barrier, which costs next to nothing, and carried on between the operator's calls
// a slice at a time. Whoever writes to a row that is still to be captured finds it captured first: so what is
// captured is the state at the barrier.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "state/keyed_table.h"
#include "state/snapshot.h"

namespace millrace {

class KeyedLogs;  // state/keyed_logs.h
struct KeyedLogDescriptor;
class KeyedBits;  // state/keyed_bits.h
struct KeyedBitsDescriptor;
class KeyedRecords;  // state/keyed_records.h
struct KeyedRecordsDescriptor;

enum class CaptureMode : uint8_t {
    Full,         // every row
    Incremental,  // what changed since the last capture, if that was incremental; else every row
};

class StateBackend {
  public:
    virtual ~StateBackend() = default;
    // The table of that name; restored rows are already in it. UserError "state.incompatible" if the snapshot
    // holds a state of that name with other types: it names operator, state and what changed.
    virtual KeyedTable& table(const KeyedStateDescriptor& descriptor) = 0;
    // State that only grows, likewise: logs that share an index of keys. One log is asked for in one way
    // only.
    virtual KeyedLogs& logs(const std::vector<KeyedLogDescriptor>& descriptors) = 0;
    // Operator (non-keyed) state: a list of byte strings, redistributed at restore as `redistribution` says.
    virtual std::vector<std::string>& list(const std::string& name, Redistribution redistribution) = 0;

    // What a checkpoint keeps, fixed at the barrier; one capture at a time. Incremental ones build on one
    // another: none may be lost, though the checkpoint it was for may fail.
    virtual void beginCapture(CaptureMode mode) = 0;
    // Captures about so many rows more; true once all are.
    virtual bool advanceCapture(size_t rows) = 0;
    virtual bool capturing() const = 0;
    // Once all are: the result is immutable and is written by another thread.
    virtual OperatorSnapshot takeCapture() = 0;
    // Everything at once.
    OperatorSnapshot capture() {
        beginCapture(CaptureMode::Full);
        while (!advanceCapture(SIZE_MAX)) {
        }
        return takeCapture();
    }

    // Between the operator's calls: removes rows whose time to live is over. `rows` bounds how many are
    // looked at. True once all have been; the next call begins a new round.
    virtual bool expire(size_t rows) = 0;
    virtual Duration shortestTtl() const = 0;  // of a state; 0: none has one
    // Between the operator's calls: where the job's state takes more memory than it may, and may lie on disk,
    // some of it is moved there.
    virtual void relieve() = 0;
    virtual size_t bytes() const = 0;
    // Bits that are only ever set; as table().
    virtual KeyedBits& bits(const KeyedBitsDescriptor& descriptor) = 0;
    // Rows that their user finds by their addresses; as table().
    virtual KeyedRecords& records(const KeyedRecordsDescriptor& descriptor) = 0;
};

class SpillBudget;  // state/spilling_memory.h

// `restored` are the snapshots of this operator of every former subtask (empty: start empty); the backend
// takes the key groups [owned by `subtask` at `parallelism`] and its share of the lists.
struct StateBackendParameters {
    std::string operator_uid;
    std::string operator_name;
    SlotIndex subtask;
    uint32_t parallelism = 1;
    uint32_t max_parallelism = 128;
    std::vector<std::shared_ptr<const OperatorSnapshot>> restored;
    const Clock* clock = &systemClock();  // of times to live; must outlive the backend
    std::shared_ptr<SpillBudget> spill;   // of the job, if its state may lie on disk
};
std::unique_ptr<StateBackend> makeHashMapStateBackend(const StateBackendParameters& parameters);

}  // namespace millrace
