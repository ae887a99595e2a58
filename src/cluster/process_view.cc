#include "cluster/process_view.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "cluster/job_view.h"
#include "cluster/metric_history.h"
#include "cluster/process_figures.h"

namespace millrace {
namespace {

using Json = nlohmann::json;

constexpr std::array kAggregates = {"min", "max", "avg", "sum", "skew"};

Json aggregate(const std::string& name, const std::vector<double>& values,
               const std::vector<std::string>& wanted) {
    double sum = 0;
    for (const double value : values)
        sum += value;
    const double average = sum / static_cast<double>(values.size());
    double distance = 0;
    for (const double value : values)
        distance += std::abs(value - average);
    const auto [low, high] = std::minmax_element(values.begin(), values.end());
    const double skew =
        average == 0
            ? 0
            : std::min(100.0, 100 * distance / static_cast<double>(values.size()) / std::abs(average));
    const std::array<double, kAggregates.size()> all = {*low, *high, average, sum, skew};
    Json one = {{"id", name}};
    for (size_t i = 0; i < kAggregates.size(); ++i) {
        if (wanted.empty() || std::find(wanted.begin(), wanted.end(), kAggregates[i]) != wanted.end()) {
            one[kAggregates[i]] = all[i];
        }
    }
    return one;
}

}  // namespace

double cpuLoad(const RestCluster& cluster) {
    const std::optional<double> lately =
        cluster.history == nullptr ? std::nullopt : cluster.history->busyCores();
    const auto elapsed_ns = static_cast<double>(durationMs(cluster.start_ms, -1)) * 1e6;
    const double cores =
        lately.value_or(elapsed_ns > 0 ? static_cast<double>(processCpuNanos()) / elapsed_ns : 0);
    return cores / cpuLimitCores();
}

std::map<std::string, int64_t> jobMetrics(const RestCluster& cluster) {
    const JobDetails job = cluster.job.details();
    const CheckpointStatistics checkpoints = cluster.job.checkpoints();
    const bool running = job.status == JobStatus::Running;
    const bool ended = hasEnded(job);
    const auto in_status = [&](JobStatus status) {
        const auto since = job.status_times_ms.find(toString(status));
        return job.status == status && since != job.status_times_ms.end() ? durationMs(since->second, -1) : 0;
    };
    std::map<std::string, int64_t> metrics = {
        {"uptime", running ? durationMs(runningSince(job), -1)
                   : ended ? -1
                           : 0},
        {"downtime", ended ? -1 : in_status(JobStatus::Restarting) + in_status(JobStatus::Failing)},
        {"runningTime", in_status(JobStatus::Running)},
        {"restartingTime", in_status(JobStatus::Restarting)},
        {"failingTime", in_status(JobStatus::Failing)},
        {"cancellingTime", in_status(JobStatus::Cancelling)},
        {"fullRestarts", cluster.full_restarts + job.restarts},
        {"numRestarts", cluster.full_restarts + job.restarts},
        {"totalNumberOfCheckpoints", checkpoints.completed + checkpoints.failed + checkpoints.in_progress},
        {"numberOfInProgressCheckpoints", checkpoints.in_progress},
        {"numberOfCompletedCheckpoints", checkpoints.completed},
        {"numberOfFailedCheckpoints", checkpoints.failed},
        {"lastCheckpointDuration", -1},
        {"lastCheckpointSize", -1},
        {"lastCheckpointFullSize", -1},
        {"lastCheckpointCompletedTimestamp", -1},
        {"lastCheckpointRestoreTimestamp",
         checkpoints.latest_restored ? checkpoints.latest_restored->end_ms : -1},
        {"stateSize", job.state_bytes},
    };
    for (const CheckpointRecord& one : checkpoints.history) {
        if (one.status != "COMPLETED") continue;
        metrics["lastCheckpointDuration"] = one.end_ms - one.trigger_ms;
        metrics["lastCheckpointSize"] = static_cast<int64_t>(one.bytes);
        metrics["lastCheckpointFullSize"] = static_cast<int64_t>(one.state_bytes);
        metrics["lastCheckpointCompletedTimestamp"] = one.end_ms;
        break;
    }
    return metrics;
}

std::map<std::string, std::string> processMetrics(const RestCluster& cluster) {
    const std::string resident = std::to_string(residentMemoryBytes());
    return {{"Status.JVM.CPU.Load", std::to_string(cpuLoad(cluster))},
            {"Status.JVM.CPU.Time", std::to_string(processCpuNanos())},
            {"Status.JVM.Memory.Heap.Used", resident},
            {"Status.JVM.Memory.Heap.Committed", resident},
            {"Status.JVM.Memory.Heap.Max", std::to_string(memoryLimitBytes())},
            {"Status.JVM.Threads.Count", std::to_string(threads().size())}};
}

HttpResponse metricAnswer(const std::map<std::string, std::string>& metrics, const RestRequest& request) {
    Json all = Json::array();
    if (request.http.queryParameter("get") == nullptr) {
        for (const auto& [name, value] : metrics)
            all.push_back({{"id", name}});
        return restAnswer(all);
    }
    for (const std::string& name : request.listParameter("get")) {
        const auto found = metrics.find(name);
        if (found != metrics.end()) all.push_back({{"id", name}, {"value", found->second}});
    }
    return restAnswer(all);
}

HttpResponse aggregatedAnswer(const std::map<std::string, std::vector<double>>& metrics,
                              const RestRequest& request) {
    const std::vector<std::string> wanted = request.listParameter("agg");
    for (const std::string& one : wanted) {
        if (std::find(kAggregates.begin(), kAggregates.end(), one) == kAggregates.end()) {
            throw RestError(400,
                            "There is no aggregation '" + one + "': min, max, avg, sum, skew are known.");
        }
    }
    Json all = Json::array();
    if (request.http.queryParameter("get") == nullptr) {
        for (const auto& [name, values] : metrics)
            all.push_back({{"id", name}});
        return restAnswer(all);
    }
    for (const std::string& name : request.listParameter("get")) {
        const auto found = metrics.find(name);
        if (found != metrics.end() && !found->second.empty()) {
            all.push_back(aggregate(name, found->second, wanted));
        }
    }
    return restAnswer(all);
}

HttpResponse threadDumpAnswer() {
    Json all = Json::array();
    for (const ThreadFigures& thread : threads()) {
        all.push_back(
            {{"threadName", thread.name},
             {"stringifiedThreadInfo",
              fmt::format("\"{}\" Id={} {}{}\n    CPU time: {} ms of its own, {} ms in the system\n",
                          thread.name, thread.id, thread.state,
                          thread.waits_in.empty() ? "" : " in " + thread.waits_in, thread.user_cpu_ms,
                          thread.system_cpu_ms)}});
    }
    return restAnswer({{"threadInfos", all}});
}

}  // namespace millrace
