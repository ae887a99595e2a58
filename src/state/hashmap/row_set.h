// The rows of one namespace: an open-addressing index of 64-bit hashes (power of two, linear probing) over
// rows that never move.
//
// A slot is one word: the hash's upper 16 bits as a tag, and the row's 48-bit address; 0 is empty. A row is
// preceded by a RowHeader and lies in a block of the table's BlockPool; erased rows wait in a free list. Rows
// are visited in the order they were inserted, except that a new row may take an erased one's place: so the
// order follows from the sequence of calls and repeats from run to run.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

#include "state/hashmap/block_pool.h"

namespace millrace {

struct RowHeader {
    union {
        uint64_t hash;         // of the key, while live
        std::byte* next_free;  // while not
    };
    uint64_t live;
};

class RowSet {
  public:
    RowSet(BlockPool& pool, size_t row_bytes);
    ~RowSet();  // gives the blocks back; what rows own must have been released
    RowSet(const RowSet&) = delete;
    RowSet& operator=(const RowSet&) = delete;

    static RowHeader& header(std::byte* row) {
        return *reinterpret_cast<RowHeader*>(row - sizeof(RowHeader));
    }

    size_t size() const { return size_; }
    const uint64_t* slots() const { return slots_; }
    uint64_t mask() const { return capacity_ - 1; }
    static uint64_t tagOf(uint64_t hash) { return hash & ~kAddress; }
    static std::byte* rowOf(uint64_t slot) { return reinterpret_cast<std::byte*>(slot & kAddress); }

    void prefetch(uint64_t hash) const { __builtin_prefetch(&slots_[hash & mask()], 1); }

    // The first row at or after `hash`'s home for which `same(row)`, among those with its tag; else nullptr.
    template <class Same>
    std::byte* find(uint64_t hash, Same&& same) const {
        const uint64_t tag = tagOf(hash);
        for (uint64_t at = hash & mask();; at = (at + 1) & mask()) {
            const uint64_t slot = slots_[at];
            if (slot == 0) return nullptr;
            if (tagOf(slot) == tag && same(rowOf(slot))) return rowOf(slot);
        }
    }

    std::byte* allocate();                      // a live row, all zero, not in the index yet
    void index(std::byte* row, uint64_t hash);  // there must be no row of that key
    std::byte* insert(uint64_t hash) {
        std::byte* row = allocate();
        index(row, hash);
        return row;
    }
    void erase(std::byte* row);  // an indexed row, released by the caller

    template <class F>
    void forEach(F&& f) const {
        for (const Block& block : blocks_) {
            std::byte* row = block.data + sizeof(RowHeader);
            for (size_t i = 0; i < block.used; ++i, row += stride_) {
                if (header(row).live != 0) f(row);
            }
        }
    }

  private:
    static constexpr uint64_t kAddress = (uint64_t{1} << 48) - 1;
    static constexpr size_t kFirstSlots = BlockPool::kSmallest / sizeof(uint64_t);

    struct Block {
        std::byte* data;
        size_t bytes;
        size_t rows;  // that fit
        size_t used;
    };

    void addBlock();
    void growIndex();
    void place(std::byte* row, uint64_t hash);

    BlockPool& pool_;
    size_t row_bytes_;
    size_t stride_;
    uint64_t* slots_;
    size_t capacity_ = kFirstSlots;
    size_t indexed_ = 0;
    size_t size_ = 0;
    std::vector<Block> blocks_;
    std::byte* free_rows_ = nullptr;
};

}  // namespace millrace
