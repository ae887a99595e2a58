// /jobs/:jobid/checkpoints: counts, history, the part of each vertex and subtask, settings.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "cluster/job_view.h"
#include "cluster/rest/rest.h"

namespace millrace {
namespace {

using Json = nlohmann::json;

// What Flink keeps for unaligned checkpoints and channels' contents: barriers are aligned here, and channels
// are never part of a checkpoint.
void addNothingInFlight(Json& json) {
    for (const char* name : {"alignment_buffered", "processed_data", "persisted_data"})
        json[name] = 0;
}

int64_t endToEndMs(const CheckpointRecord& one) {
    const int64_t end_ms = one.status == "IN_PROGRESS" ? nowMs() : one.end_ms;
    return std::max<int64_t>(0, end_ms - one.trigger_ms);
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

// One vertex's part, or that of all of them, summed over its subtasks.
struct Part {
    int64_t latest_ack_ms = -1;
    uint64_t bytes = 0, state_bytes = 0;
    size_t subtasks = 0, acknowledged = 0;
};
Part partOf(const std::vector<SubtaskCheckpoint>& subtasks) {
    Part part;
    part.subtasks = subtasks.size();
    for (const SubtaskCheckpoint& one : subtasks) {
        if (!one.acknowledged) continue;
        ++part.acknowledged;
        part.latest_ack_ms = std::max(part.latest_ack_ms, one.ack_ms);
        part.bytes += one.bytes;
        part.state_bytes += one.state_bytes;
    }
    return part;
}

Json vertexJson(const CheckpointRecord& one, const std::vector<SubtaskCheckpoint>& subtasks) {
    const Part part = partOf(subtasks);
    Json json = {{"id", one.id.value()},
                 {"status", one.status},
                 {"latest_ack_timestamp", part.latest_ack_ms},
                 {"checkpointed_size", part.bytes},
                 {"state_size", part.state_bytes},
                 {"end_to_end_duration",
                  part.latest_ack_ms < 0 ? -1 : std::max<int64_t>(0, part.latest_ack_ms - one.trigger_ms)},
                 {"num_subtasks", part.subtasks},
                 {"num_acknowledged_subtasks", part.acknowledged}};
    addNothingInFlight(json);
    return json;
}

Json checkpointJson(const CheckpointRecord& one, const JobDetails& job, bool with_vertices) {
    const bool completed = one.status == "COMPLETED";
    Part whole;
    Json tasks = Json::object();
    for (size_t vertex = 0; vertex < one.tasks.size() && vertex < job.vertices.size(); ++vertex) {
        const Part part = partOf(one.tasks[vertex]);
        whole.subtasks += part.subtasks;
        whole.acknowledged += part.acknowledged;
        whole.bytes += part.bytes;
        if (with_vertices) tasks[job.vertices[vertex].id] = vertexJson(one, one.tasks[vertex]);
    }
    Json json = {{"id", one.id.value()},
                 {"status", one.status},
                 {"is_savepoint", one.savepoint},
                 {"savepointFormat", one.savepoint ? Json("CANONICAL") : Json()},
                 {"trigger_timestamp", one.trigger_ms},
                 {"latest_ack_timestamp", one.latest_ack_ms},
                 // What is written is known at the end; until then, what has been captured.
                 {"checkpointed_size", completed ? one.bytes : whole.bytes},
                 {"state_size", completed ? one.state_bytes : 0},
                 {"end_to_end_duration", endToEndMs(one)},
                 {"num_subtasks", whole.subtasks},
                 {"num_acknowledged_subtasks", whole.acknowledged},
                 {"checkpoint_type", !one.savepoint ? "CHECKPOINT"
                                     : one.stop     ? "SYNC_SAVEPOINT"
                                                    : "SAVEPOINT"},
                 {"tasks", tasks}};
    addNothingInFlight(json);
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

HttpResponse checkpoints(const RestCluster& cluster, const RestRequest&) {
    const CheckpointStatistics statistics = cluster.job.checkpoints();
    const JobDetails job = cluster.job.details();
    Json history = Json::array();
    Json latest = {
        {"completed", nullptr}, {"savepoint", nullptr}, {"failed", nullptr}, {"restored", nullptr}};
    std::vector<int64_t> sizes, state_sizes, durations;
    for (const CheckpointRecord& one : statistics.history) {
        history.push_back(checkpointJson(one, job, false));
        const char* place = one.status == "FAILED"      ? "failed"
                            : one.status != "COMPLETED" ? nullptr
                            : one.savepoint             ? "savepoint"
                                                        : "completed";
        if (place != nullptr && latest[place].is_null()) latest[place] = checkpointJson(one, job, true);
        if (one.status != "COMPLETED") continue;
        sizes.push_back(static_cast<int64_t>(one.bytes));
        state_sizes.push_back(static_cast<int64_t>(one.state_bytes));
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
                         {"state_size", summaryJson(state_sizes)},
                         {"end_to_end_duration", summaryJson(durations)},
                         {"alignment_buffered", nothing},
                         {"processed_data", nothing},
                         {"persisted_data", nothing}}},
                       {"latest", latest},
                       {"history", history}});
}

const CheckpointRecord& findCheckpoint(const CheckpointStatistics& statistics, const std::string& id) {
    for (const CheckpointRecord& one : statistics.history) {
        if (std::to_string(one.id.value()) == id) return one;
    }
    throw RestError(404, "Could not find checkpointing statistics for checkpoint " + id + ".");
}

HttpResponse details(const RestCluster& cluster, const RestRequest& request) {
    const CheckpointStatistics statistics = cluster.job.checkpoints();
    return restAnswer(
        checkpointJson(findCheckpoint(statistics, request.parameters[0]), cluster.job.details(), true));
}

Json subtaskJson(const CheckpointRecord& record, size_t index, const SubtaskCheckpoint& one) {
    if (!one.acknowledged)
        return {{"className", "pending"}, {"index", index}, {"status", "pending_or_failed"}};
    return {{"className", "completed"},
            {"index", index},
            {"status", "completed"},
            {"ack_timestamp", one.ack_ms},
            {"end_to_end_duration", std::max<int64_t>(0, one.ack_ms - record.trigger_ms)},
            {"checkpointed_size", one.bytes},
            {"state_size", one.state_bytes},
            {"checkpoint", {{"sync", one.sync_us / 1000}, {"async", one.async_us / 1000}}},
            {"alignment",
             {{"buffered", 0}, {"processed", 0}, {"persisted", 0}, {"duration", one.alignment_us / 1000}}},
            {"start_delay", one.start_delay_ms},
            {"unaligned_checkpoint", false},
            {"aborted", false}};
}

HttpResponse vertexDetails(const RestCluster& cluster, const RestRequest& request) {
    const JobDetails job = cluster.job.details();
    const CheckpointStatistics statistics = cluster.job.checkpoints();
    const CheckpointRecord& record = findCheckpoint(statistics, request.parameters[0]);
    const size_t vertex = static_cast<size_t>(&findVertex(job, request.parameters[1]) - job.vertices.data());
    if (vertex >= record.tasks.size()) {
        throw RestError(404, "There is no checkpoint statistics for vertex " + request.parameters[1] + ".");
    }
    const std::vector<SubtaskCheckpoint>& tasks = record.tasks[vertex];
    Json subtasks = Json::array();
    std::vector<int64_t> sizes, state_sizes, durations, sync, async, alignment, delays;
    for (size_t i = 0; i < tasks.size(); ++i) {
        const SubtaskCheckpoint& one = tasks[i];
        subtasks.push_back(subtaskJson(record, i, one));
        if (!one.acknowledged) continue;
        sizes.push_back(static_cast<int64_t>(one.bytes));
        state_sizes.push_back(static_cast<int64_t>(one.state_bytes));
        durations.push_back(std::max<int64_t>(0, one.ack_ms - record.trigger_ms));
        sync.push_back(one.sync_us / 1000);
        async.push_back(one.async_us / 1000);
        alignment.push_back(one.alignment_us / 1000);
        delays.push_back(one.start_delay_ms);
    }
    Json body = vertexJson(record, tasks);
    const Json nothing = summaryJson({0});
    body["summary"] = {{"checkpointed_size", summaryJson(sizes)},
                       {"state_size", summaryJson(state_sizes)},
                       {"end_to_end_duration", summaryJson(durations)},
                       {"checkpoint_duration", {{"sync", summaryJson(sync)}, {"async", summaryJson(async)}}},
                       {"alignment",
                        {{"buffered", nothing},
                         {"processed", nothing},
                         {"persisted", nothing},
                         {"duration", summaryJson(alignment)}}},
                       {"start_delay", summaryJson(delays)}};
    body["subtasks"] = subtasks;
    return restAnswer(body);
}

HttpResponse config(const RestCluster& cluster, const RestRequest&) {
    const Configuration& configuration = cluster.graph.configuration;
    const auto milliseconds = [&](const char* key, int64_t otherwise) {
        const auto value = configuration.getOptional<Duration>(key);
        return value ? value->ms : otherwise;
    };
    const bool on_disk = configuration.find("state.backend.type").value_or("hashmap") == "rocksdb";
    const bool in_files =
        configuration.has("execution.checkpointing.dir") || configuration.has("state.checkpoints.dir");
    const int64_t interval_ms = milliseconds("execution.checkpointing.interval", 0);
    return restAnswer(
        {{"mode", "exactly_once"},
         {"interval", interval_ms == 0 ? INT64_MAX : interval_ms},
         {"timeout", milliseconds("execution.checkpointing.timeout", 600'000)},
         {"min_pause", milliseconds("execution.checkpointing.min-pause", 0)},
         {"max_concurrent", 1},
         {"externalization", {{"enabled", in_files}, {"delete_on_cancellation", false}}},
         {"state_backend", on_disk ? "RocksDBStateBackend" : "HashMapStateBackend"},
         {"checkpoint_storage", in_files ? "FileSystemCheckpointStorage" : "JobManagerCheckpointStorage"},
         {"unaligned_checkpoints", false},
         {"aligned_checkpoint_timeout", 0},
         {"tolerable_failed_checkpoints",
          configuration.getOptional<int64_t>("execution.checkpointing.tolerable-failed-checkpoints")
              .value_or(0)},
         {"checkpoints_after_tasks_finish", true},
         {"state_changelog_enabled", false},
         {"changelog_periodic_materialization_interval", -1},
         {"changelog_storage", nullptr}});
}

}  // namespace

std::vector<RestRoute> describeRestCheckpoints() {
    return {
        {"GET", "/jobs/:jobid/checkpoints", checkpoints,
         "counts, sizes and durations in sum, the latest of each kind, the newest ten"},
        {"GET", "/jobs/:jobid/checkpoints/config", config, "how they are taken"},
        {"GET", "/jobs/:jobid/checkpoints/details/:checkpointid", details, "one of them, vertex by vertex"},
        {"GET", "/jobs/:jobid/checkpoints/details/:checkpointid/subtasks/:vertexid", vertexDetails,
         "a vertex's part in it, subtask by subtask: sizes, alignment, pause, start delay"}};
}

}  // namespace millrace
