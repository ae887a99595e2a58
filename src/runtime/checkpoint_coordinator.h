// How a checkpoint works.
//
//  1. Trigger. On the coordinator's thread, at execution.checkpointing.interval after the last trigger (while
//  a
//     source is behind: interval-during-backlog), but
//  not before
//     execution.checkpointing.min-pause after the last end, and one at a time: every enumerator's state is
//     taken, and in the same breath a barrier is posted to every source subtask. A slot's mailbox is first
//     in, first out, so a split assigned before the barrier lies in its reader's state, a later one in a
//     later enumerator state.
//  2. Barrier. A source subtask records its splits with their positions and sends the barrier down its chain
//  and out of
//     every exchange. A task with several channels aligns: a channel whose barrier has come is not read until
//     the barriers of all have. Sources and tasks whose input has ended still pass barriers on.
//  3. Capture. As the barrier passes, each operator emits or stores what it buffers and
//  StateBackend::beginCapture() fixes what
//     its checkpoint keeps: what changed since the last one. The slot then encodes it between its other work,
//     a slice a turn; the longest slice is reported as sync_pause_us_max. Each sink writer flushes and
//     prepares its committables at the barrier. Task by task this is acknowledged to the coordinator.
//  4. Write. When all tasks have acknowledged, the executor joins what changed with what earlier checkpoints
//  hold
//     (checkpoint_store.h) and writes <execution.checkpointing.dir>/<job id>/chk-<n>: state files, synced,
//     then _metadata under its final name, then the folders. From then on the checkpoint is what a restart
//     begins with.
//  5. Commit. Only then the committers make the committables visible. The snapshot carries them, so whoever
//  restores
//     it commits them again first: commits are idempotent. A commit that fails fails the job, which restarts
//     from this very snapshot and tries again.
//  6. Clean-up. Checkpoints beyond execution.checkpointing.num-retained are removed, with the state files
//  that none of
//     the others refers to, and files are merged.
//
// A failed checkpoint (a task too slow: execution.checkpointing.timeout for 1 to 3; a disk that is full or
// does not sync) is counted; more than execution.checkpointing.tolerable-failed-checkpoints of them in a row
// (0, as in Flink) fail the job. Its barrier still runs through, its files are given up and never synced
// again; its committables join the next checkpoint's, and so does what it captured, since the next capture
// has only what changed after it.
//
// A savepoint is a checkpoint that is first written, complete, below its target, and then as a checkpoint
// too: so a restart never begins before what a savepoint has committed. "Stop with savepoint" lets sources
// send nothing after the barrier (with `drain` they end first); the job is Finished once all of it is
// committed.
//
// The end of bounded input: when every task of every slot has seen the end, one last checkpoint is taken,
// whose committables hold all that is left; the job is Finished once they are committed. Without
// checkpointing that last one is not written and captures nothing, it only commits.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "runtime/checkpoint_store.h"
#include "runtime/committers.h"
#include "runtime/execution.h"
#include "runtime/executor.h"
#include "runtime/job.h"
#include "runtime/runtime_options.h"

namespace millrace {

// What the coordinator asks of the job, on the same thread.
class CheckpointListener {
  public:
    virtual ~CheckpointListener() = default;
    virtual std::map<std::string, std::string> captureEnumerators() = 0;
    virtual void triggerBarrier(const Barrier& barrier, Execution::AtBarrier then) = 0;
    virtual void resumeSources() = 0;
    virtual bool processingBacklog() = 0;                              // a source is behind
    virtual void onCheckpointFailure(std::exception_ptr failure) = 0;  // the job has to fail
    virtual void onCheckpointComplete(CheckpointId id) = 0;            // written and committed
    virtual void onAllCommitted() = 0;                                 // the end, or the stop, is complete
    virtual void onRecord(const CheckpointRecord& record) = 0;         // new, or changed
    virtual void onSavepoint(const std::string& trigger_id, const SavepointStatus& status) = 0;
};

struct CheckpointCoordinatorParameters {
    std::shared_ptr<const JobGraph> graph;
    RuntimeOptions options;
    std::string job_id;
    uint32_t max_parallelism = 128;
    Environment environment;
    StepHooks* hooks = nullptr;
};

class CheckpointCoordinator {
  public:
    // `store` and `committers` are used on the executor alone; `post` brings results back to the coordinator.
    CheckpointCoordinator(CheckpointCoordinatorParameters parameters, CheckpointListener& listener,
                          Executor& executor, CheckpointStore& store, Committers& committers,
                          std::function<void(std::function<void()>)> post);

