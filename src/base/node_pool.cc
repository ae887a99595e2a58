#include "base/node_pool.h"

#include <algorithm>
#include <new>

namespace millrace {

NodePool::~NodePool() {
    for (const auto& [block, bytes] : blocks_)
        memory_.give(block, bytes);
}

void* NodePool::allocate(size_t bytes) {
    if (bytes > kBytesMax) return ::operator new(bytes);
    Free*& free = free_[classOf(bytes)];
    if (free != nullptr) return std::exchange(free, free->next);
    const size_t room = classOf(bytes) * kStep;
    if (left_ < room) addBlock();
    left_ -= room;
    return blocks_.back().first + left_;
}

void NodePool::deallocate(void* object, size_t bytes) noexcept {
    if (bytes > kBytesMax) return ::operator delete(object);
    Free*& free = free_[classOf(bytes)];
    free = new (object) Free{free};
}

void NodePool::addBlock() {
    const size_t bytes =
        blocks_.empty() ? 2 * kBytesMax : std::min(blocks_.back().second * 2, MemorySource::kHugePage);
    blocks_.reserve(blocks_.size() + 1);
    blocks_.emplace_back(memory_.take(bytes), bytes);
    left_ = bytes;
    held_ += bytes;
}

}  // namespace millrace
