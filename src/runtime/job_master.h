// The life of a job: restore, run, fail, restart, end. One actor: step() is called on one thread at a time (a
// thread of production, or the simulator's loop); whatever comes from elsewhere is posted to it. What others
// may see of the job is kept behind a mutex.
#pragma once

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "runtime/backlog.h"
#include "runtime/checkpoint_coordinator.h"
#include "runtime/restart_strategy.h"
#include "runtime/restore.h"
#include "runtime/source_coordinator.h"
#include "runtime/task_states.h"
#include "runtime/traces.h"

namespace millrace {

// Who gives the slots of an execution their turns.
class SlotDriver {
  public:
    virtual ~SlotDriver() = default;
    virtual void startSlots(std::vector<Slot*> slots) = 0;
    virtual void stopSlots() = 0;  // when it returns, none is running nor will run
};

class JobMaster final : private CheckpointListener {
  public:
    JobMaster(const std::shared_ptr<const JobGraph>& graph, JobOptions options, SlotDriver& driver,
              StepHooks* hooks = nullptr);
    ~JobMaster() override;

    // The actor.
    void begin();  // the first start
    bool step();
    int64_t nextWake() const;
    Waker& waker() { return waker_; }
    Executor& executor() { return executor_; }

    // From any thread.
    JobDetails details() const;
    JobStatus status() const { return status_.load(); }
    bool atEnd() const;  // a terminal status
    CheckpointStatistics checkpoints() const;
    JobStatus waitForEnd(int64_t timeout_ms);
    // Waits until every subtask runs, or rethrows what kept the first start from it. Not in the simulator.
    void waitForStart();
    void cancel();
    std::string triggerSavepoint(const std::string& target, bool stop, bool drain);
    std::string triggerCheckpoint();
    std::optional<SavepointStatus> savepointStatus(const std::string& trigger_id) const;

  private:
    class AttemptListener;

    // CheckpointListener
    std::map<std::string, std::string> captureEnumerators() override;
    void triggerBarrier(const Barrier& barrier, Execution::AtBarrier then) override;
    void resumeSources() override;
    bool processingBacklog() override;
    void onCheckpointFailure(std::exception_ptr failure) override;
    void onCheckpointComplete(CheckpointId id) override;
    void onAllCommitted() override;
    void onRecord(const CheckpointRecord& record) override;
    void noteRecord(const CheckpointRecord& record);
    void onSavepoint(const std::string& trigger_id, const SavepointStatus& status) override;

    void post(std::function<void()> message) { mailbox_.post(std::move(message)); }
    void restore();
    void describeVertices(const Execution& execution, JobDetails& out) const;
    void onRestored(const std::shared_ptr<RestoredJob>& restored);
    void onOpened(SlotIndex slot);
    // Every subtask is open, or one that is has failed while others were still opening: the start did not
    // fail, the job did.
    void noteStarted();
    void fail(const std::string& task, const std::exception_ptr& failure);
    void tearDown(const std::string& reason);
    void enterTasks(TaskState state);
    void enter(JobStatus status);
    void record(const std::string& task, const std::exception_ptr& failure);
    std::string newTriggerId();
    ProcessingTime now() const { return environment_.clock->now(); }

    const std::shared_ptr<const JobGraph> graph_;
    const JobOptions given_;
    const RuntimeOptions options_;
    SlotDriver& driver_;
    StepHooks* const hooks_;
    Environment environment_;
    std::string job_id_;
    Random random_;
    ExecutionPlan plan_;
    Waker waker_;
    Mailbox mailbox_;
    Executor executor_;
    CheckpointStore store_;
    Committers committers_;
    RestartStrategy restart_;
    std::unique_ptr<CheckpointCoordinator> checkpoints_;
    uint32_t max_parallelism_ = 128;
    CheckpointId next_checkpoint_{1};

    // Of the attempt that runs.
    uint64_t attempt_ = 0;
    std::unique_ptr<AttemptListener> listener_;
    std::shared_ptr<Execution> execution_;
    std::vector<std::unique_ptr<SourceCoordinator>> sources_;
    BacklogWatch backlog_;
    size_t slots_opened_ = 0;
    size_t slots_ended_ = 0;
    bool started_once_ = false;
    int64_t restart_at_ = INT64_MAX;
    JobInitialization initialization_;
    int64_t slots_started_ms_ = 0;

    std::atomic<JobStatus> status_{JobStatus::Created};
    mutable std::mutex mutex_;
    mutable std::condition_variable changed_;
    // Under mutex_.
    std::shared_ptr<const Execution> shown_;
    JobDetails shown_details_;
    TaskStates task_states_;
    CheckpointStatistics statistics_;
    std::map<std::string, SavepointStatus> savepoints_;
    Random trigger_random_;
    std::exception_ptr start_failure_;
    bool shown_started_ = false;
};

}  // namespace millrace