    // An execution of so many vertices, with a task of each in every slot, runs; ids go on from `next`.
    void onStarted(size_t vertices, CheckpointId next, ProcessingTime now);
    void onStopped(const std::string& reason);  // it does not any more: everything under way has failed
    void onInputEnded() { input_ended_ = true; }
    void acknowledge(TaskAcknowledgement acknowledgement);

    void requestCheckpoint(const std::string& trigger_id);
    void requestSavepoint(const std::string& trigger_id, const std::string& target, bool stop, bool drain);

    bool tick(ProcessingTime now);  // triggers and time-outs; false if nothing was due
    int64_t nextWake() const;

  private:
    struct Request {
        std::string trigger_id;
        std::string target;
        bool savepoint = false, stop = false, drain = false, final = false;
    };
    struct Pending {
        Request request;
        Barrier barrier;
        CheckpointRecord record;
        size_t missing = 0;
        std::map<std::pair<std::string, SlotIndex>, size_t> vertex_of = {};  // of what was captured
        std::map<std::string, std::string> enumerators;
        std::map<std::string, std::vector<std::string>> committables;
    };
    bool running() const { return tasks_ > 0; }
    bool storing() const { return options().checkpoint_interval.ms > 0; }
    const RuntimeOptions& options() const { return parameters_.options; }
    void trigger(Request request, ProcessingTime now);
    void schedulePeriodic(ProcessingTime now);
    bool postponedByBacklog(ProcessingTime now);
    bool fullWanted() const;
    void keepCaptured(TaskAcknowledgement& acknowledgement);
    void write();
    void note(Pending& pending, const TaskAcknowledgement& acknowledgement) const;
    void onWritten(const CheckpointStore::Written& written);
    void commit();
    void onCommitted();
    void fail(const std::exception_ptr& failure);
    ProcessingTime now() const { return parameters_.environment.clock->now(); }
    // Work on the executor for the execution of now: it is skipped, and its reply dropped, once that has
    // ended.
    using Reply = std::function<void(std::function<void()>)>;
    void submit(std::function<void(const Reply&)> work);
    void request(Request request);
    void settle(const Request& request, const SavepointStatus& status);
    void failRequest(const Request& request, const std::string& message);

    CheckpointCoordinatorParameters parameters_;
    CheckpointListener& listener_;
    Executor& executor_;
    CheckpointStore& store_;
    Committers& committers_;
    std::function<void(std::function<void()>)> post_;
    // Counts executions; read by the executor to skip what is no longer wanted.
    std::shared_ptr<std::atomic<uint64_t>> attempt_ = std::make_shared<std::atomic<uint64_t>>(0);

    size_t vertices_ = 0;
    size_t tasks_ = 0;
    CheckpointId next_id_{1};
    std::optional<Pending> pending_;  // collecting acknowledgements
    std::shared_ptr<Pending> writing_;
    // Captured and not known to be written, by vertex and subtask, in the order of their barriers.
    struct Captured {
        CheckpointId id;
        std::vector<std::shared_ptr<const OperatorSnapshot>> operators;
    };
    std::map<std::pair<size_t, SlotIndex>, std::vector<Captured>> unwritten_;
    // Prepared and not known to be committed, by checkpoint, sink uid and subtask.
    std::map<CheckpointId, std::map<std::string, std::map<SlotIndex, std::vector<std::string>>>> uncommitted_;
    std::vector<Request> requests_;
    int64_t last_trigger_ms_ = 0;  // or the start
    int64_t next_periodic_ms_ = INT64_MAX;
    int64_t failures_in_a_row_ = 0;
    bool input_ended_ = false;
    bool ending_ = false;  // the last checkpoint, or a stop, is under way or done
};

}  // namespace millrace
