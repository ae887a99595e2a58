// Numbers the distinct state rows that a batch touches, in order of first sight. A small open-addressing
// table that is cleared by counting its generation up, not by writing to it.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/hash.h"

namespace millrace {

class RowIndex {
  public:
    void start(size_t rows_max) {
        const size_t slots = std::bit_ceil(rows_max * 2 + 16);
        if (slots > slots_.size() || generation_ == UINT32_MAX) {
            slots_.assign(std::max(slots, slots_.size()), Slot{});
            generation_ = 0;
        }
        mask_ = slots_.size() - 1;
        ++generation_;
        count_ = 0;
    }
    void prefetch(const std::byte* row) const { __builtin_prefetch(&slots_[homeOf(row)]); }
    // The row's number; equal to the count before the call if the row is new.
    uint32_t numberOf(const std::byte* row) {
        size_t at = homeOf(row);
        while (slots_[at].generation == generation_) {
            if (slots_[at].row == row) return slots_[at].number;
            at = (at + 1) & mask_;
        }
        slots_[at] = {row, generation_, count_};
        return count_++;
    }
    uint32_t count() const { return count_; }

  private:
    struct Slot {
        const std::byte* row = nullptr;
        uint32_t generation = 0;
        uint32_t number = 0;
    };
    size_t homeOf(const std::byte* row) const { return mixHash(reinterpret_cast<uintptr_t>(row)) & mask_; }

    std::vector<Slot> slots_;
    size_t mask_ = 0;
    uint32_t generation_ = 0;
    uint32_t count_ = 0;
};

}  // namespace millrace
