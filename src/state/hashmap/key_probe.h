// Finding the rows of many keys in a RowSet, a block of them at a time, so that their memory accesses
// overlap.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "batch/column.h"
#include "batch/row_layout.h"
#include "state/hashmap/row_set.h"

namespace millrace {

class KeyProbe {
  public:
    // Rows probed together: enough to overlap memory accesses, few enough for the L1 cache.
    static constexpr size_t kBlock = 128;

    // The keys are the first fields of the layout, which must outlive it.
    KeyProbe(const RowLayout& layout, size_t key_fields);

    bool same(const std::byte* row, std::span<const ColumnPtr> keys, size_t index) const;
    // For at most kBlock rows, given by their indices into `keys` and `hashes`: same[i] and found[i] where
    // the first row with the hash's tag has the key; the few others, and the absent, are left to the caller.
    void probe(const RowSet& set, std::span<const ColumnPtr> keys, std::span<const uint64_t> hashes,
               const uint32_t* selected, size_t count, std::byte** found, uint8_t* same) const;

  private:
    const RowLayout& layout_;
    const size_t key_fields_;
    std::vector<std::byte> no_row_;  // stands in for "no candidate", so that comparing needs no branch
};

// The rows to probe for: those of a selection, or, where it is empty, all.
class ProbedRows {
  public:
    ProbedRows(std::span<const uint32_t> selection, size_t rows)
        : selection_(selection), count_(selection.empty() ? rows : selection.size()) {}
    size_t count() const { return count_; }
    const uint32_t* block(size_t first, size_t count);

  private:
    std::span<const uint32_t> selection_;
    size_t count_;
    uint32_t indices_[KeyProbe::kBlock];
};

}  // namespace millrace
