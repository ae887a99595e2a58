// How many bytes of rows have gone by. Small batches are measured; of large ones every sixteenth, and the
// others are taken to have rows as wide as its. The slot's thread writes, anyone reads.
#pragma once

#include <cstddef>
#include <cstdint>

#include "batch/batch.h"
#include "runtime/metrics.h"

namespace millrace {

class BatchBytes {
  public:
    void add(const Batch& batch) {
        const size_t rows = batch.rows();
        if (rows > kSmall && measure_in_ > 0) {
            --measure_in_;
            total_.add(static_cast<int64_t>(static_cast<double>(rows) * row_width_));
            return;
        }
        const size_t bytes = batch.bytes();
        total_.add(static_cast<int64_t>(bytes));
        if (rows <= kSmall) return;
        measure_in_ = kEvery - 1;
        row_width_ = static_cast<double>(bytes) / static_cast<double>(rows);
    }
    int64_t total() const { return total_.value(); }

  private:
    static constexpr size_t kSmall = 64;
    static constexpr int kEvery = 16;
    Counter total_;
    int measure_in_ = 0;
    double row_width_ = 0;
};

}  // namespace millrace
