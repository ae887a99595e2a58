#include "runtime/job.h"

#include <pthread.h>

#include <algorithm>
#include <atomic>
#include <thread>

#include "runtime/job_master.h"

namespace millrace {
namespace {

// Gives an actor its turns until told to stop: sleeps when there is nothing to do.
template <class Step, class NextWake>
void drive(Waker& waker, const Clock& clock, const std::atomic<bool>& stop, Step step, NextWake nextWake) {
    while (!stop.load(std::memory_order_seq_cst)) {
        if (step()) continue;
        waker.announce();
        if (stop.load(std::memory_order_seq_cst) || step()) {
            waker.stayAwake();
            continue;
        }
        const int64_t wake = nextWake();
        const int64_t timeout = wake == INT64_MAX ? -1 : std::max<int64_t>(0, wake - clock.now().value());
        waker.sleep(timeout);
    }
}

void nameThread(const std::string& name) {
    ::pthread_setname_np(::pthread_self(), name.substr(0, 15).c_str());
}

// A job on threads: one for each slot, one for the coordinator, one for what blocks.
class ThreadedJob final : public Job, private SlotDriver {
  public:
    ThreadedJob(std::shared_ptr<const JobGraph> graph, JobOptions options)
        : clock_(*options.environment.clock),
          hooks_(options.hooks),
          master_(std::move(graph), std::move(options), *this, hooks_) {
        executor_thread_ = std::thread([this] {
            nameThread("executor");
            drive(
                master_.executor().waker(), clock_, stop_, [this] { return master_.executor().step(); },
                [] { return INT64_MAX; });
        });
        master_.begin();
        coordinator_thread_ = std::thread([this] {
            nameThread("coordinator");
            drive(
                master_.waker(), clock_, stop_, [this] { return master_.step(); },
                [this] { return master_.nextWake(); });
        });
    }

    ~ThreadedJob() override {
        if (!master_.atEnd()) {
            master_.cancel();
            master_.waitForEnd(-1);
        }
        stop_.store(true, std::memory_order_seq_cst);
        master_.waker().wake();
        master_.executor().waker().wake();
        coordinator_thread_.join();
        executor_thread_.join();
    }

    void waitForStart() { master_.waitForStart(); }

    JobDetails details() const override { return master_.details(); }
    JobStatus status() const override { return master_.status(); }
    CheckpointStatistics checkpoints() const override { return master_.checkpoints(); }
    JobStatus waitForEnd(int64_t timeout_ms) override { return master_.waitForEnd(timeout_ms); }
    void cancel() override { master_.cancel(); }
    std::string triggerSavepoint(const std::string& target, bool stop, bool drain) override {
        return master_.triggerSavepoint(target, stop, drain);
    }
    std::string triggerCheckpoint() override { return master_.triggerCheckpoint(); }
    std::optional<SavepointStatus> savepointStatus(const std::string& trigger_id) const override {
        return master_.savepointStatus(trigger_id);
    }

  private:
    void startSlots(std::vector<Slot*> slots) override {
        slots_ = std::move(slots);
        stop_slots_.store(false, std::memory_order_seq_cst);
        for (size_t i = 0; i < slots_.size(); ++i) {
            slot_threads_.emplace_back([this, i, slot = slots_[i]] {
                nameThread("slot-" + std::to_string(i));
                drive(
                    slot->waker(), clock_, stop_slots_, [slot] { return slot->step(); },
                    [slot] { return slot->nextWake(); });
            });
        }
    }
    void stopSlots() override {
        stop_slots_.store(true, std::memory_order_seq_cst);
        for (Slot* slot : slots_)
            slot->waker().wake();
        for (std::thread& thread : slot_threads_)
            thread.join();
        slot_threads_.clear();
        slots_.clear();
    }

    const Clock& clock_;
    std::atomic<bool> stop_{false};
    std::atomic<bool> stop_slots_{false};
    std::vector<Slot*> slots_;
    std::vector<std::thread> slot_threads_;
    StepHooks* const hooks_;
    JobMaster master_;
    std::thread executor_thread_;
    std::thread coordinator_thread_;
};

}  // namespace

std::string toString(JobStatus status) {
    switch (status) {
        case JobStatus::Created:
            return "CREATED";
        case JobStatus::Running:
            return "RUNNING";
        case JobStatus::Restarting:
            return "RESTARTING";
        case JobStatus::Failing:
            return "FAILING";
        case JobStatus::Failed:
            return "FAILED";
        case JobStatus::Cancelling:
            return "CANCELLING";
        case JobStatus::Canceled:
            return "CANCELED";
        case JobStatus::Finished:
            return "FINISHED";
        case JobStatus::Suspended:
            return "SUSPENDED";
    }
    return "";
}

std::unique_ptr<Job> Job::start(std::shared_ptr<const JobGraph> graph, JobOptions options) {
    auto job = std::make_unique<ThreadedJob>(std::move(graph), std::move(options));
    job->waitForStart();
    return job;
}

}  // namespace millrace
