#include "engines/flink_rest_client.h"

#include <algorithm>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "base/http_server.h"

namespace millrace {

namespace {

using Json = nlohmann::json;

Json parseAnswer(const std::string& what, const std::string& body) {
    auto answer = Json::parse(body, nullptr, false);
    if (!answer.is_object())
        throw FlinkRestError(200, fmt::format("the cluster's answer to {} is not a JSON object", what));
    return answer;
}

// Members of another program's answers: absent or of another type is as good as the default.
std::string text(const Json& object, const char* name) {
    const auto at = object.find(name);
    return at != object.end() && at->is_string() ? at->get<std::string>() : "";
}
int64_t integer(const Json& object, const char* name) {
    const auto at = object.find(name);
    return at != object.end() && at->is_number() ? at->get<int64_t>() : 0;
}
const Json& member(const Json& object, const char* name) {
    static const Json nothing = Json::object();
    if (!object.is_object()) return nothing;
    const auto at = object.find(name);
    return at == object.end() || at->is_null() ? nothing : *at;
}

std::string requestId(const std::string& what, const std::string& body) {
    std::string id = text(parseAnswer(what, body), "request-id");
    if (id.empty()) throw FlinkRestError(200, fmt::format("the cluster gave no request-id for {}", what));
    return id;
}

std::string failureOf(const Json& cause) {
    std::string failure = cause.is_string() ? cause.get<std::string>() : text(cause, "stack-trace");
    if (failure.empty()) failure = text(cause, "class");
    return failure.empty() ? "the cluster gave no reason" : failure;
}

}  // namespace

FlinkRestClient::FlinkRestClient(HttpClient& http, std::string base, int timeout_ms)
    : http_(http), base_(std::move(base)), timeout_ms_(timeout_ms) {}

std::string FlinkRestClient::exchange(const std::string& method, const std::string& path,
                                      const std::string& body) {
    HttpClientRequest request;
    request.method = method;
    request.url = base_ + path;
    request.body = body;
    if (!body.empty()) request.headers = {{"Content-Type", "application/json"}};
    request.timeout_ms = timeout_ms_;
    const HttpClientResponse response = http_.send(request);
    if (response.status >= 200 && response.status < 300) return response.body;
    std::string reason;
    const auto answer = Json::parse(response.body, nullptr, false);
    if (answer.is_object())
        for (const auto& error : member(answer, "errors"))
            if (error.is_string()) reason += (reason.empty() ? "" : "; ") + error.get<std::string>();
    throw FlinkRestError(response.status,
                         fmt::format("the cluster answered {} {} with status {}{}{}", method, path,
                                     response.status, reason.empty() ? "" : ": ", reason));
}

ClusterOverview FlinkRestClient::overview() {
    const Json answer = parseAnswer("/overview", exchange("GET", "/overview"));
    return {integer(answer, "taskmanagers"),    integer(answer, "slots-total"),
            integer(answer, "slots-available"), integer(answer, "jobs-running"),
            integer(answer, "jobs-finished"),   integer(answer, "jobs-cancelled"),
            integer(answer, "jobs-failed"),     text(answer, "flink-version")};
}

std::map<std::string, std::string> FlinkRestClient::jobs() {
    const Json answer = parseAnswer("/jobs", exchange("GET", "/jobs"));
    std::map<std::string, std::string> jobs;
    for (const auto& job : member(answer, "jobs"))
        if (job.is_object()) jobs[text(job, "id")] = text(job, "status");
    return jobs;
}

JobDetail FlinkRestClient::job(const std::string& job_id) {
    const std::string path = "/jobs/" + encodePercent(job_id);
    const Json answer = parseAnswer(path, exchange("GET", path));
    JobDetail detail;
    detail.id = text(answer, "jid");
    detail.name = text(answer, "name");
    detail.state = text(answer, "state");
    detail.start_time_ms = integer(answer, "start-time");
    detail.duration_ms = integer(answer, "duration");
    for (const auto& vertex : member(answer, "vertices"))
        if (vertex.is_object())
            detail.vertices.push_back({text(vertex, "id"), text(vertex, "name"), text(vertex, "status"),
                                       integer(vertex, "parallelism"), integer(vertex, "maxParallelism"),
                                       integer(member(vertex, "metrics"), "read-records")});
    if (const Json& plan = member(answer, "plan"); !plan.empty()) detail.plan = plan.dump();
    return detail;
}

CheckpointsSummary FlinkRestClient::checkpoints(const std::string& job_id) {
    const std::string path = "/jobs/" + encodePercent(job_id) + "/checkpoints";
    const Json answer = parseAnswer(path, exchange("GET", path));
    const Json& counts = member(answer, "counts");
    const Json& latest = member(member(answer, "latest"), "completed");
    return {integer(counts, "completed"), integer(counts, "failed"),     integer(counts, "in_progress"),
            integer(counts, "restored"),  text(latest, "external_path"), integer(latest, "id")};
}

std::string FlinkRestClient::rootException(const std::string& job_id) {
    const std::string path = "/jobs/" + encodePercent(job_id) + "/exceptions";
    const Json answer = parseAnswer(path, exchange("GET", path));
    std::string root = text(answer, "root-exception");
    const Json& entries = member(member(answer, "exceptionHistory"), "entries");
    if (root.empty() && entries.is_array() && !entries.empty() && entries[0].is_object()) {
        root = text(entries[0], "stacktrace");
        if (root.empty()) root = text(entries[0], "exceptionName");
    }
    return root;
}

std::map<std::string, std::string> FlinkRestClient::metrics(const std::string& job_id,
                                                            const std::vector<std::string>& names) {
    std::string path = "/jobs/" + encodePercent(job_id) + "/metrics?get=";
    for (size_t i = 0; i < names.size(); ++i)
        path += (i ? "," : "") + encodePercent(names[i]);
    const auto answer = Json::parse(exchange("GET", path), nullptr, false);
    std::map<std::string, std::string> values;
    if (answer.is_array())
        for (const auto& metric : answer)
            if (metric.is_object()) values[text(metric, "id")] = text(metric, "value");
    return values;
}

std::optional<int64_t> FlinkRestClient::lowestWatermark(const std::string& job_id,
                                                        const std::string& vertex_id) {
    const std::string path =
        fmt::format("/jobs/{}/vertices/{}/watermarks", encodePercent(job_id), encodePercent(vertex_id));
    const auto answer = Json::parse(exchange("GET", path), nullptr, false);
    std::optional<int64_t> lowest;
    if (answer.is_array())
        for (const auto& metric : answer) {
            if (!metric.is_object() || text(metric, "value").empty()) continue;
            const int64_t watermark = std::atoll(text(metric, "value").c_str());
            lowest = std::min(lowest.value_or(watermark), watermark);
        }
    return lowest;
}

std::optional<double> FlinkRestClient::highestOf(const std::string& job_id, const std::string& vertex_id,
                                                 const std::string& metric) {
    const std::string path =
        fmt::format("/jobs/{}/vertices/{}/subtasks/metrics?get={}&agg=max", encodePercent(job_id),
                    encodePercent(vertex_id), encodePercent(metric));
    const auto answer = Json::parse(exchange("GET", path), nullptr, false);
    if (!answer.is_array() || answer.empty() || !answer[0].is_object()) return std::nullopt;
    const Json& highest = member(answer[0], "max");
    return highest.is_number() ? std::optional(highest.get<double>()) : std::nullopt;
}

std::string FlinkRestClient::triggerSavepoint(const std::string& job_id, const std::string& target_folder) {
    const std::string path = "/jobs/" + encodePercent(job_id) + "/savepoints";
    return requestId(path, exchange("POST", path,
                                    Json{{"target-directory", target_folder}, {"cancel-job", false}}.dump()));
}

std::string FlinkRestClient::stopWithSavepoint(const std::string& job_id, const std::string& target_folder,
                                               bool drain) {
    const std::string path = "/jobs/" + encodePercent(job_id) + "/stop";
    return requestId(
        path, exchange("POST", path, Json{{"targetDirectory", target_folder}, {"drain", drain}}.dump()));
}

SavepointReport FlinkRestClient::savepointStatus(const std::string& job_id, const std::string& request_id) {
    const std::string path = "/jobs/" + encodePercent(job_id) + "/savepoints/" + encodePercent(request_id);
    const Json answer = parseAnswer(path, exchange("GET", path));
    SavepointReport status;
    status.completed = text(member(answer, "status"), "id") == "COMPLETED";
    if (!status.completed) return status;
    const Json& operation = member(answer, "operation");
    status.location = text(operation, "location");
    if (!status.location.empty()) return status;
    status.failure = failureOf(member(operation, "failure-cause"));
    return status;
}

std::string FlinkRestClient::triggerCheckpoint(const std::string& job_id) {
    const std::string path = "/jobs/" + encodePercent(job_id) + "/checkpoints";
    return requestId(path, exchange("POST", path, Json{{"checkpointType", "CONFIGURED"}}.dump()));
}

bool FlinkRestClient::checkpointDone(const std::string& job_id, const std::string& request_id) {
    const std::string path = "/jobs/" + encodePercent(job_id) + "/checkpoints/" + encodePercent(request_id);
    const Json answer = parseAnswer(path, exchange("GET", path));
    if (text(member(answer, "status"), "id") != "COMPLETED") return false;
    const Json& operation = member(answer, "operation");
    if (!member(operation, "checkpointId").is_null()) return true;
    throw UserError("cluster.checkpoint",
                    fmt::format("the checkpoint failed: {}", failureOf(member(operation, "failureCause"))));
}

void FlinkRestClient::cancel(const std::string& job_id) {
    exchange("PATCH", "/jobs/" + encodePercent(job_id) + "?mode=cancel");
}

}  // namespace millrace
