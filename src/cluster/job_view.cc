#include "cluster/job_view.h"

#include <algorithm>
#include <array>
#include <map>
#include <nlohmann/json.hpp>

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

Json ioMetrics(int64_t read_bytes, int64_t write_bytes, int64_t read_records, int64_t write_records) {
    return {{"read-bytes", read_bytes},       {"read-bytes-complete", true},
            {"write-bytes", write_bytes},     {"write-bytes-complete", true},
            {"read-records", read_records},   {"read-records-complete", true},
            {"write-records", write_records}, {"write-records-complete", true}};
}

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

Json ioMetrics(const SubtaskDetails& subtask) {
    return ioMetrics(metric(subtask, "numBytesIn"), metric(subtask, "numBytesOut"),
                     metric(subtask, "numRecordsIn"), metric(subtask, "numRecordsOut"));
}

Json ioMetrics(const VertexDetails& vertex) {
    int64_t sums[4] = {};
    for (const SubtaskDetails& subtask : vertex.subtasks) {
        sums[0] += metric(subtask, "numBytesIn");
        sums[1] += metric(subtask, "numBytesOut");
        sums[2] += metric(subtask, "numRecordsIn");
        sums[3] += metric(subtask, "numRecordsOut");
    }
    return ioMetrics(sums[0], sums[1], sums[2], sums[3]);
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

}  // namespace millrace
