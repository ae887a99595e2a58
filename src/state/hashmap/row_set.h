// The rows of one namespace: an open-addressing index of 64-bit hashes (power of two, linear probing) over
// rows that never move.
//
// A slot is one word: the hash's upper 16 bits as a tag, and the row's 48-bit address; 0 is empty. A row is
// preceded by a RowHeader and lies in a block of the table's BlockPool; erased rows wait in their block's
// free list, and a block without rows can be given back. Rows are visited in the order they were inserted,
// except that a new row may take an erased one's place: so the order follows from the sequence of calls and
// repeats from run to run.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "state/hashmap/block_pool.h"

namespace millrace {

struct RowHeader {
    union {
        uint64_t hash;         // of the key, while live
        std::byte* next_free;  // while not
    };
    uint32_t changed;     // the epoch of the table in which it was last found to be written, or captured
    uint32_t block : 29;  // of the set's, where it lies
    uint32_t indexed : 1;
    uint32_t live : 1;
    uint32_t captured : 1;  // some capture has it
};
static_assert(sizeof(RowHeader) == 16);

class RowSet {
  public:
    RowSet(BlockPool& pool, size_t row_bytes);
    ~RowSet();  // gives the blocks back; what rows own must have been released
    RowSet(const RowSet&) = delete;
    RowSet& operator=(const RowSet&) = delete;

    static RowHeader& header(std::byte* row) {
        return *reinterpret_cast<RowHeader*>(row - sizeof(RowHeader));
    }

    // What changed since the last capture.
    struct Changes {
        std::vector<std::byte*> rows;  // each once, but some have been erased since, and some of those reused
        std::string erased;            // keys of captured rows: u16 key group, u32 length, bytes
        bool listed = false;           // in the table's list of changed namespaces
    };
    Changes changes;
    bool any_captured = false;  // some capture has rows of it
    bool in_capture = false;    // the capture under way still has to visit it

    // The row is on a list of changed rows in this epoch, so its block has to stay.
    void noteListed(std::byte* row, uint32_t epoch) { blocks_[header(row).block].listed = epoch; }
    // Gives back blocks without rows, except those with rows on a list of this epoch, and shrinks the index.
    // Not while a capture has to visit it.
    void releaseEmptyBlocks(uint32_t listed_epoch);

    size_t size() const { return size_; }
    void reserve(size_t rows);  // in the index
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
    // The same, but the row that is there already, if there is one: then `row` stays out of the index.
    template <class Same>
    std::byte* indexUnlessThere(std::byte* row, uint64_t hash, Same&& same) {
        growFor(indexed_ + 1);
        const uint64_t tag = tagOf(hash);
        uint64_t at = hash & mask();
        for (; slots_[at] != 0; at = (at + 1) & mask()) {
            if (tagOf(slots_[at]) == tag && same(rowOf(slots_[at]))) return rowOf(slots_[at]);
        }
        header(row).hash = hash;
        header(row).indexed = 1;
        slots_[at] = tag | reinterpret_cast<uintptr_t>(row);
        ++indexed_;
        return nullptr;
    }
    std::byte* insert(uint64_t hash) {
        std::byte* row = allocate();
        index(row, hash);
        return row;
    }
    void erase(std::byte* row);     // released by the caller; it may be in the index
    void giveBack(std::byte* row);  // one that is not, likewise

    template <class F>
    void forEach(F&& f) const {
        Cursor cursor;
        size_t budget = SIZE_MAX;
        visit(cursor, end(), budget, f);
    }
    // The same in pieces: at most `budget` places, which it is reduced by, from `cursor` on and before `end`.
    // False once there are no more.
    struct Cursor {
        size_t block = 0;
        size_t row = 0;
    };
    Cursor end() const { return {blocks_.size(), 0}; }
    template <class F>
    bool visit(Cursor& cursor, const Cursor& end, size_t& budget, F&& f) const {
        for (; cursor.block < end.block; ++cursor.block, cursor.row = 0) {
            const Block& block = blocks_[cursor.block];
            if (block.data == nullptr) continue;
            std::byte* row = block.data + cursor.row * stride_ + sizeof(RowHeader);
            for (; cursor.row < block.used; ++cursor.row, row += stride_) {
                if (budget == 0) return true;
                --budget;
                if (header(row).live != 0) f(row);
            }
        }
        return false;
    }

  private:
    static constexpr uint64_t kAddress = (uint64_t{1} << 48) - 1;
    static constexpr size_t kFirstSlots = BlockPool::kSmallest / sizeof(uint64_t);

    struct Block {
        std::byte* data = nullptr;  // nullptr: given back, its number is free
        size_t bytes = 0;
        uint32_t rows = 0;  // that fit
        uint32_t used = 0;
        uint32_t live = 0;
        uint32_t listed = 0;  // the last epoch in which a row of it was put on a list
        std::byte* free = nullptr;
    };

    void addBlock();
    void growFor(size_t indexed) {
        if (indexed * 8 > capacity_ * 5) grow();
    }
    void grow();
    void resizeIndex(size_t capacity);
    void place(std::byte* row, uint64_t hash);

    BlockPool& pool_;
    size_t row_bytes_;
    size_t stride_;
    uint64_t* slots_;
    size_t capacity_ = kFirstSlots;
    size_t indexed_ = 0;
    size_t size_ = 0;
    std::vector<Block> blocks_;
    uint32_t filling_ = UINT32_MAX;  // the block made last
    size_t last_block_bytes_ = 0;
    std::vector<uint32_t> with_free_rows_;  // blocks
    std::vector<uint32_t> given_back_;      // numbers of blocks
    size_t empty_blocks_ = 0;
};

}  // namespace millrace
