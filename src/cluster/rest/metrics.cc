// /jobs/:jobid/metrics and those of a vertex. Without ?get= the names are listed; with it, the known ones are
// given.
#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "cluster/job_view.h"
#include "cluster/rest/rest.h"

namespace millrace {
namespace {

using Json = nlohmann::json;
using Metrics = std::map<std::string, std::string>;

HttpResponse answer(const Metrics& metrics, const RestRequest& request) {
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

HttpResponse jobMetrics(const RestCluster& cluster, const RestRequest& request) {
    const JobDetails job = cluster.job.details();
    const CheckpointStatistics checkpoints = cluster.job.checkpoints();
    const bool running = job.status == JobStatus::Running;
    const bool ended = job.end_ms >= 0;
    const auto in_status = [&](JobStatus status) {
        const auto since = job.status_times_ms.find(toString(status));
        return job.status == status && since != job.status_times_ms.end() ? durationMs(since->second, -1) : 0;
    };
    std::map<std::string, int64_t> numbers = {
        {"uptime", running ? durationMs(runningSince(job), -1)
                   : ended ? -1
                           : 0},
        {"downtime", ended ? -1 : in_status(JobStatus::Restarting) + in_status(JobStatus::Failing)},
        {"runningTime", in_status(JobStatus::Running)},
        {"restartingTime", in_status(JobStatus::Restarting)},
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
    Metrics metrics = {{"lastCheckpointExternalPath", "n/a"}};
    for (const CheckpointRecord& one : checkpoints.history) {
        if (one.status != "COMPLETED") continue;
        numbers["lastCheckpointDuration"] = one.end_ms - one.trigger_ms;
        numbers["lastCheckpointSize"] = static_cast<int64_t>(one.bytes);
        numbers["lastCheckpointFullSize"] = static_cast<int64_t>(one.bytes);
        numbers["lastCheckpointCompletedTimestamp"] = one.end_ms;
        metrics["lastCheckpointExternalPath"] = "file:" + one.path;
        break;
    }
    for (const auto& [name, value] : numbers)
        metrics[name] = std::to_string(value);
    return answer(metrics, request);
}

HttpResponse vertexMetrics(const RestCluster& cluster, const RestRequest& request) {
    const JobDetails job = cluster.job.details();
    const VertexDetails& vertex = findVertex(job, request.parameters[0]);
    Metrics metrics;
    for (size_t i = 0; i < vertex.subtasks.size(); ++i) {
        for (const auto& [name, value] : vertex.subtasks[i].metrics) {
            metrics[std::to_string(i) + "." + name] = std::to_string(value);
        }
    }
    return answer(metrics, request);
}

// Over the subtasks: minimum, maximum, average, sum (?agg= chooses among them).
HttpResponse subtaskMetrics(const RestCluster& cluster, const RestRequest& request) {
    const JobDetails job = cluster.job.details();
    const VertexDetails& vertex = findVertex(job, request.parameters[0]);
    std::map<std::string, std::vector<int64_t>> values;
    for (const SubtaskDetails& subtask : vertex.subtasks) {
        for (const auto& [name, value] : subtask.metrics)
            values[name].push_back(value);
    }
    Json all = Json::array();
    if (request.http.queryParameter("get") == nullptr) {
        for (const auto& [name, value] : values)
            all.push_back({{"id", name}});
        return restAnswer(all);
    }
    const std::vector<std::string> wanted = request.listParameter("agg");
    for (const std::string& name : request.listParameter("get")) {
        const auto found = values.find(name);
        if (found == values.end()) continue;
        double sum = 0;
        for (const int64_t value : found->second)
            sum += static_cast<double>(value);
        const auto [low, high] = std::minmax_element(found->second.begin(), found->second.end());
        const std::map<std::string, double> aggregates = {
            {"min", static_cast<double>(*low)},
            {"max", static_cast<double>(*high)},
            {"avg", sum / static_cast<double>(found->second.size())},
            {"sum", sum}};
        Json one = {{"id", name}};
        for (const auto& [aggregate, value] : aggregates) {
            if (wanted.empty() || std::find(wanted.begin(), wanted.end(), aggregate) != wanted.end()) {
                one[aggregate] = value;
            }
        }
        all.push_back(std::move(one));
    }
    return restAnswer(all);
}

}  // namespace

std::vector<RestRoute> describeRestMetrics() {
    return {{"GET", "/jobs/:jobid/metrics", jobMetrics},
            {"GET", "/jobs/:jobid/vertices/:vertexid/metrics", vertexMetrics},
            {"GET", "/jobs/:jobid/vertices/:vertexid/subtasks/metrics", subtaskMetrics}};
}

}  // namespace millrace
