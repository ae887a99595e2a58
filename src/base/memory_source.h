// Where large blocks of memory come from: the heap, or memory that can be moved to disk.
#pragma once

#include <cstddef>
#include <memory>

namespace millrace {

class ScratchFile;

class MemorySource {
  public:
    static constexpr size_t kSmallest = 512;
    static constexpr size_t kHugePage = size_t{2} << 20;

    virtual ~MemorySource() = default;
    // `bytes` is a power of two of at least kSmallest. Blocks are aligned to 64 bytes, from kHugePage on to
    // that; contents are undefined, and addresses fit 48 bits. std::bad_alloc.
    virtual std::byte* take(size_t bytes) = 0;
    virtual void give(std::byte* block, size_t bytes) noexcept = 0;
    // For a copy of what lies in this memory, where there is no room for two: a file to put it into
    // (base/scratch_file.h). nullptr: there is room.
    virtual std::shared_ptr<ScratchFile> scratch() { return nullptr; }
};

// Of the C library. Large blocks lie in huge pages where the system has them: random access to much memory
// costs less then, and so does filling it for the first time.
MemorySource& heapMemory();

}  // namespace millrace
