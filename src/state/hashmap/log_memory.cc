#include "state/hashmap/log_memory.h"

#include <algorithm>
#include <bit>

#include "base/error.h"

namespace millrace {

LogMemory::~LogMemory() {
    for (const Block& block : blocks_)
        source_->give(block.data, block.bytes);
}

void LogMemory::addBlock(size_t bytes_min) {
    const size_t wanted = blocks_.empty() ? MemorySource::kSmallest
                                          : std::min(blocks_.back().bytes * 2, MemorySource::kHugePage);
    const size_t bytes = std::max(wanted, std::bit_ceil(bytes_min));
    std::byte* const data = source_->take(bytes);
    MILLRACE_CHECK((reinterpret_cast<uintptr_t>(data) + bytes) >> 48 == 0, "an address above 48 bits");
    blocks_.push_back({data, bytes, 0});
    bytes_ += bytes;
    left_ = bytes;
    end_.block = blocks_.size() - 1;
    end_.offset = 0;
}

}  // namespace millrace
