// /jobs/:jobid/savepoints, /jobs/:jobid/stop: asynchronous, asked after by their trigger id.
#include <nlohmann/json.hpp>

#include "cluster/rest/rest.h"

namespace millrace {
namespace {

using Json = nlohmann::json;

std::string targetFolder(const Json& body, const char* name) {
    const auto found = body.find(name);
    if (found == body.end() || found->is_null()) return "";
    std::string target = found->get<std::string>();
    if (target.starts_with("file:")) {
        target.erase(0, 5);
        if (target.starts_with("//")) target.erase(0, 2);
    }
    return target;
}

bool flag(const Json& body, const char* name) {
    const auto found = body.find(name);
    return found != body.end() && !found->is_null() && found->get<bool>();
}

HttpResponse trigger(const RestCluster& cluster, const std::string& target, bool stop, bool drain) {
    const JobStatus status = cluster.job.status();
    if (status != JobStatus::Running) {
        throw RestError(status == JobStatus::Created || status == JobStatus::Restarting ? 503 : 409,
                        "Job " + cluster.job.details().job_id + " is " + toString(status) + ", not RUNNING.");
    }
    return restAnswer({{"request-id", cluster.job.triggerSavepoint(target, stop, drain)}}, 202);
}

HttpResponse savepoint(const RestCluster& cluster, const RestRequest& request) {
    const Json body = restBody(request);
    return trigger(cluster, targetFolder(body, "target-directory"), flag(body, "cancel-job"), false);
}

HttpResponse stop(const RestCluster& cluster, const RestRequest& request) {
    const Json body = restBody(request);
    return trigger(cluster, targetFolder(body, "targetDirectory"), true, flag(body, "drain"));
}

HttpResponse triggerStatus(const RestCluster& cluster, const RestRequest& request) {
    const auto savepoint = cluster.job.savepointStatus(request.parameters[0]);
    if (!savepoint) {
        throw RestError(404, "There is no savepoint operation with triggerId=" + request.parameters[0] + ".");
    }
    switch (savepoint->state) {
        case SavepointStatus::State::InProgress:
            return restAnswer({{"status", {{"id", "IN_PROGRESS"}}}, {"operation", nullptr}});
        case SavepointStatus::State::Completed:
            return restAnswer({{"status", {{"id", "COMPLETED"}}},
                               {"operation", {{"location", "file:" + savepoint->location}}}});
        case SavepointStatus::State::Failed:
            break;
    }
    return restAnswer({{"status", {{"id", "COMPLETED"}}},
                       {"operation",
                        {{"failure-cause",
                          {{"class", "org.apache.flink.runtime.checkpoint.CheckpointException"},
                           {"stack-trace", savepoint->failure},
                           {"serialized-throwable", ""}}}}}});
}

}  // namespace

std::vector<RestRoute> describeRestSavepoints() {
    return {{"POST", "/jobs/:jobid/savepoints", savepoint},
            {"POST", "/jobs/:jobid/stop", stop},
            {"GET", "/jobs/:jobid/savepoints/:triggerid", triggerStatus}};
}

}  // namespace millrace
