// /jobs/:jobid/vertices/...
#include <nlohmann/json.hpp>

#include "cluster/job_view.h"
#include "cluster/rest/rest.h"

namespace millrace {
namespace {

using Json = nlohmann::json;

Json subtaskJson(const RestCluster& cluster, const JobDetails& job, const VertexDetails& vertex,
                 size_t index) {
    const SubtaskDetails& subtask = vertex.subtasks[index];
    const int64_t start = runningSince(job);
    return {{"subtask", index},
            {"status", subtask.status},
            {"attempt", job.restarts},
            {"endpoint", "localhost"},
            {"host", "localhost"},
            {"start-time", start},
            {"start_time", start},
            {"end-time", job.end_ms},
            {"duration", durationMs(start, job.end_ms)},
            {"metrics", ioMetrics(subtask)},
            {"taskmanager-id", cluster.task_manager_id}};
}

Json head(const JobDetails& job, const VertexDetails& vertex) {
    return {{"id", vertex.id},
            {"name", vertex.name},
            {"parallelism", vertex.subtasks.size()},
            {"maxParallelism", job.max_parallelism},
            {"now", nowMs()}};
}

HttpResponse details(const RestCluster& cluster, const RestRequest& request) {
    const JobDetails job = cluster.job.details();
    const VertexDetails& vertex = findVertex(job, request.parameters[0]);
    Json body = head(job, vertex);
    body["subtasks"] = Json::array();
    for (size_t i = 0; i < vertex.subtasks.size(); ++i) {
        body["subtasks"].push_back(subtaskJson(cluster, job, vertex, i));
    }
    return restAnswer(body);
}

HttpResponse subtask(const RestCluster& cluster, const RestRequest& request) {
    const JobDetails job = cluster.job.details();
    const VertexDetails& vertex = findVertex(job, request.parameters[0]);
    const std::string& number = request.parameters[1];
    size_t index = vertex.subtasks.size();
    if (!number.empty() && number.size() <= 6 &&
        number.find_first_not_of("0123456789") == std::string::npos) {
        index = std::stoul(number);
    }
    if (index >= vertex.subtasks.size()) throw RestError(404, "There is no subtask " + number + ".");
    return restAnswer(subtaskJson(cluster, job, vertex, index));
}

HttpResponse taskManagers(const RestCluster& cluster, const RestRequest& request) {
    const JobDetails job = cluster.job.details();
    const VertexDetails& vertex = findVertex(job, request.parameters[0]);
    const int64_t start = runningSince(job);
    const Json one = {{"endpoint", "localhost"},
                      {"status", vertexStatus(vertex)},
                      {"start-time", start},
                      {"end-time", job.end_ms},
                      {"duration", durationMs(start, job.end_ms)},
                      {"metrics", ioMetrics(vertex)},
                      {"status-counts", taskCounts(vertex)},
                      {"taskmanager-id", cluster.task_manager_id}};
    return restAnswer(
        {{"id", vertex.id}, {"name", vertex.name}, {"now", nowMs()}, {"taskmanagers", Json::array({one})}});
}

HttpResponse watermarks(const RestCluster& cluster, const RestRequest& request) {
    const JobDetails job = cluster.job.details();
    const VertexDetails& vertex = findVertex(job, request.parameters[0]);
    Json all = Json::array();
    for (size_t i = 0; i < vertex.subtasks.size(); ++i) {
        const auto found = vertex.subtasks[i].metrics.find("currentInputWatermark");
        if (found == vertex.subtasks[i].metrics.end()) continue;
        all.push_back(
            {{"id", std::to_string(i) + ".currentInputWatermark"}, {"value", std::to_string(found->second)}});
    }
    return restAnswer(all);
}

// Shares of the last second, as the tasks measured them; levels at Flink's thresholds.
HttpResponse backPressure(const RestCluster& cluster, const RestRequest& request) {
    const JobDetails job = cluster.job.details();
    const VertexDetails& vertex = findVertex(job, request.parameters[0]);
    const auto share = [](const SubtaskDetails& subtask, const char* name) {
        const auto found = subtask.metrics.find(name);
        return found == subtask.metrics.end() ? 0.0 : static_cast<double>(found->second) / 1000;
    };
    const auto level = [](double ratio) { return ratio > 0.5 ? "high" : ratio > 0.1 ? "low" : "ok"; };
    Json subtasks = Json::array();
    double worst = 0;
    for (size_t i = 0; i < vertex.subtasks.size(); ++i) {
        const double ratio = share(vertex.subtasks[i], "backPressuredTimeMsPerSecond");
        worst = std::max(worst, ratio);
        subtasks.push_back({{"subtask", i},
                            {"attempt-number", job.restarts},
                            {"backpressureLevel", level(ratio)},
                            {"ratio", ratio},
                            {"busyRatio", share(vertex.subtasks[i], "busyTimeMsPerSecond")},
                            {"idleRatio", share(vertex.subtasks[i], "idleTimeMsPerSecond")}});
    }
    return restAnswer({{"status", "ok"},
                       {"backpressureLevel", level(worst)},
                       {"end-timestamp", nowMs()},
                       {"subtasks", subtasks}});
}

}  // namespace

std::vector<RestRoute> describeRestVertices() {
    return {{"GET", "/jobs/:jobid/vertices/:vertexid", details},
            {"GET", "/jobs/:jobid/vertices/:vertexid/subtasks/:subtaskindex", subtask},
            {"GET", "/jobs/:jobid/vertices/:vertexid/taskmanagers", taskManagers},
            {"GET", "/jobs/:jobid/vertices/:vertexid/watermarks", watermarks},
            {"GET", "/jobs/:jobid/vertices/:vertexid/backpressure", backPressure}};
}

}  // namespace millrace
