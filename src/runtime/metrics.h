// Counters and gauges of one operator in one subtask, by Flink's names. Written by the slot's thread, read by
// anyone.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <map>
#include <mutex>
#include <string>
#include <vector>

namespace millrace {

class Counter {
  public:
    void add(int64_t n) {
        value_.store(value_.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
    }  // one writer
    void set(int64_t n) { value_.store(n, std::memory_order_relaxed); }
    int64_t value() const { return value_.load(std::memory_order_relaxed); }

  private:
    std::atomic<int64_t> value_{0};
};

class MetricGroup {
  public:
    Counter& counter(const std::string& name);  // made on first use; the reference stays valid
    std::map<std::string, int64_t> read() const;

  private:
    mutable std::mutex mutex_;
    std::map<std::string, Counter> counters_;
};

// Names used by the runtime itself: numRecordsIn, numRecordsOut, numBytesIn, numBytesOut,
// numLateRecordsDropped, currentInputWatermark, currentOutputWatermark, busyTimeMsPerSecond,
// backPressuredTimeMsPerSecond, idleTimeMsPerSecond, numRecordsSkipped.

}  // namespace millrace
