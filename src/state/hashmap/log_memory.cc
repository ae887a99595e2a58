#include "state/hashmap/log_memory.h"

#include <algorithm>
#include <bit>

#include "base/error.h"

namespace millrace {

LogMemory::~LogMemory() {
    for (const Block& block : blocks_)
        source_->give(block.data, block.bytes);
}

std::byte* LogMemory::allocate(size_t bytes) {
    if (blocks_.empty() || blocks_.back().bytes - blocks_.back().used < bytes) {
        const size_t wanted = blocks_.empty() ? MemorySource::kSmallest
                                              : std::min(blocks_.back().bytes * 2, MemorySource::kHugePage);
        const size_t taken = std::max(wanted, std::bit_ceil(bytes));
        std::byte* const data = source_->take(taken);
        MILLRACE_CHECK((reinterpret_cast<uintptr_t>(data) + taken) >> 48 == 0, "an address above 48 bits");
        blocks_.push_back({data, taken, 0});
        bytes_ += taken;
        end_.block = blocks_.size() - 1;
        end_.offset = 0;
    }
    Block& block = blocks_.back();
    std::byte* const row = block.data + block.used;
    block.used += bytes;
    end_.offset = block.used;
    ++end_.number;
    return row;
}

}  // namespace millrace
