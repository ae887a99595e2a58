// Buffers come from a pool of the thread: blocks of powers of two, each with a small header before its first
// byte that says where the allocation began. Large blocks start at varying offsets within their pages, so
// that the columns of one batch do not fight over the same cache sets. The pool keeps at most
// kPooledBytesMax; the rest goes back to the system.
#include <bit>
#include <cstdlib>
#include <new>
#include <vector>

#include "batch/column.h"

namespace millrace {

namespace {

constexpr size_t kAlignment = 64;
constexpr size_t kSmallest = 256;
constexpr size_t kLargestPooled = size_t(4) << 20;
constexpr size_t kPooledBytesMax = size_t(16) << 20;
constexpr size_t kStaggerFrom = 4096;
constexpr size_t kStaggerStep = 192;
constexpr size_t kStaggerSteps = 16;

struct Header {
    void* allocation;
};

thread_local bool pool_is_gone = false;  // during the thread's end; of a type that outlives the pool

size_t classOf(size_t capacity) {
    return static_cast<size_t>(std::countr_zero(capacity) - std::countr_zero(kSmallest));
}

std::byte* allocate(size_t capacity) {
    thread_local size_t next_stagger = 0;
    const size_t stagger = capacity >= kStaggerFrom ? (next_stagger++ % kStaggerSteps) * kStaggerStep : 0;
    const size_t slack = capacity >= kStaggerFrom ? kStaggerSteps * kStaggerStep : 0;
    void* allocation = std::aligned_alloc(kAlignment, capacity + kAlignment + slack);
    if (allocation == nullptr) throw std::bad_alloc();
    std::byte* data = static_cast<std::byte*>(allocation) + kAlignment + stagger;
    reinterpret_cast<Header*>(data - kAlignment)->allocation = allocation;
    return data;
}

void release(std::byte* data) { std::free(reinterpret_cast<Header*>(data - kAlignment)->allocation); }

class Pool {
  public:
    Pool() : classes_(classOf(kLargestPooled) + 1) {}
    ~Pool() {
        pool_is_gone = true;
        for (auto& blocks : classes_) {
            for (std::byte* block : blocks)
                release(block);
        }
    }
    std::byte* take(size_t capacity) {
        auto& blocks = classes_[classOf(capacity)];
        if (blocks.empty()) return allocate(capacity);
        std::byte* block = blocks.back();
        blocks.pop_back();
        bytes_ -= capacity;
        return block;
    }
    void give(std::byte* data, size_t capacity) {
        if (bytes_ + capacity > kPooledBytesMax) {
            release(data);
            return;
        }
        classes_[classOf(capacity)].push_back(data);
        bytes_ += capacity;
    }

  private:
    std::vector<std::vector<std::byte*>> classes_;
    size_t bytes_ = 0;
};

Pool& pool() {
    thread_local Pool instance;
    return instance;
}

}  // namespace

Buffer::Buffer(size_t bytes) {
    capacity_ = bytes <= kSmallest ? kSmallest : std::bit_ceil(bytes);
    if (capacity_ > kLargestPooled) capacity_ = (bytes + kAlignment - 1) / kAlignment * kAlignment;
    data_ = capacity_ > kLargestPooled || pool_is_gone ? allocate(capacity_) : pool().take(capacity_);
}

Buffer::Buffer(Buffer&& other) noexcept : data_(other.data_), capacity_(other.capacity_) {
    other.data_ = nullptr;
    other.capacity_ = 0;
}

Buffer& Buffer::operator=(Buffer&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(capacity_, other.capacity_);
    return *this;
}

Buffer::~Buffer() {
    if (data_ == nullptr) return;
    if (capacity_ > kLargestPooled || pool_is_gone) {
        release(data_);
    } else {
        pool().give(data_, capacity_);
    }
}

StringView StringHeap::add(std::string_view text) {
    if (text.size() <= StringView::kInlineSize) return StringView(text);
    char* copy = reserve(text.size());
    std::memcpy(copy, text.data(), text.size());
    return StringView({copy, text.size()});
}

char* StringHeap::reserve(size_t size) {
    char* const result = room(size);
    take(size);
    return result;
}

void StringHeap::addChunk(size_t size_min) {
    const size_t chunk = size_min > next_chunk_ ? size_min : next_chunk_;
    chunks_.push_back(std::make_unique_for_overwrite<char[]>(chunk));
    if (next_chunk_ < (size_t(1) << 20)) next_chunk_ *= 2;
    at_ = chunks_.back().get();
    left_ = chunk;
}

}  // namespace millrace
