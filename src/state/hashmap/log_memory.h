// The rows of one log (state/keyed_logs.h), one behind the other in blocks that grow up to a huge page. Rows
// never move and none goes before all do.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "base/memory_source.h"

namespace millrace {

class LogMemory {
  public:
    explicit LogMemory(std::shared_ptr<MemorySource> source) : source_(std::move(source)) {}
    ~LogMemory();
    LogMemory(const LogMemory&) = delete;
    LogMemory& operator=(const LogMemory&) = delete;

    std::byte* allocate(size_t bytes) {  // a multiple of 8
        if (left_ < bytes) addBlock(bytes);
        Block& block = blocks_.back();
        std::byte* const row = block.data + block.used;
        block.used += bytes;
        left_ -= bytes;
        end_.offset = block.used;
        ++end_.number;
        return row;
    }
    size_t bytes() const { return bytes_; }

    // A place among the rows; they are numbered from 0 on.
    struct Place {
        size_t block = 0;
        size_t offset = 0;
        int64_t number = 0;
    };
    const Place& end() const { return end_; }
    // Calls f(row, number), which returns the row's bytes, for the rows from `at` on and before `end`, at
    // most `budget`, which it reduces by what is done; f may do so too. True if some are left.
    template <class F>
    bool visit(Place& at, const Place& end, size_t& budget, F&& f) const {
        while (at.number < end.number) {
            if (budget == 0) return true;
            --budget;
            if (at.offset == blocks_[at.block].used) at = {at.block + 1, 0, at.number};
            at.offset += f(blocks_[at.block].data + at.offset, at.number);
            ++at.number;
        }
        return false;
    }

  private:
    struct Block {
        std::byte* data;
        size_t bytes;
        size_t used;
    };
    void addBlock(size_t bytes_min);

    std::shared_ptr<MemorySource> source_;
    std::vector<Block> blocks_;
    size_t left_ = 0;  // of the last block
    Place end_;
    size_t bytes_ = 0;
};

}  // namespace millrace
