// Memory of one keyed table in blocks of powers of two, recycled between its namespaces: a window that closes
// leaves its blocks to the next one. Counts what it holds, free blocks included.
#pragma once

#include <array>
#include <cstddef>
#include <vector>

#include "base/memory_source.h"

namespace millrace {

class BlockPool {
  public:
    static constexpr size_t kSmallest = MemorySource::kSmallest;
    static constexpr size_t kHugePage = MemorySource::kHugePage;

    explicit BlockPool(MemorySource& memory) : memory_(memory) {}
    ~BlockPool();
    BlockPool(const BlockPool&) = delete;
    BlockPool& operator=(const BlockPool&) = delete;

    // `bytes` is a power of two of at least kSmallest. Contents are undefined. Its addresses fit 48 bits.
    std::byte* take(size_t bytes);
    void give(std::byte* block, size_t bytes);
    size_t heldBytes() const { return used_ + free_; }

  private:
    MemorySource& memory_;
    std::array<std::vector<std::byte*>, 64> free_blocks_;  // by log2 of the size
    size_t used_ = 0;
    size_t free_ = 0;
};

}  // namespace millrace
