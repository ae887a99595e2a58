// /jobs/:jobid/vertices/...
#include <nlohmann/json.hpp>

#include "cluster/job_view.h"
#include "cluster/rest/rest.h"

namespace millrace {
namespace {

using Json = nlohmann::json;

constexpr const char* kHost = "localhost";

Json subtaskJson(const RestCluster& cluster, const JobDetails& job, const VertexDetails& vertex,
                 size_t index) {
    const SubtaskDetails& subtask = vertex.subtasks[index];
    const TaskSpan span = spanOf(subtask);
    Json json = {{"subtask", index},
                 {"status", subtask.status},
                 {"attempt", job.restarts},
                 {"endpoint", kHost},
                 {"host", kHost},
                 {"start-time", span.start_ms},
                 {"start_time", span.start_ms},
                 {"end-time", span.end_ms},
                 {"duration", span.duration_ms},
                 {"metrics", ioMetrics(subtask)},
                 {"status-duration", stateDurations(subtask)},
                 {"taskmanager-id", cluster.task_manager_id}};
    dropIfFlink2(cluster, json, {"host"});
    return json;
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
    body["aggregated"] = aggregatedSubtasks(vertex);
    return restAnswer(body);
}

HttpResponse subtask(const RestCluster& cluster, const RestRequest& request) {
    const JobDetails job = cluster.job.details();
    const VertexDetails& vertex = findVertex(job, request.parameters[0]);
    return restAnswer(subtaskJson(cluster, job, vertex, findSubtask(vertex, request.parameters[1])));
}

// Of the attempt that runs: what earlier ones were is not kept.
HttpResponse attempt(const RestCluster& cluster, const RestRequest& request) {
    const JobDetails job = cluster.job.details();
    const VertexDetails& vertex = findVertex(job, request.parameters[0]);
    const size_t index = findSubtask(vertex, request.parameters[1]);
    if (request.parameters[2] != std::to_string(job.restarts)) {
        throw RestError(404, "Could not find execution for attempt number " + request.parameters[2] + ".");
    }
    return restAnswer(subtaskJson(cluster, job, vertex, index));
}

HttpResponse subtaskTimes(const RestCluster& cluster, const RestRequest& request) {
    const JobDetails job = cluster.job.details();
    const VertexDetails& vertex = findVertex(job, request.parameters[0]);
    Json subtasks = Json::array();
    for (size_t i = 0; i < vertex.subtasks.size(); ++i) {
        Json timestamps = Json::object();
        for (const auto& [state, count] : taskCounts(vertex))
            timestamps[state] = 0;
        for (const auto& [state, since_ms] : vertex.subtasks[i].status_times_ms)
            timestamps[state] = since_ms;
        subtasks.push_back({{"subtask", i},
                            {"host", kHost},
                            {"endpoint", kHost},
                            {"duration", spanOf(vertex.subtasks[i]).duration_ms},
                            {"timestamps", timestamps}});
        dropIfFlink2(cluster, subtasks.back(), {"host"});
    }
    return restAnswer({{"id", vertex.id}, {"name", vertex.name}, {"now", nowMs()}, {"subtasks", subtasks}});
}

HttpResponse taskManagers(const RestCluster& cluster, const RestRequest& request) {
    const JobDetails job = cluster.job.details();
    const VertexDetails& vertex = findVertex(job, request.parameters[0]);
    const TaskSpan span = spanOf(vertex);
    Json one = {{"endpoint", kHost},
                {"host", kHost},
                {"status", vertexStatus(vertex)},
                {"start-time", span.start_ms},
                {"end-time", span.end_ms},
                {"duration", span.duration_ms},
                {"metrics", ioMetrics(vertex)},
                {"status-counts", taskCounts(vertex)},
                {"taskmanager-id", cluster.task_manager_id},
                {"aggregated", aggregatedSubtasks(vertex)}};
    dropIfFlink2(cluster, one, {"host"});
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
                            {"backpressure-level", level(ratio)},
                            {"ratio", ratio},
                            {"busyRatio", share(vertex.subtasks[i], "busyTimeMsPerSecond")},
                            {"idleRatio", share(vertex.subtasks[i], "idleTimeMsPerSecond")}});
    }
    return restAnswer({{"status", "ok"},
                       {"backpressureLevel", level(worst)},
                       {"backpressure-level", level(worst)},
                       {"end-timestamp", nowMs()},
                       {"subtasks", subtasks}});
}

// Flink samples threads where rest.flamegraph.enabled is set, and says so with this time stamp where it is
// not.
HttpResponse flameGraph(const RestCluster& cluster, const RestRequest& request) {
    constexpr int kDisabled = -2;
    const JobDetails job = cluster.job.details();
    findVertex(job, request.parameters[0]);
    return restAnswer({{"endTimestamp", kDisabled}, {"data", nullptr}});
}

}  // namespace

std::vector<RestRoute> describeRestVertices() {
    return {
        {"GET", "/jobs/:jobid/vertices/:vertexid", details,
         "a vertex: its subtasks, their states, rows and times"},
        {"GET", "/jobs/:jobid/vertices/:vertexid/subtasks/:subtaskindex", subtask, "one subtask"},
        {"GET", "/jobs/:jobid/vertices/:vertexid/subtasks/:subtaskindex/attempts/:attempt", attempt,
         "one subtask in the attempt that runs"},
        {"GET", "/jobs/:jobid/vertices/:vertexid/subtasktimes", subtaskTimes,
         "when each subtask entered each of its states"},
        {"GET", "/jobs/:jobid/vertices/:vertexid/taskmanagers", taskManagers, "the vertex by task manager"},
        {"GET", "/jobs/:jobid/vertices/:vertexid/watermarks", watermarks,
         "the input watermark of each subtask"},
        {"GET", "/jobs/:jobid/vertices/:vertexid/backpressure", backPressure,
         "shares of the last second in which each subtask was held back, busy and idle"},
        {"GET", "/jobs/:jobid/vertices/:vertexid/flamegraph", flameGraph, "always \"disabled\""}};
}

}  // namespace millrace
