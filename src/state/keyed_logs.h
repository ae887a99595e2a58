// Keyed state that only grows: rows are added under a key and are never changed or taken away, as the rows
// that an inner join keeps of input that only inserts. Each log holds any number of rows a key; several logs
// can share one index of keys, so that the two inputs of a join find the rows of both with one probe.
//
// A key's rows lie in runs, which are chained, newest first. A row has no index entry of its own, no copy of
// its key and no bookkeeping of changes: what came since the last capture is the log's end. Capturing it
// needs no care for rows that are written meanwhile, for none is.
//
// In snapshots a log is keyed state like any other, keyed by the key and a BIGINT "number" that ascends with
// the order in which the key's rows came; its first value is a BIGINT "size" that is NULL
// (docs/formats/snapshot.md, "Rows that only come"). Not thread-safe: one subtask owns it; but strings that
// were loaded stay valid wherever the column goes.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/named_integer.h"
#include "batch/batch.h"
#include "state/hashmap/log_memory.h"
#include "state/keyed_table.h"
#include "state/log_layout.h"
#include "state/snapshot.h"
#include "state/state_backend.h"

namespace millrace {

struct KeyedLogDescriptor {
    std::string name;
    Schema key;             // decides the key group
    Schema value;           // of a row
    size_t note_bytes = 0;  // beside each key, for who uses the log: see KeyedLogs::note()
    // What snapshots say of it.
    KeyedStateDescriptor state() const;
    bool operator==(const KeyedLogDescriptor&) const = default;
};

class RowSet;
class BlockPool;
class KeyProbe;

class KeyedLogs {
  public:
    static constexpr size_t kRunBytes = 8;  // of a run of rows, beside them

    // At least one; their keys are of the same physical types.
    KeyedLogs(std::vector<KeyedLogDescriptor> logs, uint32_t max_parallelism,
              std::shared_ptr<MemorySource> memory);
    ~KeyedLogs();
    KeyedLogs(const KeyedLogs&) = delete;
    KeyedLogs& operator=(const KeyedLogs&) = delete;

    size_t count() const { return logs_.size(); }
    const KeyedLogDescriptor& descriptor(size_t log) const { return logs_[log].descriptor; }
    const LogLayout& layout(size_t log) const { return logs_[log].layout; }

    // For each row of `selection` (all, if it is empty) its key's entry, nullptr where there is none.
    // `hashes` are hashColumns() of `keys`, one a row of the columns. Entries stay where they are.
    void find(std::span<const ColumnPtr> keys, std::span<const uint64_t> hashes,
              std::span<const uint32_t> selection, std::vector<std::byte*>& entries);
    // The same, made where there was none.
    void findOrInsert(std::span<const ColumnPtr> keys, std::span<const uint64_t> hashes,
                      std::span<const uint32_t> selection, std::vector<std::byte*>& entries);
    // How many rows of a log an entry's key has.
    uint32_t size(const std::byte* entry, size_t log) const {
        return RowLayout::at<uint32_t>(entry, countOffset(log));
    }

    // Memory beside an entry for what its user wants to remember of the key: as much as the descriptors say
    // together, a multiple of 8 bytes, zero at first, in no snapshot.
    std::byte* note(std::byte* entry) const { return entry + note_offset_; }

    // Adds the selected rows of `columns` (those of the log's value) to the keys of `entries`, one a row.
    // Rows of a key that follow one another take less memory, and less time when they are met.
    void append(size_t log, std::span<std::byte* const> entries, std::span<const ColumnPtr> columns,
                std::span<const uint32_t> selection);
    // All rows of the keys of these entries, one key after the other, each key's in the order they came.
    void collect(size_t log, std::span<std::byte* const> entries, std::vector<std::byte*>& rows);
    // Fields of the log's value, of some of its rows.
    std::vector<ColumnPtr> load(size_t log, std::span<const size_t> fields,
                                std::span<std::byte* const> rows) const;
    ColumnPtr loadKey(size_t log, size_t field, std::span<std::byte* const> rows) const;
    std::byte* nothing(size_t log) { return logs_[log].nothing.data(); }  // a row of NULLs, to load

    size_t rows(size_t log) const { return static_cast<size_t>(logs_[log].memory->end().number); }
    size_t bytes() const;  // memory held

    // As of StateBackend. advanceCapture reduces `budget` by what it did.
    void beginCapture(CaptureMode mode);
    bool advanceCapture(size_t& budget);
    KeyedStateSnapshot takeCapture(size_t log);  // of each log, once advanceCapture() was true
    // Adds the rows of the key groups that are `owned`. UserError "snapshot.damaged".
    void restore(size_t log, const KeyedStateSnapshot& state, const std::function<bool(KeyGroup)>& owned);

  private:
    class Restoring;
    struct Capture;  // of a log, under way

    struct Log {
        KeyedLogDescriptor descriptor;
        LogLayout layout;
        std::shared_ptr<LogMemory> memory;
        std::vector<std::byte> nothing;
        std::unique_ptr<Capture> capture;
        bool tracking;  // there is a capture that the next one can build on, up to `captured`
        LogMemory::Place captured;
        size_t captured_row_bytes;  // on average; 0: none yet
    };

    std::byte*& newest(std::byte* entry, size_t log) const {
        return RowLayout::at<std::byte*>(entry,
                                         newest_offset_ + static_cast<uint32_t>(log * sizeof(std::byte*)));
    }
    uint32_t countOffset(size_t log) const {
        return counts_offset_ + static_cast<uint32_t>(log * sizeof(uint32_t));
    }
    void look(std::span<const ColumnPtr> keys, std::span<const uint64_t> hashes,
              std::span<const uint32_t> selection, std::vector<std::byte*>& entries, bool insert);
    // Spends on rows that are long; returns what it has.
    LogMemory::Extent captureRun(Log& log, const std::byte* run, int64_t number, size_t& budget);

    const uint32_t max_parallelism_;
    const size_t key_fields_;
    std::shared_ptr<MemorySource> memory_;
    RowLayout key_layout_;
    std::unique_ptr<BlockPool> pool_;
    RowHeap heap_;                   // of long strings in keys
    std::unique_ptr<RowSet> index_;  // entries: the key, each log's newest run, its number of rows; a note
    std::unique_ptr<KeyProbe> probe_;
    uint32_t newest_offset_;
    uint32_t counts_offset_;
    uint32_t note_offset_;
    std::vector<std::byte> no_entry_;  // all NULL
    std::vector<Log> logs_;

    struct Cursor {
        std::byte* run;
        size_t end;     // of its rows' places
        uint32_t left;  // rows of the key
    };
    // Scratch.
    std::vector<Cursor> cursors_;
    std::vector<uint32_t> row_bytes_;
    std::vector<std::byte*> rows_;
};

}  // namespace millrace
