// Keyed state as a table: rows found by key (and, if the state is namespaced, by an int64 namespace such as a
// window's end), each with its value fields. Operators work on it a batch at a time. Rows are partitioned by
// key group, so a snapshot restores at any parallelism (Flink documentation, "Stateful Stream Processing",
// key groups).
//
// A row's layout() has the key's fields first, then the value's. New rows have their key set and every value
// field NULL (all zero). Not thread-safe: one subtask owns it.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/configuration.h"
#include "base/hash.h"
#include "base/named_integer.h"
#include "batch/batch.h"
#include "batch/row_layout.h"

namespace millrace {

// A state's identity and shape; written to snapshots and compared at restore by name, then types.
struct KeyedStateDescriptor {
    std::string name;
    Schema key;  // no fields: one global key
    Schema value;
    bool namespaced = false;  // false: everything lies in namespace 0
    Duration ttl{0};          // 0: never expires (table.exec.state.ttl)
    // How many of the key's fields, from the first on, decide the key group: those by which rows are dealt
    // out to subtasks. By default all.
    size_t routing_fields = SIZE_MAX;
    // Rows can be chained, by link(). Links are memory's alone: in no snapshot, empty after a restore.
    bool linked = false;
    // The user keeps the rows' addresses, in place of looking them up: rows that were appended cannot be
    // found by their keys. Not where rows expire.
    bool in_place = false;
    bool operator==(const KeyedStateDescriptor&) const = default;
};

// The hashes of a table's keys. Without routing fields of its own that is hashColumns(); with them, hashes
// that differ with the whole key and whose key group is that of the routing fields.
void hashKeys(const KeyedStateDescriptor& descriptor, std::span<const ColumnPtr> keys, size_t rows,
              uint32_t max_parallelism, std::vector<uint64_t>& hashes);
// The same of one key: `route` is the hash of the routing fields, `further` of those behind them.
uint64_t hashWithin(uint64_t route, uint64_t further, uint32_t max_parallelism);
// The same of many, given the hashes of the routing fields in `hashes`, and the columns of the others.
void hashFurtherKeys(std::span<const ColumnPtr> others, uint32_t max_parallelism,
                     std::vector<uint64_t>& hashes);
RowLayout layoutOf(const KeyedStateDescriptor& descriptor);

class KeyedTable {
  public:
    virtual ~KeyedTable() = default;
    const KeyedStateDescriptor& descriptor() const { return descriptor_; }
    const RowLayout& layout() const { return layout_; }
    size_t firstValueField() const { return descriptor_.key.size(); }

    // For each row of `selection` (all rows of the columns if it is empty and the columns are not): the state
    // row of its key, inserted if absent. `hashes` are hashKeys() of `keys`, one per row of the columns (not
    // of the selection). Rows never move: pointers stay valid until the row is erased, or may have expired.
    // `inserted`, if given, is set to 1 for the first occurrence of a new key, 0 otherwise.
    //
    // The rows are found to be written: they are part of the next incremental checkpoint, and their time to
    // live begins anew. A row whose time is over counts as absent, here and below.
    virtual void findOrInsert(int64_t name_space, std::span<const ColumnPtr> keys,
                              std::span<const uint64_t> hashes, std::span<const uint32_t> selection,
                              std::vector<std::byte*>& rows, std::vector<uint8_t>* inserted = nullptr) = 0;
    // Of a linked table or one in place: inserts rows that findOrInsert() and its like need not find; they
    // are reached by links, their addresses, and allRows(). No row of a linked table is erased but with its
    // namespace. There must be no rows of these keys. `hashes` need only have the key groups.
    virtual void append(int64_t name_space, std::span<const ColumnPtr> keys, std::span<const uint64_t> hashes,
                        std::span<const uint32_t> selection, std::vector<std::byte*>& rows) = 0;
    // The same without inserting: nullptr where the key is absent.
    virtual void find(int64_t name_space, std::span<const ColumnPtr> keys, std::span<const uint64_t> hashes,
                      std::span<const uint32_t> selection, std::vector<std::byte*>& rows) = 0;
    // The same only to read them: cheaper, and no change.
    virtual void findToRead(int64_t name_space, std::span<const ColumnPtr> keys,
                            std::span<const uint64_t> hashes, std::span<const uint32_t> selection,
                            std::vector<const std::byte*>& rows) = 0;
    // Before a row that was not found to be written (one of allRows()) is written.
    virtual void touch(int64_t name_space, std::byte* row) = 0;
    virtual void erase(int64_t name_space, std::byte* row) = 0;  // releases what the row owns
    virtual void dropNamespace(int64_t name_space) = 0;          // all its rows at once

    virtual std::vector<int64_t> namespaces() const = 0;  // those with rows, ascending
    virtual size_t rows(int64_t name_space) const = 0;
    // In an order that repeats from run to run. To read or to erase; to write, touch() comes first.
    virtual std::vector<std::byte*> allRows(int64_t name_space) = 0;
    virtual size_t bytes() const = 0;  // memory held
    virtual RowHeap& heap() = 0;       // of the rows' long strings

    // Of a linked table: what a row is chained to, nullptr at first. Setting it is no change of the state.
    std::byte*& link(std::byte* row) const { return RowLayout::at<std::byte*>(row, link_offset_); }

  protected:
    explicit KeyedTable(KeyedStateDescriptor descriptor);
    KeyedStateDescriptor descriptor_;
    RowLayout layout_;
    uint32_t link_offset_;  // behind the fields, and the time of the last write where rows expire
};

}  // namespace millrace
