#include "operators/partition_timers.h"

#include <algorithm>

namespace millrace {

int64_t lastMicro(int64_t watermark_ms) {
    if (watermark_ms >= std::numeric_limits<int64_t>::max() / 1000 - 1)
        return std::numeric_limits<int64_t>::max();
    return watermark_ms <= kNoMicro / 1000 ? kNoMicro : watermark_ms * 1000 + 999;
}

Batch withoutLateRows(const Batch& batch, size_t time_column, int64_t watermark_ms, Counter& late) {
    const int64_t passed = lastMicro(watermark_ms);
    if (passed == kNoMicro) return batch;
    const int64_t* times = batch.column(time_column)->data<int64_t>();
    Selection left;
    for (size_t row = 0; row < batch.rows(); ++row) {
        if (times[row] > passed) left.push_back(static_cast<uint32_t>(row));
    }
    if (left.size() == batch.rows()) return batch;
    late.add(static_cast<int64_t>(batch.rows() - left.size()));
    return batch.gather(left);
}

std::vector<uint32_t> takePassed(PartitionTimers& timers, int64_t time) {
    std::vector<uint32_t> partitions;
    auto timer = timers.begin();
    for (; timer != timers.end() && timer->first <= time; ++timer)
        partitions.push_back(timer->second);
    timers.erase(timers.begin(), timer);
    std::sort(partitions.begin(), partitions.end());
    partitions.erase(std::unique(partitions.begin(), partitions.end()), partitions.end());
    return partitions;
}

}  // namespace millrace
