// How a task spent its time: busy, held back by a full output, or idle; in milliseconds per second over
// windows of a second, and in milliseconds since the task began. The slot's thread writes, anyone reads.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <map>
#include <string>

namespace millrace {

class TaskTimes {
  public:
    // After every turn of the task, on the slot's thread.
    void account(int64_t begin_ns, int64_t end_ns, bool worked, bool back_pressured) {
        if (worked) busy_ns_ += end_ns - begin_ns;
        if (was_back_pressured_) back_pressured_ns_ += end_ns - last_ns_ - (worked ? end_ns - begin_ns : 0);
        was_back_pressured_ = back_pressured;
        back_pressured_.store(back_pressured, std::memory_order_relaxed);
        last_ns_ = end_ns;
        if (window_start_ns_ == 0) {
            window_start_ns_ = begin_ns;
            begun_ns_.store(begin_ns, std::memory_order_relaxed);
        }
        const int64_t window = end_ns - window_start_ns_;
        if (window < kWindowNs) return;
        busy_rate_.store(busy_ns_ * 1000 / window, std::memory_order_relaxed);
        back_pressured_rate_.store(back_pressured_ns_ * 1000 / window, std::memory_order_relaxed);
        window_end_ns_.store(end_ns, std::memory_order_relaxed);
        add(busy_total_ns_, busy_ns_);
        add(back_pressured_total_ns_, back_pressured_ns_);
        window_start_ns_ = end_ns;
        busy_ns_ = back_pressured_ns_ = 0;
    }

    void read(int64_t now_ns, bool slot_asleep, std::map<std::string, int64_t>& out) const {
        int64_t busy = busy_rate_.load(std::memory_order_relaxed);
        int64_t held = back_pressured_rate_.load(std::memory_order_relaxed);
        const bool stale = now_ns - window_end_ns_.load(std::memory_order_relaxed) > 2 * kWindowNs;
        if (slot_asleep && stale) {
            busy = 0;
            held = back_pressured_.load(std::memory_order_relaxed) ? 1000 : 0;
        }
        out["busyTimeMsPerSecond"] = busy;
        out["backPressuredTimeMsPerSecond"] = held;
        out["idleTimeMsPerSecond"] = busy + held > 1000 ? 0 : 1000 - busy - held;
        const int64_t begun_ns = begun_ns_.load(std::memory_order_relaxed);
        const int64_t whole_ms = begun_ns == 0 ? 0 : std::max<int64_t>(0, now_ns - begun_ns) / kNsPerMs;
        const int64_t busy_ms = busy_total_ns_.load(std::memory_order_relaxed) / kNsPerMs;
        const int64_t held_ms = back_pressured_total_ns_.load(std::memory_order_relaxed) / kNsPerMs;
        out["accumulateBusyTimeMs"] = busy_ms;
        out["accumulateBackPressuredTimeMs"] = held_ms;
        out["accumulateIdleTimeMs"] = std::max<int64_t>(0, whole_ms - busy_ms - held_ms);
    }

  private:
    static constexpr int64_t kWindowNs = 1'000'000'000;
    static constexpr int64_t kNsPerMs = 1'000'000;
    static void add(std::atomic<int64_t>& total, int64_t ns) {  // one writer
        total.store(total.load(std::memory_order_relaxed) + ns, std::memory_order_relaxed);
    }
    int64_t window_start_ns_ = 0;
    int64_t last_ns_ = 0;
    int64_t busy_ns_ = 0;
    int64_t back_pressured_ns_ = 0;
    bool was_back_pressured_ = false;
    std::atomic<bool> back_pressured_{false};
    std::atomic<int64_t> busy_rate_{0};
    std::atomic<int64_t> back_pressured_rate_{0};
    std::atomic<int64_t> window_end_ns_{0};
    std::atomic<int64_t> begun_ns_{0};
    std::atomic<int64_t> busy_total_ns_{0};  // of windows that have ended
    std::atomic<int64_t> back_pressured_total_ns_{0};
};

}  // namespace millrace
