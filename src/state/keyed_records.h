// Keyed state whose rows their user finds by their addresses, and that are written whole: rows are added, and
// rows take the place of others, as those do that AppendRank keeps. There is no index, and a row with its
// strings is one piece of memory (state/log_layout.h), as long as it has to be; a row that takes another's
// place takes its memory too where it fits, else what some row of its length has left.
//
// A row's header, in place of what a log has there:
//   4 bytes   the epoch in which the row was written, or that of the capture that has it
//   2 bytes   1 while the row lives
//   2 bytes   NULLs
//   8 bytes   its number
//
// In snapshots it is keyed state like any other, keyed by numbers (state/row_numbers.h), which are given
// here. It is captured as a table is (state/hashmap/hash_map_table.h): what came since the last capture is
// the memory's end and a list of rows that lie elsewhere. Not thread-safe: one subtask owns it; but strings
// that were loaded stay as they are wherever the column goes.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/named_integer.h"
#include "batch/column.h"
#include "batch/loans.h"
#include "state/hashmap/log_memory.h"
#include "state/keyed_table.h"
#include "state/log_layout.h"
#include "state/row_numbers.h"
#include "state/snapshot.h"
#include "state/state_backend.h"

namespace millrace {

struct KeyedRecordsDescriptor {
    std::string name;
    Schema value;
    KeyedStateDescriptor state() const;  // what snapshots say of it
    bool operator==(const KeyedRecordsDescriptor&) const = default;
};

class KeyedRecords {
  public:
    KeyedRecords(KeyedRecordsDescriptor descriptor, uint32_t max_parallelism,
                 std::shared_ptr<MemorySource> memory);
    ~KeyedRecords();
    KeyedRecords(const KeyedRecords&) = delete;
    KeyedRecords& operator=(const KeyedRecords&) = delete;

    const KeyedRecordsDescriptor& descriptor() const { return descriptor_; }
    const LogLayout& layout() const { return layout_; }

    // Writes the selected rows of `columns` (those of the value). rows[i] is the row whose place one takes,
    // which is gone then, or nullptr for one more, which is of the key group groups[i]; it becomes the
    // address of the new row.
    void write(std::span<const ColumnPtr> columns, std::span<const uint32_t> selection,
               std::span<const KeyGroup> groups, std::span<std::byte*> rows);
    // Fields of the value.
    std::vector<ColumnPtr> load(std::span<const size_t> fields, std::span<std::byte* const> rows);
    // Of each new row larger than of those before it of its key group; a row has that of the one whose place
    // it took.
    static int64_t numberOf(const std::byte* row);

    std::vector<std::byte*> all() const;  // in an order that repeats from run to run
    size_t rows() const { return rows_; }
    size_t bytes() const;  // memory held

    // As of StateBackend. advanceCapture reduces `budget` by what it did.
    void beginCapture(CaptureMode mode);
    bool advanceCapture(size_t& budget);
    KeyedStateSnapshot takeCapture();
    // Adds the rows of the key groups that are `owned`. UserError "snapshot.damaged".
    void restore(const KeyedStateSnapshot& state, const std::function<bool(KeyGroup)>& owned);

  private:
    struct Capture;

    void write(std::span<const ColumnPtr> columns, std::span<const uint32_t> selection,
               std::span<const int64_t> numbers, std::span<std::byte*> rows);
    std::byte* allocate(size_t bytes);
    size_t reservedBytes(const std::byte* row) const;
    void free(std::byte* row);
    void recycle(std::byte* row);
    void recycleReleased();
    bool pending(const std::byte* row) const;
    size_t capture(std::byte* row);  // the bytes it took
    void stopTracking();

    const KeyedRecordsDescriptor descriptor_;
    const uint32_t max_parallelism_;
    std::shared_ptr<MemorySource> source_;
    LogLayout layout_;
    std::shared_ptr<LogMemory> memory_;
    RowNumbers numbers_;
    size_t rows_ = 0;
    std::vector<std::byte*> free_;  // of each size class, the first of a list
    Loans<std::byte*> loans_;

    uint32_t epoch_ = 1;
    bool tracking_ = false;              // there is a capture that the next one can build on
    LogMemory::Place captured_;          // what lies before it was there when that began
    std::vector<std::byte*> rewritten_;  // rows since then in memory before it, and others; each once
    size_t captured_row_bytes_ = 0;      // on average; 0: none yet
    std::unique_ptr<Capture> capture_;
    // Scratch.
    std::vector<uint32_t> row_bytes_;
    std::vector<int64_t> given_;
};

}  // namespace millrace
