// Rates: what the counters of a job came to over the last minute, from samples taken every few seconds.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "runtime/job.h"

namespace millrace {

// Keeps samples and answers from them. Not thread-safe.
class RateWindow {
  public:
    static constexpr int64_t kSpanMs = 60'000;

    void note(const JobDetails& job, int64_t now_ms, int64_t cpu_ns);
    // Adds to the subtasks' and operators' metrics, for each of numRecordsIn, numRecordsOut, numBytesIn and
    // numBytesOut that they have, the metric of that name with "PerSecond" after it.
    void addRates(JobDetails& job, int64_t now_ms) const;
    // How many cores the process kept busy; nullopt before there are two samples.
    std::optional<double> busyCores(int64_t now_ms, int64_t cpu_ns) const;

  private:
    struct Sample {
        int64_t at_ms = 0;
        int64_t cpu_ns = 0;
        std::vector<int64_t> counters;  // in the order of the job's vertices, subtasks and operators
    };
    const Sample* oldest(int64_t now_ms) const;

    std::deque<Sample> samples_;
    int64_t restarts_ = 0;
};

// A RateWindow of a running job, which a thread of its own feeds. The job outlives it.
class MetricHistory {
  public:
    explicit MetricHistory(const Job& job, int64_t period_ms = 5'000);
    ~MetricHistory();
    MetricHistory(const MetricHistory&) = delete;
    MetricHistory& operator=(const MetricHistory&) = delete;

    void addRates(JobDetails& job) const;
    std::optional<double> busyCores() const;

  private:
    void run(int64_t period_ms);

    const Job& job_;
    mutable std::mutex mutex_;
    std::condition_variable stopped_;
    bool stop_ = false;
    RateWindow window_;
    std::thread thread_;
};

}  // namespace millrace
