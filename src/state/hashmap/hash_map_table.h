// The keyed table of the `hashmap` backend: a RowSet a namespace, probed a block of rows at a time so that
// the memory accesses of many keys overlap.
//
// Capturing while rows change. Time is cut into epochs by captures. A row carries the epoch in which it was
// last found to be written; the first time in an epoch it is put on its set's list of changed rows. A capture
// takes the lists (or, a full one, all rows), begins a new epoch, and works the rows off in slices. A row
// that it has not come to yet shows this by its epoch: whoever finds it to write, erases it or drops its
// namespace has it captured first, or keeps its set for the capture.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <vector>

#include "base/clock.h"
#include "state/hashmap/block_pool.h"
#include "state/hashmap/key_probe.h"
#include "state/hashmap/row_set.h"
#include "state/keyed_table.h"
#include "state/state_backend.h"

namespace millrace {

struct TableCapture;

class HashMapTable final : public KeyedTable {
  public:
    // `memory`: of rows, their strings and the index; must outlive the table.
    HashMapTable(KeyedStateDescriptor descriptor, uint32_t max_parallelism,
                 const Clock& clock = systemClock(), MemorySource& memory = heapMemory());
    ~HashMapTable() override;

    void findOrInsert(int64_t name_space, std::span<const ColumnPtr> keys, std::span<const uint64_t> hashes,
                      std::span<const uint32_t> selection, std::vector<std::byte*>& rows,
                      std::vector<uint8_t>* inserted) override;
    void append(int64_t name_space, std::span<const ColumnPtr> keys, std::span<const uint64_t> hashes,
                std::span<const uint32_t> selection, std::vector<std::byte*>& rows) override;
    void find(int64_t name_space, std::span<const ColumnPtr> keys, std::span<const uint64_t> hashes,
              std::span<const uint32_t> selection, std::vector<std::byte*>& rows) override;
    void findToRead(int64_t name_space, std::span<const ColumnPtr> keys, std::span<const uint64_t> hashes,
                    std::span<const uint32_t> selection, std::vector<const std::byte*>& rows) override;
    void touch(int64_t name_space, std::byte* row) override;
    void erase(int64_t name_space, std::byte* row) override;
    void dropNamespace(int64_t name_space) override;

    std::vector<int64_t> namespaces() const override;
    size_t rows(int64_t name_space) const override;
    std::vector<std::byte*> allRows(int64_t name_space) override;
    size_t bytes() const override;
    RowHeap& heap() override { return heap_; }

    // As of StateBackend. advanceCapture reduces `budget` by what it did.
    void beginCapture(CaptureMode mode);
    bool advanceCapture(size_t& budget);
    KeyedStateSnapshot takeCapture();
    bool capturing() const { return capture_ != nullptr; }
    KeyedStateSnapshot capture();  // all at once

    // Adds the rows of the key groups that are `owned`. UserError "snapshot.damaged".
    void restore(const KeyedStateSnapshot& state, const std::function<bool(KeyGroup)>& owned);

    bool expires() const { return ttl_ms_ > 0; }
    bool expire(size_t& rows);  // looks at so many, which it reduces; true at the end of a round

  private:
    class Restoring;

    RowSet* existing(int64_t name_space) const;
    RowSet& made(int64_t name_space);
    void retire(int64_t name_space);  // the set leaves the table, with its rows
    void release(RowSet& set);
    void releaseMemory();  // of rows that are gone
    void locate(const RowSet& set, std::span<const ColumnPtr> keys, std::span<const uint64_t> hashes,
                const uint32_t* selected, size_t count, std::byte** found) const;

    int64_t& lastWrite(std::byte* row) const { return RowLayout::at<int64_t>(row, layout_.rowBytes()); }
    int64_t now() const { return ttl_ms_ > 0 ? clock_.now().value() : 0; }
    bool expired(std::byte* row, int64_t now) const { return ttl_ms_ > 0 && lastWrite(row) <= now - ttl_ms_; }
    void renew(std::byte** found, size_t count, int64_t now, uint8_t* inserted);

    // Sets the key of a row that was just made, and what goes with it.
    void begin(int64_t name_space, RowSet& set, std::byte* row, std::span<const ColumnPtr> keys, size_t index,
               int64_t time);
    // Before a row is written whose epoch is not the current one.
    void markChanged(int64_t name_space, RowSet& set, std::byte* row);
    void note(int64_t name_space, RowSet& set, std::byte* row);
    void noteErased(int64_t name_space, RowSet& set, std::byte* row);
    void stopTracking();
    bool pending(const RowHeader& header) const;
    void encode(int64_t name_space, RowSet& set, std::byte* row);
    bool captureAll(size_t& budget);
    bool captureChanged(size_t& budget);
    bool captureErased(size_t& budget);

    const uint32_t max_parallelism_;
    const size_t key_fields_;
    const int64_t ttl_ms_;
    const Clock& clock_;
    MemorySource& memory_;
    BlockPool pool_;
    RowHeap heap_;
    std::map<int64_t, std::unique_ptr<RowSet>> sets_;
    mutable RowSet* last_set_ = nullptr;  // of last_namespace_, when not nullptr
    mutable int64_t last_namespace_ = 0;
    KeyProbe probe_;
    size_t row_count_ = 0;

    uint32_t epoch_ = 1;
    bool tracking_ = false;  // of changes since the last capture, which the next one can then build on
    size_t tracked_ = 0;
    std::vector<int64_t> changed_namespaces_;
    std::vector<int64_t> dropped_;  // namespaces that captures have
    std::unique_ptr<TableCapture> capture_;
    // Of earlier captures: key groups at most, bytes of a row on average.
    size_t group_count_ = 0;
    size_t last_row_bytes_ = 0;

    int64_t expiry_namespace_ = INT64_MIN;  // where expire() goes on
    RowSet::Cursor expiry_cursor_;
};

}  // namespace millrace
