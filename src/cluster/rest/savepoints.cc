// /jobs/:jobid/savepoints, /jobs/:jobid/stop, POST /jobs/:jobid/checkpoints: asynchronous, asked after by
// their trigger id.
#include <nlohmann/json.hpp>

#include "base/file_system.h"
#include "cluster/java_throwable.h"
#include "cluster/rest/rest.h"
#include "cluster/rest_operations.h"

namespace millrace {
namespace {

using Json = nlohmann::json;

std::string textOf(const Json& body, const char* name) {
    const auto found = body.find(name);
    return found == body.end() || found->is_null() ? "" : found->get<std::string>();
}

bool flag(const Json& body, const char* name) {
    const auto found = body.find(name);
    return found != body.end() && !found->is_null() && found->get<bool>();
}

std::string targetFolder(const Json& body, const char* name) {
    std::string target = textOf(body, name);
    if (target.starts_with("file:")) {
        target.erase(0, 5);
        if (target.starts_with("//")) target.erase(0, 2);
    }
    return target;
}

// Snapshots have one format, which serves as Flink's canonical and as its native one.
void checkFormat(const Json& body) {
    const std::string format = textOf(body, "formatType");
    if (!format.empty() && format != "CANONICAL" && format != "NATIVE") {
        throw RestError(400, "formatType is '" + format + "', neither CANONICAL nor NATIVE.");
    }
}

void checkRunning(const RestCluster& cluster) {
    const JobStatus status = cluster.job.status();
    if (status == JobStatus::Running) return;
    throw RestError(status == JobStatus::Created || status == JobStatus::Restarting ? 503 : 409,
                    "Job " + cluster.job.details().job_id + " is " + toString(status) + ", not RUNNING.");
}

HttpResponse begun(const RestCluster& cluster, const Json& body, const std::function<std::string()>& begin) {
    return restAnswer({{"request-id", cluster.operations->once(textOf(body, "triggerId"), begin)}}, 202);
}

HttpResponse trigger(const RestCluster& cluster, const Json& body, const std::string& target, bool stop,
                     bool drain) {
    checkFormat(body);
    checkRunning(cluster);
    return begun(cluster, body, [&] { return cluster.job.triggerSavepoint(target, stop, drain); });
}

HttpResponse savepoint(const RestCluster& cluster, const RestRequest& request) {
    const Json body = restBody(request);
    return trigger(cluster, body, targetFolder(body, "target-directory"), flag(body, "cancel-job"), false);
}

HttpResponse stop(const RestCluster& cluster, const RestRequest& request) {
    const Json body = restBody(request);
    return trigger(cluster, body, targetFolder(body, "targetDirectory"), true, flag(body, "drain"));
}

HttpResponse checkpoint(const RestCluster& cluster, const RestRequest& request) {
    const Json body = restBody(request);
    const std::string type = textOf(body, "checkpointType");
    if (!type.empty() && type != "CONFIGURED" && type != "FULL" && type != "INCREMENTAL") {
        throw RestError(400, "checkpointType is '" + type + "', none of CONFIGURED, FULL, INCREMENTAL.");
    }
    checkRunning(cluster);
    return begun(cluster, body, [&] { return cluster.job.triggerCheckpoint(); });
}

// `operation` says how one that succeeded is answered.
HttpResponse statusAnswer(const RestCluster& cluster, const RestRequest& request, const char* failure_name,
                          const std::function<Json(const SavepointStatus&)>& operation) {
    const std::string& id = request.parameters[0];
    const auto found = cluster.job.savepointStatus(cluster.operations->jobsIdOf(id));
    if (!found) throw RestError(404, "There is no savepoint operation with triggerId=" + id + ".");
    if (found->state == SavepointStatus::State::InProgress) {
        return restAnswer({{"status", {{"id", "IN_PROGRESS"}}}, {"operation", nullptr}});
    }
    const Json done =
        found->state == SavepointStatus::State::Completed
            ? operation(*found)
            : Json{{failure_name,
                    failureCause("org.apache.flink.runtime.checkpoint.CheckpointException", found->failure)}};
    return restAnswer({{"status", {{"id", "COMPLETED"}}}, {"operation", done}});
}

HttpResponse savepointStatus(const RestCluster& cluster, const RestRequest& request) {
    return statusAnswer(cluster, request, "failure-cause", [](const SavepointStatus& done) -> Json {
        return {{"location", "file:" + done.location}};
    });
}

HttpResponse checkpointStatus(const RestCluster& cluster, const RestRequest& request) {
    return statusAnswer(cluster, request, "failureCause", [&](const SavepointStatus& done) -> Json {
        for (const CheckpointRecord& one : cluster.job.checkpoints().history) {
            if (one.path == done.location) return {{"checkpointId", one.id.value()}};
        }
        // It is out of the history: its folder still tells.
        const std::string folder = lastComponent(done.location);
        return {{"checkpointId", folder.starts_with("chk-") ? std::stoll(folder.substr(4)) : -1}};
    });
}

}  // namespace

std::vector<RestRoute> describeRestSavepoints() {
    return {{"POST", "/jobs/:jobid/savepoints", savepoint,
             "begins a savepoint: `target-directory`, `cancel-job`, `formatType`, `triggerId`"},
            {"GET", "/jobs/:jobid/savepoints/:triggerid", savepointStatus,
             "whether it is done, and where it lies or why it failed"},
            {"POST", "/jobs/:jobid/stop", stop,
             "a savepoint that the job ends with: `targetDirectory`, `drain`, `formatType`, `triggerId`"},
            {"POST", "/jobs/:jobid/checkpoints", checkpoint,
             "begins a checkpoint: `checkpointType` (all mean the configured one), `triggerId`"},
            {"GET", "/jobs/:jobid/checkpoints/:triggerid", checkpointStatus,
             "whether it is done, and its id or why it failed"}};
}

}  // namespace millrace
