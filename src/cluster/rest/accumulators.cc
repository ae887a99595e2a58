// Accumulators: Millrace's jobs have none, as Flink's SQL jobs have none that a user has made.
#include <nlohmann/json.hpp>

#include "cluster/job_view.h"
#include "cluster/rest/rest.h"

namespace millrace {
namespace {

using Json = nlohmann::json;

HttpResponse ofJob(const RestCluster&, const RestRequest&) {
    return restAnswer({{"job-accumulators", Json::array()},
                       {"user-task-accumulators", Json::array()},
                       {"serialized-user-task-accumulators", Json::object()}});
}

HttpResponse ofVertex(const RestCluster& cluster, const RestRequest& request) {
    const JobDetails job = cluster.job.details();
    return restAnswer(
        {{"id", findVertex(job, request.parameters[0]).id}, {"user-accumulators", Json::array()}});
}

HttpResponse ofSubtasks(const RestCluster& cluster, const RestRequest& request) {
    const JobDetails job = cluster.job.details();
    const VertexDetails& vertex = findVertex(job, request.parameters[0]);
    Json subtasks = Json::array();
    for (size_t i = 0; i < vertex.subtasks.size(); ++i) {
        subtasks.push_back({{"subtask", i},
                            {"attempt", job.restarts},
                            {"host", "localhost"},
                            {"endpoint", "localhost"},
                            {"user-accumulators", Json::array()}});
        dropIfFlink2(cluster, subtasks.back(), {"host"});
    }
    return restAnswer({{"id", vertex.id}, {"parallelism", vertex.subtasks.size()}, {"subtasks", subtasks}});
}

HttpResponse ofAttempt(const RestCluster& cluster, const RestRequest& request) {
    const JobDetails job = cluster.job.details();
    const VertexDetails& vertex = findVertex(job, request.parameters[0]);
    const size_t index = findSubtask(vertex, request.parameters[1]);
    if (request.parameters[2] != std::to_string(job.restarts)) {
        throw RestError(404, "Could not find execution for attempt number " + request.parameters[2] + ".");
    }
    return restAnswer({{"subtask", index},
                       {"attempt", job.restarts},
                       {"id", vertex.id + "_" + std::to_string(index) + "_" + std::to_string(job.restarts)},
                       {"user-accumulators", Json::array()}});
}

}  // namespace

std::vector<RestRoute> describeRestAccumulators() {
    return {{"GET", "/jobs/:jobid/accumulators", ofJob, "none: empty lists"},
            {"GET", "/jobs/:jobid/vertices/:vertexid/accumulators", ofVertex, "none: an empty list"},
            {"GET", "/jobs/:jobid/vertices/:vertexid/subtasks/accumulators", ofSubtasks,
             "the subtasks, with empty lists"},
            {"GET", "/jobs/:jobid/vertices/:vertexid/subtasks/:subtaskindex/attempts/:attempt/accumulators",
             ofAttempt, "none: an empty list"}};
}

}  // namespace millrace
