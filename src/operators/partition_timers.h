// Rows that wait for the watermark, in the order of an event time column: what operators share that keep
// them by partition. Times are those of the column, in microseconds.
#pragma once

#include <cstdint>
#include <limits>
#include <utility>
#include <vector>

#include <absl/container/btree_set.h>

#include "batch/batch.h"
#include "runtime/metrics.h"

namespace millrace {

inline constexpr int64_t kNoMicro = std::numeric_limits<int64_t>::min();

// The last microsecond that a watermark, in milliseconds, covers; kNoMicro if there has been none.
int64_t lastMicro(int64_t watermark_ms);

// The batch without the rows that the watermark has passed already, which are counted. The column has no
// NULLs.
Batch withoutLateRows(const Batch& batch, size_t time_column, int64_t watermark_ms, Counter& late);

// Times at which partitions have something to do.
using PartitionTimers = absl::btree_set<std::pair<int64_t, uint32_t>>;

// Takes out the timers up to `time`. Their partitions, each once, in ascending order.
std::vector<uint32_t> takePassed(PartitionTimers& timers, int64_t time);

}  // namespace millrace
