// /jobs/:jobid/exceptions
#include <nlohmann/json.hpp>

#include "cluster/rest/rest.h"

namespace millrace {
namespace {

using Json = nlohmann::json;

HttpResponse exceptions(const RestCluster& cluster, const RestRequest& request) {
    const JobDetails job = cluster.job.details();
    size_t shown = 20;
    if (const std::string* limit = request.http.queryParameter("maxExceptions")) {
        if (limit->empty() || limit->size() > 6 ||
            limit->find_first_not_of("0123456789") != std::string::npos) {
            throw RestError(400, "maxExceptions is not a number: " + *limit);
        }
        shown = std::stoul(*limit);
    }
    Json entries = Json::array();
    for (const JobFailure& failure : job.failures) {
        if (entries.size() == shown) break;
        Json entry = {{"exceptionName", "org.apache.flink.runtime.JobException"},
                      {"stacktrace", failure.message},
                      {"timestamp", failure.timestamp_ms},
                      {"taskName", nullptr},
                      {"endpoint", nullptr},
                      {"taskManagerId", nullptr},
                      {"failureLabels", Json::object()},
                      {"concurrentExceptions", Json::array()}};
        if (!failure.task.empty()) {
            entry["taskName"] = failure.task;
            entry["endpoint"] = "localhost";
            entry["taskManagerId"] = cluster.task_manager_id;
        }
        entries.push_back(std::move(entry));
    }
    Json body = {
        {"root-exception", nullptr},
        {"timestamp", nullptr},
        {"all-exceptions", Json::array()},
        {"truncated", false},
        {"exceptionHistory", {{"entries", entries}, {"truncated", entries.size() < job.failures.size()}}}};
    if (!job.failures.empty()) {
        body["root-exception"] = job.failures.front().message;
        body["timestamp"] = job.failures.front().timestamp_ms;
    }
    return restAnswer(body);
}

}  // namespace

std::vector<RestRoute> describeRestExceptions() { return {{"GET", "/jobs/:jobid/exceptions", exceptions}}; }

}  // namespace millrace
