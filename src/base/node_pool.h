// Memory for many small objects of one owner that come and go one by one, as the nodes of trees: cut from
// blocks of a MemorySource, which are huge pages before long, and kept for the next one of the size.
//
// What is given back goes to no other owner before the pool is destroyed. Not thread-safe.
#pragma once

#include <array>
#include <cstddef>
#include <type_traits>
#include <utility>
#include <vector>

#include "base/memory_source.h"

namespace millrace {

class NodePool {
  public:
    static constexpr size_t kBytesMax = 1024;  // larger objects are the heap's

    explicit NodePool(MemorySource& memory) : memory_(memory) {}
    ~NodePool();
    NodePool(const NodePool&) = delete;
    NodePool& operator=(const NodePool&) = delete;

    void* allocate(size_t bytes);  // aligned as of operator new; std::bad_alloc
    void deallocate(void* object, size_t bytes) noexcept;
    size_t heldBytes() const { return held_; }

  private:
    static constexpr size_t kStep = 16;
    struct Free {
        Free* next;
    };
    static size_t classOf(size_t bytes) { return (bytes + kStep - 1) / kStep; }
    void addBlock();

    MemorySource& memory_;
    std::array<Free*, kBytesMax / kStep + 1> free_{};  // by size
    std::vector<std::pair<std::byte*, size_t>> blocks_;
    size_t left_ = 0;  // of the last block
    size_t held_ = 0;
};

// For containers, whose elements are in `pool`, which must outlive them.
template <class T>
class NodeAllocator {
  public:
    using value_type = T;
    using propagate_on_container_copy_assignment = std::true_type;
    using propagate_on_container_move_assignment = std::true_type;
    using propagate_on_container_swap = std::true_type;

    explicit NodeAllocator(NodePool& pool) : pool_(&pool) {}
    template <class Other>
    // NOLINTNEXTLINE(google-explicit-constructor)
    NodeAllocator(const NodeAllocator<Other>& other) : pool_(other.pool_) {}

    T* allocate(size_t count) { return static_cast<T*>(pool_->allocate(count * sizeof(T))); }
    void deallocate(T* objects, size_t count) noexcept { pool_->deallocate(objects, count * sizeof(T)); }
    template <class Other>
    bool operator==(const NodeAllocator<Other>& other) const {
        return pool_ == other.pool_;
    }

  private:
    template <class Other>
    friend class NodeAllocator;
    NodePool* pool_;
};

}  // namespace millrace
