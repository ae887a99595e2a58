// /jobs, /jobs/overview, /jobs/:jobid and what it says in parts: its status, plan, configuration and result;
// its end, and what Flink offers to change of it.
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "cluster/java_throwable.h"
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
    Json one = {{"jid", job.job_id},
                {"name", job.name},
                {"start-time", job.start_ms},
                {"end-time", job.end_ms},
                {"duration", durationMs(job.start_ms, job.end_ms)},
                {"state", toString(job.status)},
                {"last-modification", modified},
                {"tasks", tasks}};
    if (cluster.speaksFlink2()) one["pending-operators"] = 0;
    return restAnswer({{"jobs", Json::array({one})}});
}

HttpResponse details(const RestCluster& cluster, const RestRequest&) {
    const JobDetails job = cluster.job.details();
    Json vertices = Json::array();
    Json status_counts = Json::object();
    for (const VertexDetails& vertex : job.vertices) {
        const std::string status = vertexStatus(vertex);
        const TaskSpan span = spanOf(vertex);
        vertices.push_back({{"id", vertex.id},
                            {"slotSharingGroupId", job.job_id},
                            {"name", vertex.name},
                            {"maxParallelism", job.max_parallelism},
                            {"parallelism", vertex.subtasks.size()},
                            {"status", status},
                            {"start-time", span.start_ms},
                            {"end-time", span.end_ms},
                            {"duration", span.duration_ms},
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
    Json body = {{"jid", job.job_id},
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
                 {"plan", planJson(job, cluster.graph)}};
    if (cluster.speaksFlink2()) body["pending-operators"] = 0;
    return restAnswer(body);
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
    Json execution = {{"execution-mode", "PIPELINED"},
                      {"restart-strategy", configuration.find("restart-strategy.type").value_or("none")},
                      {"job-parallelism", job.parallelism},
                      {"object-reuse-mode", true},
                      {"user-config", shownSettings(configuration)}};
    dropIfFlink2(cluster, execution, {"execution-mode"});
    return restAnswer({{"jid", job.job_id}, {"name", job.name}, {"execution-config", execution}});
}

// What became of the job; Flink's clients ask until it is COMPLETED.
HttpResponse executionResult(const RestCluster& cluster, const RestRequest&) {
    const JobDetails job = cluster.job.details();
    if (!hasEnded(job))
        return restAnswer({{"status", {{"id", "IN_PROGRESS"}}}, {"job-execution-result", nullptr}});
    Json result = {{"id", job.job_id},
                   {"application-status", job.status == JobStatus::Finished   ? "SUCCEEDED"
                                          : job.status == JobStatus::Canceled ? "CANCELED"
                                                                              : "FAILED"},
                   {"accumulator-results", Json::object()},
                   {"net-runtime", durationMs(job.start_ms, job.end_ms)}};
    if (job.status == JobStatus::Failed) {
        result["failure-cause"] =
            failureCause("org.apache.flink.runtime.client.JobExecutionException",
                         job.failures.empty() ? "the job failed" : job.failures.front().message);
    }
    return restAnswer({{"status", {{"id", "COMPLETED"}}}, {"job-execution-result", result}});
}

// A client that watches a job it has started says that it is there; nobody waits for it here.
HttpResponse heartbeat(const RestCluster&, const RestRequest&) { return restAnswer(Json::object(), 202); }

// Every vertex has the job's parallelism, and it changes with the application, through the service.
HttpResponse resourceRequirements(const RestCluster& cluster, const RestRequest&) {
    const JobDetails job = cluster.job.details();
    Json vertices = Json::object();
    for (const VertexDetails& vertex : job.vertices) {
        vertices[vertex.id] = {
            {"parallelism", {{"lowerBound", job.parallelism}, {"upperBound", job.parallelism}}}};
    }
    return restAnswer(vertices);
}

HttpResponse refuseRescaling(const RestCluster&, const RestRequest&) {
    throw RestError(
        503,
        "Rescaling a running job here is not supported: update the application's parallelism (the action "
        "UpdateApplication), and the service restores the job at the new one.");
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
    return {
        {"GET", "/jobs", jobs, "the job's id and status"},
        {"GET", "/jobs/overview", overview, "the job with its times and the states of its tasks"},
        {"GET", "/jobs/:jobid", details, "the job: status and its times, vertices, plan"},
        {"PATCH", "/jobs/:jobid", terminate, "cancels the job (`mode=cancel`)"},
        {"GET", "/jobs/:jobid/status", status, "its status alone"},
        {"GET", "/jobs/:jobid/plan", plan, "vertices and what flows between them"},
        {"GET", "/jobs/:jobid/config", config, "its settings; secret ones as `******`"},
        {"GET", "/jobs/:jobid/execution-result", executionResult, "whether it has ended, and how"},
        {"PATCH", "/jobs/:jobid/clientHeartbeat", heartbeat,
         "accepted; the job does not depend on its client"},
        {"GET", "/jobs/:jobid/resource-requirements", resourceRequirements, "the parallelism of each vertex"},
        {"PUT", "/jobs/:jobid/resource-requirements", refuseRescaling, "refused: the service changes it"},
        {"PATCH", "/jobs/:jobid/rescaling", refuseRescaling, "refused: the service changes it"}};
}

}  // namespace millrace
