#include "cluster/job_view.h"

#include <algorithm>
#include <array>
#include <map>
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "cluster/rest/rest.h"

namespace millrace {
namespace {

using Json = nlohmann::json;

// Flink's ExecutionState, in the order in which one subtask's state is taken for the vertex's.
constexpr std::array kStates = {"FAILED",  "CANCELING", "CANCELED",  "INITIALIZING", "DEPLOYING",
                                "RUNNING", "FINISHED",  "SCHEDULED", "RECONCILING",  "CREATED"};

int64_t metric(const SubtaskDetails& subtask, const char* name) {
    const auto found = subtask.metrics.find(name);
    return found == subtask.metrics.end() ? 0 : found->second;
}

// Names of Flink's IOMetricsInfo with the metrics they are made of. Bytes are counted by connectors alone: of
// a task without one they are not known, which is Flink's "not complete".
struct IoMetric {
    const char* name;
    const char* metric;
    bool may_be_unknown;
};
constexpr std::array kIoMetrics = {
    IoMetric{"read-bytes", "numBytesIn", true},
    IoMetric{"write-bytes", "numBytesOut", true},
    IoMetric{"read-records", "numRecordsIn", true},
    IoMetric{"write-records", "numRecordsOut", true},
    IoMetric{"accumulated-backpressured-time", "accumulateBackPressuredTimeMs", false},
    IoMetric{"accumulated-idle-time", "accumulateIdleTimeMs", false},
    IoMetric{"accumulated-busy-time", "accumulateBusyTimeMs", false},
};

Json ioMetricsOf(const std::vector<const SubtaskDetails*>& subtasks) {
    Json all = Json::object();
    for (const IoMetric& one : kIoMetrics) {
        int64_t sum = 0;
        bool complete = true;
        for (const SubtaskDetails* subtask : subtasks) {
            sum += metric(*subtask, one.metric);
            complete &= subtask->metrics.contains(one.metric);
        }
        all[one.name] = sum;
        if (one.may_be_unknown) all[std::string(one.name) + "-complete"] = complete;
    }
    return all;
}

Json distribution(std::vector<int64_t> values) {
    std::sort(values.begin(), values.end());
    int64_t sum = 0;
    for (const int64_t value : values)
        sum += value;
    const auto percentile = [&](size_t p) {
        return values.empty() ? 0 : values[std::min(values.size() - 1, values.size() * p / 100)];
    };
    return {{"min", percentile(0)},
            {"max", values.empty() ? 0 : values.back()},
            {"avg", values.empty() ? 0 : sum / static_cast<int64_t>(values.size())},
            {"sum", sum},
            {"median", percentile(50)},
            {"p25", percentile(25)},
            {"p75", percentile(75)},
            {"p95", percentile(95)}};
}

// In the order in which a task comes to them; the first five are its way to running.
constexpr std::array kWay = {"CREATED",  "SCHEDULED", "DEPLOYING", "INITIALIZING", "RUNNING",
                             "FINISHED", "CANCELING", "CANCELED",  "FAILED"};
constexpr size_t kWayToRunning = 5;

bool isOver(const std::string& status) {
    return status == "FINISHED" || status == "CANCELED" || status == "FAILED";
}

int64_t timeOf(const SubtaskDetails& subtask, const std::string& status) {
    const auto found = subtask.status_times_ms.find(status);
    return found == subtask.status_times_ms.end() ? -1 : found->second;
}

// Settings whose names hold one of these are not shown.
constexpr std::array kSecret = {"password",   "secret",      "fs.azure.account.key", "apikey",
                                "api-key",    "auth-params", "service-key",          "token",
                                "basic-auth", "jaas.config", "http-headers"};

const char* shipStrategy(Exchange exchange) {
    switch (exchange) {
        case Exchange::Forward:
            return "FORWARD";
        case Exchange::Hash:
            return "HASH";
        case Exchange::Singleton:
            return "GLOBAL";
        case Exchange::Broadcast:
            return "BROADCAST";
        case Exchange::Rebalance:
            return "REBALANCE";
    }
    return "";
}

}  // namespace

int64_t nowMs() { return systemClock().now().value(); }

int64_t durationMs(int64_t start_ms, int64_t end_ms) {
    return std::max<int64_t>(0, (end_ms < 0 ? nowMs() : end_ms) - start_ms);
}

int64_t runningSince(const JobDetails& job) {
    const auto running = job.status_times_ms.find("RUNNING");
    return running == job.status_times_ms.end() ? job.start_ms : running->second;
}

std::string vertexStatus(const VertexDetails& vertex) {
    size_t finished = 0;
    for (const SubtaskDetails& subtask : vertex.subtasks)
        finished += subtask.status == "FINISHED";
    for (const char* state : kStates) {
        for (const SubtaskDetails& subtask : vertex.subtasks) {
            if (subtask.status != state) continue;
            return subtask.status == "FINISHED" && finished < vertex.subtasks.size() ? "RUNNING" : state;
        }
    }
    return "CREATED";
}

std::map<std::string, int> taskCounts(const VertexDetails& vertex) {
    std::map<std::string, int> counts;
    for (const char* state : kStates)
        counts[state] = 0;
    for (const SubtaskDetails& subtask : vertex.subtasks)
        ++counts[subtask.status];
    return counts;
}

bool hasEnded(const JobDetails& job) {
    return job.status == JobStatus::Finished || job.status == JobStatus::Canceled ||
           job.status == JobStatus::Failed || job.status == JobStatus::Suspended;
}

TaskSpan spanOf(const SubtaskDetails& subtask) {
    TaskSpan span;
    span.start_ms = timeOf(subtask, "DEPLOYING");
    if (isOver(subtask.status)) span.end_ms = timeOf(subtask, subtask.status);
    if (span.start_ms >= 0) span.duration_ms = durationMs(span.start_ms, span.end_ms);
    return span;
}

TaskSpan spanOf(const VertexDetails& vertex) {
    TaskSpan whole;
    bool over = true;
    for (const SubtaskDetails& subtask : vertex.subtasks) {
        const TaskSpan one = spanOf(subtask);
        if (one.start_ms >= 0 && (whole.start_ms < 0 || one.start_ms < whole.start_ms)) {
            whole.start_ms = one.start_ms;
        }
        whole.end_ms = std::max(whole.end_ms, one.end_ms);
        over &= one.end_ms >= 0;
    }
    if (!over) whole.end_ms = -1;
    if (whole.start_ms >= 0) whole.duration_ms = durationMs(whole.start_ms, whole.end_ms);
    return whole;
}

std::map<std::string, int64_t> stateDurations(const SubtaskDetails& subtask) {
    std::map<std::string, int64_t> durations;
    for (size_t i = 0; i < kWayToRunning; ++i) {
        const int64_t since_ms = timeOf(subtask, kWay[i]);
        int64_t until_ms = -1;  // when the next state was entered
        for (size_t next = i + 1; next < kWay.size() && until_ms < 0; ++next)
            until_ms = timeOf(subtask, kWay[next]);
        durations[kWay[i]] = since_ms < 0 ? -1 : durationMs(since_ms, until_ms);
    }
    return durations;
}

Json ioMetrics(const SubtaskDetails& subtask) { return ioMetricsOf({&subtask}); }

Json ioMetrics(const VertexDetails& vertex) {
    std::vector<const SubtaskDetails*> all;
    for (const SubtaskDetails& subtask : vertex.subtasks)
        all.push_back(&subtask);
    return ioMetricsOf(all);
}

Json aggregatedSubtasks(const VertexDetails& vertex) {
    std::map<std::string, std::vector<int64_t>> metrics, durations;
    for (const SubtaskDetails& subtask : vertex.subtasks) {
        for (const IoMetric& one : kIoMetrics)
            metrics[one.name].push_back(metric(subtask, one.metric));
        metrics["duration"].push_back(std::max<int64_t>(0, spanOf(subtask).duration_ms));
        for (const auto& [state, duration_ms] : stateDurations(subtask))
            durations[state].push_back(duration_ms);
    }
    Json all = {{"metrics", Json::object()}, {"status-duration", Json::object()}};
    for (auto& [name, values] : metrics)
        all["metrics"][name] = distribution(std::move(values));
    for (auto& [state, values] : durations)
        all["status-duration"][state] = distribution(std::move(values));
    return all;
}

std::map<std::string, std::string> shownSettings(const Configuration& configuration) {
    std::map<std::string, std::string> shown = configuration.values();
    for (auto& [key, value] : shown) {
        const std::string name = lowerCase(key);
        const auto secret = [&](const char* part) { return name.find(part) != std::string::npos; };
        if (std::any_of(kSecret.begin(), kSecret.end(), secret)) value = "******";
    }
    return shown;
}

Json planJson(const JobDetails& job, const JobGraph& graph) {
    std::map<NodeId, std::string> vertex_of;
    for (const VertexDetails& vertex : job.vertices) {
        for (const NodeId node : vertex.nodes)
            vertex_of[node] = vertex.id;
    }
    Json nodes = Json::array();
    for (const VertexDetails& vertex : job.vertices) {
        Json inputs = Json::array();
        for (const NodeId id : vertex.nodes) {
            for (const JobEdge& edge : graph.node(id).inputs) {
                if (vertex_of[edge.from] == vertex.id) continue;
                inputs.push_back({{"num", inputs.size()},
                                  {"id", vertex_of[edge.from]},
                                  {"ship_strategy", shipStrategy(edge.exchange)},
                                  {"exchange", "pipelined_bounded"}});
            }
        }
        Json node = {{"id", vertex.id},
                     {"parallelism", vertex.subtasks.size()},
                     {"operator", ""},
                     {"operator_strategy", ""},
                     {"description", vertex.name},
                     {"optimizer_properties", Json::object()}};
        if (!inputs.empty()) node["inputs"] = inputs;
        nodes.push_back(std::move(node));
    }
    return {{"jid", job.job_id}, {"name", job.name}, {"type", "STREAMING"}, {"nodes", nodes}};
}

const VertexDetails& findVertex(const JobDetails& job, const std::string& id) {
    for (const VertexDetails& vertex : job.vertices) {
        if (vertex.id == id) return vertex;
    }
    throw RestError(404, "No vertex with ID '" + id + "' exists.");
}

size_t findSubtask(const VertexDetails& vertex, const std::string& number) {
    const bool sound =
        !number.empty() && number.size() <= 6 && number.find_first_not_of("0123456789") == std::string::npos;
    const size_t index = sound ? std::stoul(number) : vertex.subtasks.size();
    if (index >= vertex.subtasks.size()) throw RestError(404, "There is no subtask " + number + ".");
    return index;
}

}  // namespace millrace
