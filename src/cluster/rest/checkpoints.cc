// /jobs/:jobid/checkpoints
#include <algorithm>
#include <nlohmann/json.hpp>

#include "cluster/rest/rest.h"

namespace millrace {
namespace {

using Json = nlohmann::json;

Json checkpointJson(const CheckpointRecord& one, const JobDetails& job) {
    const size_t subtasks = job.vertices.size() * job.parallelism;
    const bool completed = one.status == "COMPLETED";
    Json json = {{"id", one.id.value()},
                 {"status", one.status},
                 {"is_savepoint", one.savepoint},
                 {"savepointFormat", one.savepoint ? Json("CANONICAL") : Json()},
                 {"trigger_timestamp", one.trigger_ms},
                 {"latest_ack_timestamp", one.end_ms},
                 {"checkpointed_size", one.bytes},
                 {"state_size", one.bytes},
                 {"end_to_end_duration", std::max<int64_t>(0, one.end_ms - one.trigger_ms)},
                 {"alignment_buffered", 0},
                 {"processed_data", 0},
                 {"persisted_data", 0},
                 {"num_subtasks", subtasks},
                 {"num_acknowledged_subtasks", completed ? subtasks : 0},
                 {"checkpoint_type", one.savepoint ? "SAVEPOINT" : "CHECKPOINT"},
                 {"tasks", Json::object()}};
    if (completed) {
        json["className"] = "completed";
        json["external_path"] =
            one.path.empty() ? "<checkpoint-not-externally-addressable>" : "file:" + one.path;
        json["discarded"] = false;
    } else if (one.status == "FAILED") {
        json["className"] = "failed";
        json["failure_timestamp"] = one.end_ms;
        json["failure_message"] = one.failure;
    } else {
        json["className"] = "in_progress";
    }
    return json;
}

Json summaryJson(std::vector<int64_t> values) {
    std::sort(values.begin(), values.end());
    const auto percentile = [&](double p) -> double {
        return values.empty() ? 0
                              : static_cast<double>(
                                    values[static_cast<size_t>(p * static_cast<double>(values.size() - 1))]);
    };
    int64_t sum = 0;
    for (const int64_t value : values)
        sum += value;
    return {{"min", values.empty() ? 0 : values.front()},
            {"max", values.empty() ? 0 : values.back()},
            {"avg", values.empty() ? 0 : sum / static_cast<int64_t>(values.size())},
            {"p50", percentile(0.5)},
            {"p90", percentile(0.9)},
            {"p95", percentile(0.95)},
            {"p99", percentile(0.99)},
            {"p999", percentile(0.999)}};
}

HttpResponse checkpoints(const RestCluster& cluster, const RestRequest&) {
    const CheckpointStatistics statistics = cluster.job.checkpoints();
    const JobDetails job = cluster.job.details();
    Json history = Json::array();
    Json latest = {
        {"completed", nullptr}, {"savepoint", nullptr}, {"failed", nullptr}, {"restored", nullptr}};
    std::vector<int64_t> sizes, durations;
    for (const CheckpointRecord& one : statistics.history) {
        history.push_back(checkpointJson(one, job));
        const char* place = one.status == "FAILED"      ? "failed"
                            : one.status != "COMPLETED" ? nullptr
                            : one.savepoint             ? "savepoint"
                                                        : "completed";
        if (place != nullptr && latest[place].is_null()) latest[place] = history.back();
        if (one.status != "COMPLETED") continue;
        sizes.push_back(static_cast<int64_t>(one.bytes));
        durations.push_back(one.end_ms - one.trigger_ms);
    }
    if (const auto& restored = statistics.latest_restored) {
        latest["restored"] = {{"id", restored->id.value()},
                              {"restore_timestamp", restored->end_ms},
                              {"is_savepoint", restored->savepoint},
                              {"external_path", "file:" + restored->path}};
    }
    const Json nothing = summaryJson({0});
    return restAnswer({{"counts",
                        {{"restored", statistics.restored},
                         {"total", statistics.completed + statistics.failed + statistics.in_progress},
                         {"in_progress", statistics.in_progress},
                         {"completed", statistics.completed},
                         {"failed", statistics.failed}}},
                       {"summary",
                        {{"checkpointed_size", summaryJson(sizes)},
                         {"state_size", summaryJson(sizes)},
                         {"end_to_end_duration", summaryJson(durations)},
                         {"alignment_buffered", nothing},
                         {"processed_data", nothing},
                         {"persisted_data", nothing}}},
                       {"latest", latest},
                       {"history", history}});
}

HttpResponse details(const RestCluster& cluster, const RestRequest& request) {
    for (const CheckpointRecord& one : cluster.job.checkpoints().history) {
        if (std::to_string(one.id.value()) == request.parameters[0]) {
            return restAnswer(checkpointJson(one, cluster.job.details()));
        }
    }
    throw RestError(404,
                    "Could not find checkpointing statistics for checkpoint " + request.parameters[0] + ".");
}

HttpResponse config(const RestCluster& cluster, const RestRequest&) {
    const Configuration& configuration = cluster.graph.configuration;
    const auto milliseconds = [&](const char* key, int64_t otherwise) {
        const auto value = configuration.getOptional<Duration>(key);
        return value ? value->ms : otherwise;
    };
    return restAnswer(
        {{"mode", "exactly_once"},
         {"interval", milliseconds("execution.checkpointing.interval", INT64_MAX)},
         {"timeout", milliseconds("execution.checkpointing.timeout", 600'000)},
         {"min_pause", milliseconds("execution.checkpointing.min-pause", 0)},
         {"max_concurrent", 1},
         {"externalization", {{"enabled", true}, {"delete_on_cancellation", false}}},
         {"state_backend", "HashMapStateBackend"},
         {"checkpoint_storage", "FileSystemCheckpointStorage"},
         {"unaligned_checkpoints", false},
         {"tolerable_failed_checkpoints",
          configuration.getOptional<int64_t>("execution.checkpointing.tolerable-failed-checkpoints")
              .value_or(0)},
         {"checkpoints_after_tasks_finish", true},
         {"state_changelog_enabled", false}});
}

}  // namespace

std::vector<RestRoute> describeRestCheckpoints() {
    return {{"GET", "/jobs/:jobid/checkpoints", checkpoints},
            {"GET", "/jobs/:jobid/checkpoints/config", config},
            {"GET", "/jobs/:jobid/checkpoints/details/:checkpointid", details}};
}

}  // namespace millrace
