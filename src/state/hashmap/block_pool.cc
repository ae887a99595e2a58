#include "state/hashmap/block_pool.h"

#include <sys/mman.h>

#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstdlib>
#include <new>

#include "base/error.h"

namespace millrace {

BlockPool::~BlockPool() {
    for (const std::vector<std::byte*>& blocks : free_blocks_) {
        for (std::byte* block : blocks)
            std::free(block);
    }
}

std::byte* BlockPool::take(size_t bytes) {
    MILLRACE_CHECK(std::has_single_bit(bytes) && bytes >= kSmallest, "a block of {} bytes", bytes);
    used_ += bytes;
    std::vector<std::byte*>& blocks = free_blocks_[std::countr_zero(bytes)];
    if (!blocks.empty()) {
        std::byte* block = blocks.back();
        blocks.pop_back();
        free_ -= bytes;
        return block;
    }
    void* block = std::aligned_alloc(bytes >= kHugePage ? kHugePage : 64, bytes);
    if (block == nullptr) {
        used_ -= bytes;
        throw std::bad_alloc();
    }
    if (bytes >= kHugePage) ::madvise(block, bytes, MADV_HUGEPAGE);  // advice: fine if it is not taken
    MILLRACE_CHECK((reinterpret_cast<uintptr_t>(block) + bytes) >> 48 == 0, "an address above 48 bits");
    return static_cast<std::byte*>(block);
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
            std::free(blocks.back());
            blocks.pop_back();
        }
    }
}

}  // namespace millrace
