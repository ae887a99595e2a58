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
    for (const Block& block : blocks_) {
        if (block.data != nullptr) pool_.give(block.data, block.bytes);
    }
}

std::byte* RowSet::allocate() {
    std::byte* row = nullptr;
    uint32_t number = filling_;
    if (!with_free_rows_.empty()) {
        number = with_free_rows_.back();
        Block& block = blocks_[number];
        row = block.free;
        block.free = header(row).next_free;
        if (block.free == nullptr) with_free_rows_.pop_back();
    } else {
        if (filling_ == UINT32_MAX || blocks_[filling_].used == blocks_[filling_].rows) addBlock();
        number = filling_;
        Block& block = blocks_[number];
        row = block.data + block.used++ * stride_ + sizeof(RowHeader);
    }
    if (blocks_[number].live++ == 0) --empty_blocks_;
    RowHeader& made = header(row);
    made.hash = 0;
    made.changed = 0;
    made.block = number;
    made.indexed = 0;
    made.live = 1;
    made.captured = 0;
    std::memset(row, 0, row_bytes_);
    ++size_;
    return row;
}

void RowSet::addBlock() {
    const size_t wanted = std::clamp(last_block_bytes_ * 2, BlockPool::kSmallest, kLargestBlock);
    const size_t bytes = std::max(wanted, std::bit_ceil(stride_));
    Block block;
    block.bytes = bytes;
    block.rows = static_cast<uint32_t>(bytes / stride_);
    auto number = static_cast<uint32_t>(blocks_.size());
    if (given_back_.empty()) {
        MILLRACE_CHECK(number < (1U << 29), "too many blocks of rows");
        blocks_.emplace_back();
    } else {
        number = given_back_.back();
    }
    block.data = pool_.take(bytes);
    if (!given_back_.empty()) given_back_.pop_back();
    blocks_[number] = block;
    filling_ = number;
    last_block_bytes_ = bytes;
    ++empty_blocks_;
}

void RowSet::releaseEmptyBlocks(uint32_t listed_epoch) {
    constexpr size_t kIndexKept = 4096;
    if (capacity_ > kIndexKept && indexed_ * 16 < capacity_) {
        resizeIndex(std::max(kIndexKept, std::bit_ceil(indexed_ * 4)));
    }
    if (empty_blocks_ == 0) return;
    for (uint32_t number = 0; number < blocks_.size(); ++number) {
        Block& block = blocks_[number];
        if (block.data == nullptr || block.live > 0 || block.listed == listed_epoch) continue;
        pool_.give(block.data, block.bytes);
        block = {};
        given_back_.push_back(number);
        if (filling_ == number) filling_ = UINT32_MAX;
        --empty_blocks_;
    }
    std::erase_if(with_free_rows_, [&](uint32_t number) { return blocks_[number].data == nullptr; });
    if (size_ == 0) last_block_bytes_ = 0;  // it begins small again
}

void RowSet::index(std::byte* row, uint64_t hash) {
    growFor(indexed_ + 1);
    header(row).hash = hash;
    header(row).indexed = 1;
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
    if (wanted > capacity_) resizeIndex(wanted);
}

void RowSet::grow() { resizeIndex(capacity_ < kQuadrupleBelow ? capacity_ * 4 : capacity_ * 2); }

void RowSet::resizeIndex(size_t capacity) {
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
    if (header(row).indexed == 0) return giveBack(row);
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
    RowHeader& gone = header(row);
    const uint32_t number = gone.block;
    Block& block = blocks_[number];
    if (block.free == nullptr) with_free_rows_.push_back(number);
    gone.live = 0;
    gone.next_free = block.free;
    block.free = row;
    if (--block.live == 0) ++empty_blocks_;
}

}  // namespace millrace
