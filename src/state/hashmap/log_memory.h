// Rows in pieces of memory one behind the other, in blocks that grow up to a huge page: a piece is a run of
// rows of a log (state/hashmap/log_run.h), or a record (state/keyed_records.h). They never move and none goes
// before all do.
#pragma once

#include <algorithm>
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

    std::byte* allocate(size_t bytes, int64_t rows = 1) {  // bytes: a multiple of 8
        if (left_ < bytes) addBlock(bytes);
        Block& block = blocks_.back();
        std::byte* const piece = block.data + block.used;
        block.used += bytes;
        left_ -= bytes;
        end_.offset = block.used;
        end_.number += rows;
        return piece;
    }
    size_t bytes() const { return bytes_; }

    // A place between pieces; rows are numbered from 0 on.
    struct Place {
        size_t block = 0;
        size_t offset = 0;
        int64_t number = 0;
    };
    const Place& end() const { return end_; }
    // What a piece has.
    struct Extent {
        size_t bytes;
        uint32_t rows = 1;
    };
    // Calls f(piece, number of its first row) for the pieces from `at` on and before `end` until there were
    // `budget` rows, which it reduces by what is done; f may do so too. True if some are left.
    template <class F>
    bool visit(Place& at, const Place& end, size_t& budget, F&& f) const {
        while (at.number < end.number) {
            if (budget == 0) return true;
            if (at.offset == blocks_[at.block].used) at = {at.block + 1, 0, at.number};
            const Extent piece = f(blocks_[at.block].data + at.offset, at.number);
            at.offset += piece.bytes;
            at.number += piece.rows;
            budget -= std::min<size_t>(budget, piece.rows);
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
