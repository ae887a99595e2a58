// /jobs, /jobs/overview, /jobs/:jobid and what it says in parts: its status, plan and configuration; its end.
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "cluster/job_view.h"
#include "cluster/rest/rest.h"

namespace millrace {
namespace {

using Json = nlohmann::json;

constexpr const char* kJobStatuses[] = {"INITIALIZING", "CREATED",    "RUNNING",    "FAILING",
                                        "FAILED",       "CANCELLING", "CANCELED",   "FINISHED",
                                        "RESTARTING",   "SUSPENDED",  "RECONCILING"};

HttpResponse jobs(const RestCluster& cluster, const RestRequest&) {
    const JobDetails job = cluster.job.details();
    const Json one = {{"id", job.job_id}, {"status", toString(job.status)}};
    return restAnswer({{"jobs", Json::array({one})}});
}

HttpResponse overview(const RestCluster& cluster, const RestRequest&) {
    const JobDetails job = cluster.job.details();
    Json tasks = {{"total", 0}};
    for (const VertexDetails& vertex : job.vertices) {
        tasks["total"] = tasks["total"].get<size_t>() + vertex.subtasks.size();
        for (const auto& [state, count] : taskCounts(vertex)) {
            const std::string name = lowerCase(state);
            tasks[name] = tasks.value(name, 0) + count;
        }
    }
    int64_t modified = job.start_ms;
    for (const auto& [status, time] : job.status_times_ms)
        modified = std::max(modified, time);
    const Json one = {{"jid", job.job_id},
                      {"name", job.name},
                      {"start-time", job.start_ms},
                      {"end-time", job.end_ms},
                      {"duration", durationMs(job.start_ms, job.end_ms)},
                      {"state", toString(job.status)},
                      {"last-modification", modified},
                      {"tasks", tasks}};
    return restAnswer({{"jobs", Json::array({one})}});
}

HttpResponse details(const RestCluster& cluster, const RestRequest&) {
    const JobDetails job = cluster.job.details();
    Json vertices = Json::array();
    Json status_counts = Json::object();
    for (const VertexDetails& vertex : job.vertices) {
        const std::string status = vertexStatus(vertex);
        const int64_t start = runningSince(job);
        vertices.push_back({{"id", vertex.id},
                            {"slotSharingGroupId", job.job_id},
                            {"name", vertex.name},
                            {"maxParallelism", job.max_parallelism},
                            {"parallelism", vertex.subtasks.size()},
                            {"status", status},
                            {"start-time", start},
                            {"end-time", job.end_ms},
                            {"duration", durationMs(start, job.end_ms)},
                            {"tasks", taskCounts(vertex)},
                            {"metrics", ioMetrics(vertex)}});
        if (status_counts.empty()) {
            for (const auto& [state, count] : taskCounts(vertex))
                status_counts[state] = 0;
        }
        status_counts[status] = status_counts[status].get<int>() + 1;
    }
    Json timestamps = Json::object();
    for (const char* status : kJobStatuses)
        timestamps[status] = 0;
    for (const auto& [status, time] : job.status_times_ms)
        timestamps[status] = time;
    return restAnswer({{"jid", job.job_id},
                       {"name", job.name},
                       {"isStoppable", false},
                       {"state", toString(job.status)},
                       {"job-type", "STREAMING"},
                       {"start-time", job.start_ms},
                       {"end-time", job.end_ms},
                       {"duration", durationMs(job.start_ms, job.end_ms)},
                       {"maxParallelism", job.max_parallelism},
                       {"now", nowMs()},
                       {"timestamps", timestamps},
                       {"vertices", vertices},
                       {"status-counts", status_counts},
                       {"plan", planJson(job, cluster.graph)},
                       {"pending-operators", 0}});
}

HttpResponse status(const RestCluster& cluster, const RestRequest&) {
    return restAnswer({{"status", toString(cluster.job.status())}});
}

HttpResponse plan(const RestCluster& cluster, const RestRequest&) {
    return restAnswer({{"plan", planJson(cluster.job.details(), cluster.graph)}});
}

HttpResponse config(const RestCluster& cluster, const RestRequest&) {
    const JobDetails job = cluster.job.details();
    const Configuration& configuration = cluster.graph.configuration;
    return restAnswer({{"jid", job.job_id},
                       {"name", job.name},
                       {"execution-config",
                        {{"restart-strategy", configuration.find("restart-strategy.type").value_or("none")},
                         {"job-parallelism", job.parallelism},
                         {"object-reuse-mode", true},
                         {"user-config", configuration.values()}}}});
}

// PATCH /jobs/:jobid?mode=cancel, asynchronous as in Flink.
HttpResponse terminate(const RestCluster& cluster, const RestRequest& request) {
    const std::string* mode = request.http.queryParameter("mode");
    if (mode != nullptr && *mode != "cancel") {
        throw RestError(mode != nullptr && *mode == "stop" ? 410 : 400,
                        "The termination mode \"" + *mode +
                            "\" is not supported. Please use \"cancel\", or POST /jobs/:jobid/stop.");
    }
    cluster.job.cancel();
    return restAnswer(Json::object(), 202);
}

}  // namespace

std::vector<RestRoute> describeRestJobs() {
    return {{"GET", "/jobs", jobs},
            {"GET", "/jobs/overview", overview},
            {"GET", "/jobs/:jobid", details},
            {"PATCH", "/jobs/:jobid", terminate},
            {"GET", "/jobs/:jobid/status", status},
            {"GET", "/jobs/:jobid/plan", plan},
            {"GET", "/jobs/:jobid/config", config}};
}

}  // namespace millrace
