// A running job: slots on threads, the checkpoint coordinator and the restart strategy, behind one
// thread-safe object. It is what `millrace sql`, `millrace cluster` (and its REST endpoint) and the tests
// talk to.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "runtime/environment.h"
#include "runtime/hooks.h"
#include "runtime/job_graph.h"
#include "state/snapshot.h"

namespace millrace {

// Flink's JobStatus.
enum class JobStatus : uint8_t {
    Created,
    Running,
    Restarting,
    Failing,
    Failed,
    Cancelling,
    Canceled,
    Finished,
    Suspended
};
std::string toString(JobStatus status);  // "RUNNING"

struct JobOptions {
    std::string job_id;  // 32 hexadecimal digits; "" makes one
    // Read from graph.configuration: parallelism.default, pipeline.max-parallelism,
    // execution.checkpointing.interval (0 or absent: none), execution.checkpointing.min-pause,
    // execution.checkpointing.timeout, execution.checkpointing.dir (or state.checkpoints.dir),
    // state.checkpoints.num-retained, restart-strategy.type and its keys, table.exec.* for operators,
    // millrace.batch.rows-max.
    std::string restore_path;  // a snapshot to start from; "" starts empty (or from this job id's newest
                               // sound checkpoint, if resume_latest)
    bool resume_latest = false;
    bool allow_non_restored_state = false;
    Environment environment;
    StepHooks* hooks = nullptr;  // for tests: where faults are to strike; must outlive the job
};

// What one subtask did for a checkpoint. Its task stood still for `sync_us`; the rest of its state was
// captured between its other work.
struct SubtaskCheckpoint {
    bool acknowledged = false;
    int64_t ack_ms = 0;          // when the coordinator heard of it
    uint64_t bytes = 0;          // captured for this checkpoint
    uint64_t state_bytes = 0;    // of the whole state; known once the checkpoint is written
    int64_t start_delay_ms = 0;  // from the trigger to the first barrier
    int64_t alignment_us = 0;    // from the first barrier to the last
    int64_t sync_us = 0;
    int64_t async_us = 0;  // from the end of `sync_us` until all was captured
};

struct CheckpointRecord {
    CheckpointId id;
    bool savepoint = false;
    std::string status;  // IN_PROGRESS, COMPLETED, FAILED
    int64_t trigger_ms = 0;
    int64_t end_ms = 0;
    uint64_t bytes = 0;
    std::string path;
    std::string failure;
    int64_t sync_pause_us_max = 0;  // the longest time a task stood still at one stretch
    bool stop = false;              // a savepoint that the job ends with
    uint64_t state_bytes = 0;       // of the whole state, where `bytes` is what was written
    int64_t latest_ack_ms = -1;     // -1 while no subtask has acknowledged
    std::vector<std::vector<SubtaskCheckpoint>> tasks = {};  // by vertex (as in JobDetails) and subtask
};

struct CheckpointStatistics {
    int64_t completed = 0, failed = 0, in_progress = 0, restored = 0;
    std::vector<CheckpointRecord> history;  // newest first, at most 10 kept
    std::optional<CheckpointRecord> latest_restored;
};

struct SavepointStatus {
    enum class State : uint8_t { InProgress, Completed, Failed } state = State::InProgress;
    std::string location;
    std::string failure;
};

struct SubtaskDetails {
    std::string status;  // Flink's ExecutionState (task_states.h)
    std::map<std::string, int64_t> metrics;
    std::map<std::string, int64_t> status_times_ms = {};  // when each was last entered in this attempt
};
// One node of a vertex, with the metrics that it counts itself, by subtask.
struct OperatorDetails {
    NodeId node;
    std::vector<std::map<std::string, int64_t>> metrics;
};
struct VertexDetails {
    std::string id;    // 32 hexadecimal digits, from its first node's uid
    std::string name;  // "Source: flights -> Calc -> ..."
    std::vector<NodeId> nodes;
    std::vector<SubtaskDetails> subtasks;
    std::vector<OperatorDetails> operators = {};  // of each of `nodes`, once the job has been started
};

struct JobFailure {
    int64_t timestamp_ms = 0;
    std::string message;
    std::string task;
    std::string code;  // of a UserError; "internal" for a broken invariant
    std::string hint;
};

struct JobDetails {
    std::string job_id, name;
    JobStatus status = JobStatus::Created;
    int64_t start_ms = 0, end_ms = -1;
    std::map<std::string, int64_t> status_times_ms;  // when each status was last entered
    uint32_t parallelism = 1, max_parallelism = 128;
    int64_t restarts = 0;  // fullRestarts
    std::vector<VertexDetails> vertices;
    std::vector<JobFailure> failures;  // newest first, at most 20
    int64_t state_bytes = 0;
};

class Job {
  public:
    // Restores, opens every subtask and starts running. Throws UserError (bad configuration, snapshot not
    // usable, a source's path that does not exist...) if the first start fails; later failures are handled by
    // the restart strategy.
    static std::unique_ptr<Job> start(std::shared_ptr<const JobGraph> graph, JobOptions options);
    virtual ~Job() = default;  // cancels and joins

    virtual JobDetails details() const = 0;
    virtual JobStatus status() const = 0;
    virtual CheckpointStatistics checkpoints() const = 0;
    // Waits for a terminal status (Failed, Canceled, Finished, Suspended) for at most timeout_ms (-1:
    // forever).
    virtual JobStatus waitForEnd(int64_t timeout_ms = -1) = 0;
    virtual void cancel() = 0;
    // A savepoint below `target`, asynchronously; with `stop` the job ends (Finished) once it is complete and
    // committed. `drain` sends the final watermark first. Returns a trigger id.
    virtual std::string triggerSavepoint(const std::string& target, bool stop, bool drain) = 0;
    virtual std::string triggerCheckpoint() = 0;
    virtual std::optional<SavepointStatus> savepointStatus(const std::string& trigger_id) const = 0;
};

}  // namespace millrace
