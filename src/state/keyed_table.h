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
    // So many leading key fields decide the key group, where not all of them do: the rows of one join key,
    // say, which the rest of the key tells apart. Not written to snapshots.
    std::optional<size_t> partition_fields;
    bool operator==(const KeyedStateDescriptor&) const = default;
};

// The hashes of keys as a table of this shape takes them: hashColumns(), with the key group's bits from the
// partition fields alone.
void hashKeys(const KeyedStateDescriptor& descriptor, std::span<const ColumnPtr> keys, size_t rows,
              std::vector<uint64_t>& out);
// The same of one key: `partition` is the hash of the partition fields, `rest` of those behind them.
inline uint64_t hashWithin(uint64_t partition, uint64_t rest) {
    constexpr uint64_t kLower = 0xFFFFFFFF;
    return (partition & ~kLower) | (mixHash(partition + rest * 0x9E3779B97F4A7C15ULL) & kLower);
}

class KeyedTable {
  public:
    virtual ~KeyedTable() = default;
    const KeyedStateDescriptor& descriptor() const { return descriptor_; }
    const RowLayout& layout() const { return layout_; }
    size_t firstValueField() const { return descriptor_.key.size(); }

    // For each row of `selection` (all rows of the columns if it is empty and the columns are not): the state
    // row of its key, inserted if absent. `hashes` are hashKeys() of `keys`, one per row of the columns
    // (not of the selection). Pointers stay valid until the operator's call returns or the row is erased.
    // `inserted`, if given, is set to 1 for the first occurrence of a new key, 0 otherwise.
    virtual void findOrInsert(int64_t name_space, std::span<const ColumnPtr> keys,
                              std::span<const uint64_t> hashes, std::span<const uint32_t> selection,
                              std::vector<std::byte*>& rows, std::vector<uint8_t>* inserted = nullptr) = 0;
    // The same without inserting: nullptr where the key is absent.
    virtual void find(int64_t name_space, std::span<const ColumnPtr> keys, std::span<const uint64_t> hashes,
                      std::span<const uint32_t> selection, std::vector<std::byte*>& rows) = 0;
    virtual void erase(int64_t name_space, std::byte* row) = 0;  // releases what the row owns
    virtual void dropNamespace(int64_t name_space) = 0;          // all its rows at once

    virtual std::vector<int64_t> namespaces() const = 0;  // those with rows, ascending
    virtual size_t rows(int64_t name_space) const = 0;
    virtual std::vector<std::byte*> allRows(
        int64_t name_space) = 0;       // in an order that repeats from run to run
    virtual size_t bytes() const = 0;  // memory held
    virtual RowHeap& heap() = 0;       // of the rows' long strings

  protected:
    explicit KeyedTable(KeyedStateDescriptor descriptor);
    KeyedStateDescriptor descriptor_;
    RowLayout layout_;
};

}  // namespace millrace
