#include "base/memory_source.h"

#include <sys/mman.h>

#include <cstdlib>
#include <new>

namespace millrace {

namespace {

class HeapMemory final : public MemorySource {
  public:
    std::byte* take(size_t bytes) override {
        void* block = std::aligned_alloc(bytes >= kHugePage ? kHugePage : 64, bytes);
        if (block == nullptr) throw std::bad_alloc();
        if (bytes >= kHugePage) ::madvise(block, bytes, MADV_HUGEPAGE);  // advice: fine if it is not taken
        return static_cast<std::byte*>(block);
    }
    void give(std::byte* block, size_t) noexcept override { std::free(block); }
};

}  // namespace

MemorySource& heapMemory() {
    static HeapMemory memory;
    return memory;
}

}  // namespace millrace
