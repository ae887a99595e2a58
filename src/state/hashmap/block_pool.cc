#include "state/hashmap/block_pool.h"

#include <algorithm>
#include <bit>
#include <cstdint>

#include "base/error.h"

namespace millrace {

BlockPool::~BlockPool() {
    for (size_t power = 0; power < free_blocks_.size(); ++power) {
        for (std::byte* block : free_blocks_[power])
            memory_.give(block, size_t{1} << power);
    }
}

std::byte* BlockPool::take(size_t bytes) {
    MILLRACE_CHECK(std::has_single_bit(bytes) && bytes >= kSmallest, "a block of {} bytes", bytes);
    std::vector<std::byte*>& blocks = free_blocks_[std::countr_zero(bytes)];
    std::byte* block = nullptr;
    if (!blocks.empty()) {
        block = blocks.back();
        blocks.pop_back();
        free_ -= bytes;
    } else {
        block = memory_.take(bytes);
        MILLRACE_CHECK((reinterpret_cast<uintptr_t>(block) + bytes) >> 48 == 0, "an address above 48 bits");
    }
    used_ += bytes;
    return block;
}

void BlockPool::give(std::byte* block, size_t bytes) {
    used_ -= bytes;
    free_blocks_[std::countr_zero(bytes)].push_back(block);
    free_ += bytes;
    // No more is kept for later than is in use, so a burst does not hold its memory for ever.
    const size_t kept = std::max(used_, size_t{1} << 20);
    for (size_t power = free_blocks_.size(); power-- > 0 && free_ > kept;) {
        std::vector<std::byte*>& blocks = free_blocks_[power];
        for (; !blocks.empty() && free_ > kept; free_ -= size_t{1} << power) {
            memory_.give(blocks.back(), size_t{1} << power);
            blocks.pop_back();
        }
    }
}

}  // namespace millrace
