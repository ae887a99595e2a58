// /jobs/:jobid/exceptions
#include <nlohmann/json.hpp>

#include "cluster/rest/rest.h"

namespace millrace {
namespace {

using Json = nlohmann::json;

// What the dashboard shows as the stack: the message, and what to do about it.
std::string stackOf(const JobFailure& failure) {
    return failure.hint.empty() ? failure.message : failure.message + "\n" + failure.hint;
}

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
    const std::vector<std::string> labels = request.listParameter("failureLabelFilter");
    Json entries = Json::array();
    Json of_tasks = Json::array();
    size_t matching = 0;
    for (const JobFailure& failure : job.failures) {
        const std::string type = failure.code == "internal" ? "SYSTEM" : "USER";
        const auto fits = [&](const std::string& label) { return label == "TYPE:" + type; };
        if (!std::all_of(labels.begin(), labels.end(), fits)) continue;
        ++matching;
        if (entries.size() == shown) continue;
        const bool of_task = failure.task.ends_with(')');  // "Calc (1/2)"; else a part of the job: "restore"
        Json entry = {{"exceptionName", failure.code.empty() ? "internal" : failure.code},
                      {"stacktrace", stackOf(failure)},
                      {"timestamp", failure.timestamp_ms},
                      {"taskName", nullptr},
                      {"location", nullptr},
                      {"endpoint", nullptr},
                      {"taskManagerId", nullptr},
                      {"failureLabels", {{"TYPE", type}}},
                      {"concurrentExceptions", Json::array()}};
        if (!failure.task.empty()) entry["taskName"] = failure.task;
        if (of_task) {
            entry["location"] = entry["endpoint"] = "localhost";
            entry["taskManagerId"] = cluster.task_manager_id;
            of_tasks.push_back({{"exception", stackOf(failure)},
                                {"task", failure.task},
                                {"location", "localhost"},
                                {"endpoint", "localhost"},
                                {"timestamp", failure.timestamp_ms},
                                {"taskManagerId", cluster.task_manager_id}});
        }
        dropIfFlink2(cluster, entry, {"location"});
        entries.push_back(std::move(entry));
    }
    const bool truncated = entries.size() < matching;
    Json body = {{"root-exception", nullptr},
                 {"timestamp", nullptr},
                 {"all-exceptions", of_tasks},
                 {"truncated", truncated},
                 {"exceptionHistory", {{"entries", entries}, {"truncated", truncated}}}};
    if (!job.failures.empty()) {
        body["root-exception"] = stackOf(job.failures.front());
        body["timestamp"] = job.failures.front().timestamp_ms;
    }
    dropIfFlink2(cluster, body, {"root-exception", "timestamp", "all-exceptions", "truncated"});
    return restAnswer(body);
}

}  // namespace

std::vector<RestRoute> describeRestExceptions() {
    return {{"GET", "/jobs/:jobid/exceptions", exceptions,
             "the newest failures (`maxExceptions`, 20; `failureLabelFilter`): code, message and hint, task, "
             "time"}};
}

}  // namespace millrace
