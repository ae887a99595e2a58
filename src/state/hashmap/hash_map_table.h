// The keyed table of the `hashmap` backend: a RowSet a namespace, probed a block of rows at a time so that
// the memory accesses of many keys overlap.
#pragma once

#include <map>
#include <memory>
#include <vector>

#include "state/hashmap/block_pool.h"
#include "state/hashmap/row_set.h"
#include "state/keyed_table.h"
#include "state/snapshot.h"

namespace millrace {

class HashMapTable final : public KeyedTable {
  public:
    HashMapTable(KeyedStateDescriptor descriptor, uint32_t max_parallelism);
    ~HashMapTable() override;

    void findOrInsert(int64_t name_space, std::span<const ColumnPtr> keys, std::span<const uint64_t> hashes,
                      std::span<const uint32_t> selection, std::vector<std::byte*>& rows,
                      std::vector<uint8_t>* inserted) override;
    void find(int64_t name_space, std::span<const ColumnPtr> keys, std::span<const uint64_t> hashes,
              std::span<const uint32_t> selection, std::vector<std::byte*>& rows) override;
    void erase(int64_t name_space, std::byte* row) override;
    void dropNamespace(int64_t name_space) override;

    std::vector<int64_t> namespaces() const override;
    size_t rows(int64_t name_space) const override;
    std::vector<std::byte*> allRows(int64_t name_space) override;
    size_t bytes() const override;
    RowHeap& heap() override { return heap_; }

    KeyedStateSnapshot capture() const;
    // Adds the rows of one section; its group must be one this subtask owns. UserError "snapshot.damaged".
    void restore(const KeyGroupSection& section);

  private:
    RowSet* existing(int64_t name_space) const;
    RowSet& made(int64_t name_space);
    void forget(int64_t name_space);
    bool sameKey(const std::byte* row, std::span<const ColumnPtr> keys, size_t index) const;
    void probe(const RowSet& set, std::span<const ColumnPtr> keys, std::span<const uint64_t> hashes,
               const uint32_t* selected, size_t count, std::byte** found, uint8_t* same) const;

    const uint32_t max_parallelism_;
    const size_t key_fields_;
    BlockPool pool_;
    RowHeap heap_;
    std::map<int64_t, std::unique_ptr<RowSet>> sets_;
    mutable RowSet* last_set_ = nullptr;  // of last_namespace_, when not nullptr
    mutable int64_t last_namespace_ = 0;
    std::vector<std::byte> no_row_;  // stands in for "no candidate", so that comparing needs no branch
};

}  // namespace millrace
