#include "state/hashmap/row_set.h"

#include <algorithm>
#include <bit>

#include "base/error.h"

namespace millrace {

namespace {
constexpr size_t kLargestBlock = BlockPool::kHugePage;
constexpr size_t kQuadrupleBelow = size_t{1} << 16;  // slots: small tables grow in longer steps
}  // namespace

RowSet::RowSet(BlockPool& pool, size_t row_bytes)
    : pool_(pool), row_bytes_(row_bytes), stride_((sizeof(RowHeader) + row_bytes + 7) / 8 * 8) {
    slots_ = reinterpret_cast<uint64_t*>(pool_.take(capacity_ * sizeof(uint64_t)));
    std::memset(slots_, 0, capacity_ * sizeof(uint64_t));
}

RowSet::~RowSet() {
    pool_.give(reinterpret_cast<std::byte*>(slots_), capacity_ * sizeof(uint64_t));
    for (const Block& block : blocks_)
        pool_.give(block.data, block.bytes);
}

std::byte* RowSet::allocate() {
    std::byte* row = free_rows_;
    if (row != nullptr) {
        free_rows_ = header(row).next_free;
    } else {
        if (blocks_.empty() || blocks_.back().used == blocks_.back().rows) addBlock();
        Block& block = blocks_.back();
        row = block.data + block.used++ * stride_ + sizeof(RowHeader);
    }
    header(row) = {{0}, 0, 1, 0};
    std::memset(row, 0, row_bytes_);
    ++size_;
    return row;
}

void RowSet::addBlock() {
    const size_t last = blocks_.empty() ? 0 : blocks_.back().bytes;
    const size_t wanted = std::clamp(last * 2, BlockPool::kSmallest, kLargestBlock);
    const size_t bytes = std::max(wanted, std::bit_ceil(stride_));
    blocks_.push_back({nullptr, bytes, bytes / stride_, 0});
    try {
        blocks_.back().data = pool_.take(bytes);
    } catch (...) {
        blocks_.pop_back();
        throw;
    }
}

void RowSet::index(std::byte* row, uint64_t hash) {
    growFor(indexed_ + 1);
    header(row).hash = hash;
    place(row, hash);
    ++indexed_;
}

void RowSet::place(std::byte* row, uint64_t hash) {
    uint64_t at = hash & mask();
    while (slots_[at] != 0)
        at = (at + 1) & mask();
    slots_[at] = tagOf(hash) | reinterpret_cast<uintptr_t>(row);
}

void RowSet::reserve(size_t rows) {
    const size_t wanted = std::bit_ceil(rows / 5 * 8 + 16);
    if (wanted > capacity_) growIndex(wanted);
}

void RowSet::grow() { growIndex(capacity_ < kQuadrupleBelow ? capacity_ * 4 : capacity_ * 2); }

void RowSet::growIndex(size_t capacity) {
    uint64_t* slots = reinterpret_cast<uint64_t*>(pool_.take(capacity * sizeof(uint64_t)));
    std::memset(slots, 0, capacity * sizeof(uint64_t));
    const uint64_t* former = slots_;
    const size_t former_capacity = capacity_;
    slots_ = slots;
    capacity_ = capacity;
    // The hashes stand before the rows: fetch them a little ahead.
    constexpr size_t kAhead = 16;
    for (size_t at = 0; at < former_capacity; ++at) {
        if (at + kAhead < former_capacity && former[at + kAhead] != 0) {
            __builtin_prefetch(&header(rowOf(former[at + kAhead])));
        }
        if (former[at] != 0) place(rowOf(former[at]), header(rowOf(former[at])).hash);
    }
    pool_.give(reinterpret_cast<std::byte*>(const_cast<uint64_t*>(former)),
               former_capacity * sizeof(uint64_t));
}

void RowSet::erase(std::byte* row) {
    const uint64_t hash = header(row).hash;
    const uint64_t wanted = tagOf(hash) | reinterpret_cast<uintptr_t>(row);
    uint64_t hole = hash & mask();
    while (slots_[hole] != wanted) {
        MILLRACE_CHECK(slots_[hole] != 0, "erasing a row that is not in the table");
        hole = (hole + 1) & mask();
    }
    // Moves later rows of the run back, so that no marker of the erased one is needed.
    for (uint64_t at = (hole + 1) & mask(); slots_[at] != 0; at = (at + 1) & mask()) {
        const uint64_t home = header(rowOf(slots_[at])).hash & mask();
        if (((at - home) & mask()) >= ((at - hole) & mask())) {
            slots_[hole] = slots_[at];
            hole = at;
        }
    }
    slots_[hole] = 0;
    --indexed_;
    giveBack(row);
}

void RowSet::giveBack(std::byte* row) {
    --size_;
    header(row).live = 0;
    header(row).next_free = free_rows_;
    free_rows_ = row;
}

}  // namespace millrace
