// The Flink REST API, typed: how the service talks to a running cluster, whichever engine it is.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/http_client.h"

namespace millrace {

// The cluster answered, but not with what was asked for: its status and its reason. No answer at all is the
// HttpClient's UserError "http.*".
class FlinkRestError : public UserError {
  public:
    FlinkRestError(int status, std::string message)
        : UserError("cluster.rest", std::move(message)), status_(status) {}
    int status() const { return status_; }

  private:
    int status_;
};

struct ClusterOverview {
    int64_t task_managers = 0, slots_total = 0, slots_available = 0;
    int64_t jobs_running = 0, jobs_finished = 0, jobs_cancelled = 0, jobs_failed = 0;
    std::string flink_version;
};

struct JobVertex {
    std::string id, name, status;
    int64_t parallelism = 0, max_parallelism = 0;
    int64_t records_in = 0;  // read by it so far
};

struct JobDetail {
    std::string id, name;
    std::string state;  // CREATED RUNNING RESTARTING FAILING FAILED CANCELLING CANCELED FINISHED SUSPENDED…
    int64_t start_time_ms = 0, duration_ms = 0;
    std::vector<JobVertex> vertices;
    std::string plan;  // JSON, or ""

    bool finished() const { return state == "FINISHED"; }
    bool ended() const { return state == "FINISHED" || state == "FAILED" || state == "CANCELED"; }
};

struct CheckpointsSummary {
    int64_t completed = 0, failed = 0, in_progress = 0, restored = 0;
    std::string latest_completed_path;  // "" while there is none
    int64_t latest_completed_id = 0;
};

struct SavepointReport {
    bool completed = false;
    std::string location;  // of a completed one
    std::string failure;   // or why there is none
};

class FlinkRestClient {
  public:
    // `base` such as "http://127.0.0.1:8081".
    FlinkRestClient(HttpClient& http, std::string base, int timeout_ms = 5'000);

    ClusterOverview overview();
    std::map<std::string, std::string> jobs();  // id -> status
    JobDetail job(const std::string& job_id);
    CheckpointsSummary checkpoints(const std::string& job_id);
    std::string rootException(const std::string& job_id);  // "" if there was none
    std::map<std::string, std::string> metrics(const std::string& job_id,
                                               const std::vector<std::string>& names);

    // The lowest of the vertex's subtasks; nullopt while there is none, or no such vertex.
    std::optional<int64_t> lowestWatermark(const std::string& job_id, const std::string& vertex_id);
    // The highest value of the metric among the vertex's subtasks; nullopt if it has no such metric.
    std::optional<double> highestOf(const std::string& job_id, const std::string& vertex_id,
                                    const std::string& metric);

    // Both return a request id for savepointStatus().
    std::string triggerSavepoint(const std::string& job_id, const std::string& target_folder);
    std::string stopWithSavepoint(const std::string& job_id, const std::string& target_folder, bool drain);
    SavepointReport savepointStatus(const std::string& job_id, const std::string& request_id);
    // A checkpoint now; a request id for checkpointDone(), which throws UserError "cluster.checkpoint" with
    // the reason if it failed.
    std::string triggerCheckpoint(const std::string& job_id);
    bool checkpointDone(const std::string& job_id, const std::string& request_id);
    void cancel(const std::string& job_id);

  private:
    std::string exchange(const std::string& method, const std::string& path, const std::string& body = "");

    HttpClient& http_;
    std::string base_;
    int timeout_ms_;
};

}  // namespace millrace
