#include "cluster/metric_history.h"

#include <pthread.h>

#include <array>
#include <chrono>
#include <string>

#include "cluster/job_view.h"
#include "cluster/process_figures.h"

namespace millrace {
namespace {

constexpr std::array kCounted = {"numRecordsIn", "numRecordsOut", "numBytesIn", "numBytesOut"};
constexpr int64_t kAbsent = -1;
constexpr int64_t kShortestMs = 500;  // a rate over less says little

using MetricMap = std::map<std::string, int64_t>;

template <class Each>
void forEachMap(JobDetails& job, Each each) {
    for (VertexDetails& vertex : job.vertices) {
        for (SubtaskDetails& subtask : vertex.subtasks)
            each(subtask.metrics);
        for (OperatorDetails& op : vertex.operators) {
            for (MetricMap& metrics : op.metrics)
                each(metrics);
        }
    }
}

}  // namespace

void RateWindow::note(const JobDetails& job, int64_t now_ms, int64_t cpu_ns) {
    JobDetails copy = job;
    Sample sample{now_ms, cpu_ns, {}};
    forEachMap(copy, [&](const MetricMap& metrics) {
        for (const char* name : kCounted) {
            const auto found = metrics.find(name);
            sample.counters.push_back(found == metrics.end() ? kAbsent : found->second);
        }
    });
    // A restart begins to count anew.
    const bool other = job.restarts != restarts_ ||
                       (!samples_.empty() && samples_.back().counters.size() != sample.counters.size());
    restarts_ = job.restarts;
    if (other) samples_.clear();
    samples_.push_back(std::move(sample));
    while (samples_.size() > 2 && samples_[1].at_ms <= now_ms - kSpanMs)
        samples_.pop_front();
}

const RateWindow::Sample* RateWindow::oldest(int64_t now_ms) const {
    return samples_.empty() || now_ms - samples_.front().at_ms < kShortestMs ? nullptr : &samples_.front();
}

void RateWindow::addRates(JobDetails& job, int64_t now_ms) const {
    const Sample* from = job.restarts == restarts_ ? oldest(now_ms) : nullptr;
    if (from == nullptr) return;
    size_t maps = 0;
    forEachMap(job, [&](const MetricMap&) { ++maps; });
    if (maps * kCounted.size() != from->counters.size()) return;
    size_t at = 0;
    forEachMap(job, [&](MetricMap& metrics) {
        for (const char* name : kCounted) {
            const int64_t before = from->counters[at++];
            const auto found = metrics.find(name);
            if (found == metrics.end() || before == kAbsent || found->second < before) continue;
            metrics[std::string(name) + "PerSecond"] =
                (found->second - before) * 1000 / (now_ms - from->at_ms);
        }
    });
}

std::optional<double> RateWindow::busyCores(int64_t now_ms, int64_t cpu_ns) const {
    const Sample* from = oldest(now_ms);
    if (from == nullptr) return std::nullopt;
    return static_cast<double>(cpu_ns - from->cpu_ns) / (static_cast<double>(now_ms - from->at_ms) * 1e6);
}

MetricHistory::MetricHistory(const Job& job, int64_t period_ms)
    : job_(job), thread_([this, period_ms] { run(period_ms); }) {}

MetricHistory::~MetricHistory() {
    {
        const std::lock_guard lock(mutex_);
        stop_ = true;
    }
    stopped_.notify_all();
    thread_.join();
}

void MetricHistory::run(int64_t period_ms) {
    ::pthread_setname_np(::pthread_self(), "metrics");
    std::unique_lock lock(mutex_);
    while (!stop_) {
        lock.unlock();
        const JobDetails details = job_.details();
        lock.lock();
        window_.note(details, nowMs(), processCpuNanos());
        stopped_.wait_for(lock, std::chrono::milliseconds(period_ms), [this] { return stop_; });
    }
}

void MetricHistory::addRates(JobDetails& job) const {
    const std::lock_guard lock(mutex_);
    window_.addRates(job, nowMs());
}

std::optional<double> MetricHistory::busyCores() const {
    const std::lock_guard lock(mutex_);
    return window_.busyCores(nowMs(), processCpuNanos());
}

}  // namespace millrace
