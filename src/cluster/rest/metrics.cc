// Metrics of the job, its vertices and their subtasks: /jobs/:jobid/metrics,
// /jobs/:jobid/vertices/:vertexid/...
#include <nlohmann/json.hpp>

#include "cluster/job_view.h"
#include "cluster/process_view.h"
#include "cluster/rest/rest.h"

namespace millrace {
namespace {

using Metrics = std::map<std::string, std::string>;

// "<operator>.<metric>": the operator's name as Flink's metric ids have it, without what separates ids.
std::string idOf(std::string name) {
    const size_t last_dot = name.rfind('.');
    if (last_dot == std::string::npos) return name;
    for (size_t i = 0; i < last_dot; ++i) {
        if (name[i] == ' ' || name[i] == '.' || name[i] == ':' || name[i] == ',') name[i] = '_';
    }
    return name;
}

std::string latestCheckpointPath(const RestCluster& cluster) {
    for (const CheckpointRecord& one : cluster.job.checkpoints().history) {
        if (one.status == "COMPLETED") return one.path.empty() ? "n/a" : "file:" + one.path;
    }
    return "n/a";
}

HttpResponse ofJob(const RestCluster& cluster, const RestRequest& request) {
    Metrics metrics = {{"lastCheckpointExternalPath", latestCheckpointPath(cluster)}};
    for (const auto& [name, value] : jobMetrics(cluster))
        metrics[name] = std::to_string(value);
    return metricAnswer(metrics, request);
}

// Over the cluster's jobs (?jobs= chooses among them), of which there is one.
HttpResponse ofJobs(const RestCluster& cluster, const RestRequest& request) {
    const std::vector<std::string> wanted = request.listParameter("jobs");
    const std::string id = cluster.job.details().job_id;
    std::map<std::string, std::vector<double>> values;
    if (wanted.empty() || std::find(wanted.begin(), wanted.end(), id) != wanted.end()) {
        for (const auto& [name, value] : jobMetrics(cluster))
            values[name].push_back(static_cast<double>(value));
    }
    return aggregatedAnswer(values, request);
}

HttpResponse vertexMetrics(const RestCluster& cluster, const RestRequest& request) {
    const JobDetails job = cluster.details();
    const VertexDetails& vertex = findVertex(job, request.parameters[0]);
    Metrics metrics;
    for (size_t i = 0; i < vertex.subtasks.size(); ++i) {
        for (const auto& [name, value] : vertex.subtasks[i].metrics) {
            metrics[std::to_string(i) + "." + idOf(name)] = std::to_string(value);
        }
    }
    return metricAnswer(metrics, request);
}

HttpResponse subtaskMetrics(const RestCluster& cluster, const RestRequest& request) {
    const JobDetails job = cluster.details();
    const VertexDetails& vertex = findVertex(job, request.parameters[0]);
    Metrics metrics;
    for (const auto& [name, value] : vertex.subtasks[findSubtask(vertex, request.parameters[1])].metrics)
        metrics[idOf(name)] = std::to_string(value);
    return metricAnswer(metrics, request);
}

// Those that ?subtasks= names ("0,2-4"); RestError 400.
std::vector<bool> chosenSubtasks(const RestRequest& request, size_t count) {
    const std::vector<std::string> ranges = request.listParameter("subtasks");
    std::vector<bool> chosen(count, ranges.empty());
    for (const std::string& range : ranges) {
        const size_t dash = range.find('-');
        const std::string first = range.substr(0, dash);
        const std::string last = dash == std::string::npos ? first : range.substr(dash + 1);
        const auto isNumber = [](const std::string& text) {
            return !text.empty() && text.size() <= 6 &&
                   text.find_first_not_of("0123456789") == std::string::npos;
        };
        if (!isNumber(first) || !isNumber(last)) throw RestError(400, "No range of subtasks: " + range);
        for (size_t i = std::stoul(first); i <= std::stoul(last) && i < count; ++i)
            chosen[i] = true;
    }
    return chosen;
}

HttpResponse subtasksMetrics(const RestCluster& cluster, const RestRequest& request) {
    const JobDetails job = cluster.details();
    const VertexDetails& vertex = findVertex(job, request.parameters[0]);
    const std::vector<bool> chosen = chosenSubtasks(request, vertex.subtasks.size());
    std::map<std::string, std::vector<double>> values;
    for (size_t i = 0; i < vertex.subtasks.size(); ++i) {
        if (!chosen[i]) continue;
        for (const auto& [name, value] : vertex.subtasks[i].metrics)
            values[idOf(name)].push_back(static_cast<double>(value));
    }
    return aggregatedAnswer(values, request);
}

// Of coordinators of operators: none of ours counts anything.
HttpResponse coordinatorMetrics(const RestCluster& cluster, const RestRequest& request) {
    const JobDetails job = cluster.job.details();
    findVertex(job, request.parameters[0]);
    return metricAnswer({}, request);
}

}  // namespace

std::vector<RestRoute> describeRestMetrics() {
    return {
        {"GET", "/jobs/metrics", ofJobs, "of the job, in the shape of an aggregate (`get`, `agg`, `jobs`)"},
        {"GET", "/jobs/:jobid/metrics", ofJob, "of the job: restarts, uptime, checkpoints, state (`get`)"},
        {"GET", "/jobs/:jobid/vertices/:vertexid/metrics", vertexMetrics,
         "of each subtask, as `<subtask>.<metric>` and `<subtask>.<operator>.<metric>` (`get`)"},
        {"GET", "/jobs/:jobid/vertices/:vertexid/subtasks/metrics", subtasksMetrics,
         "over the subtasks: min, max, avg, sum, skew (`get`, `agg`, `subtasks`)"},
        {"GET", "/jobs/:jobid/vertices/:vertexid/subtasks/:subtaskindex/metrics", subtaskMetrics,
         "of one subtask (`get`)"},
        {"GET", "/jobs/:jobid/vertices/:vertexid/jm-operator-metrics", coordinatorMetrics,
         "of operator coordinators: none"}};
}

}  // namespace millrace
