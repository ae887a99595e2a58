#include "runtime/job_master.h"

#include <algorithm>
#include <chrono>

#include "base/error.h"
#include "base/log.h"
#include "runtime/checker.h"
#include "state/spilling_memory.h"

namespace millrace {
namespace {

constexpr const char* kJobLog = "runtime.job";
constexpr size_t kFailuresShown = 20;
constexpr size_t kCheckpointsShown = 10;

std::string hexId(Random& random) { return fmt::format("{:016x}{:016x}", random.next(), random.next()); }

Environment seeded(Environment environment) {
    if (environment.seed == 0) environment.seed = entropySeed();
    return environment;
}

std::shared_ptr<const JobGraph> checked(const std::shared_ptr<const JobGraph>& graph) {
    graph->check();
    return RuntimeOptions::from(graph->configuration).checker ? withChecker(graph) : graph;
}

bool isTerminal(JobStatus status) {
    return status == JobStatus::Failed || status == JobStatus::Canceled || status == JobStatus::Finished ||
           status == JobStatus::Suspended;
}

}  // namespace

// Brings what the slots of one attempt say to the coordinator, and drops what comes after its end.
class JobMaster::AttemptListener final : public SlotListener {
  public:
    AttemptListener(JobMaster& master, uint64_t attempt) : master_(master), attempt_(attempt) {}

    void onOpened(SlotIndex slot) override {
        post([this, slot] { master_.onOpened(slot); });
    }
    void onSplitRequest(NodeId source, SlotIndex reader) override {
        toCoordinator(source,
                      [reader](SourceCoordinator& coordinator) { coordinator.onSplitRequest(reader); });
    }
    void onReaderEvent(NodeId source, SlotIndex reader, std::string event) override {
        toCoordinator(source, [reader, event = std::move(event)](SourceCoordinator& coordinator) {
            coordinator.onReaderEvent(reader, event);
        });
    }
    void onAcknowledge(TaskAcknowledgement acknowledgement) override {
        auto shared = std::make_shared<TaskAcknowledgement>(std::move(acknowledgement));
        post([this, shared] { master_.checkpoints_->acknowledge(std::move(*shared)); });
    }
    void onInputEnded(SlotIndex) override {
        post([this] {
            if (++master_.slots_ended_ == master_.options_.parallelism) {
                master_.checkpoints_->onInputEnded();
            }
        });
    }
    void onFailed(SlotIndex slot, const std::string& task, std::exception_ptr failure) override {
        std::string name =
            task.empty() ? "" : TaskStates::nameOf(task, slot.value(), master_.options_.parallelism);
        post([this, slot, name = std::move(name), failure] {
            if (master_.execution_->slot(slot.value()).opened()) master_.noteStarted();
            master_.fail(name, failure);
        });
    }

  private:
    void toCoordinator(NodeId source, std::function<void(SourceCoordinator&)> message) {
        post([this, source, message = std::move(message)] {
            for (const auto& coordinator : master_.sources_) {
                if (coordinator->node().id != source) continue;
                try {
                    message(*coordinator);
                } catch (const std::exception&) {
                    master_.fail(coordinator->node().name, std::current_exception());
                    return;
                }
            }
        });
    }
    void post(std::function<void()> message) {
        // The master is asked before this object is touched: it may be gone by then.
        master_.post([master = &master_, attempt = attempt_, message = std::move(message)] {
            if (master->attempt_ == attempt && master->listener_ != nullptr) message();
        });
    }
    JobMaster& master_;
    const uint64_t attempt_;
};

JobMaster::JobMaster(const std::shared_ptr<const JobGraph>& graph, JobOptions options, SlotDriver& driver,
                     StepHooks* hooks)
    : graph_(checked(graph)),
      given_(std::move(options)),
      options_(RuntimeOptions::from(graph_->configuration)),
      driver_(driver),
      hooks_(hooks),
      environment_(seeded(given_.environment)),
      random_(environment_.seed),
      plan_(ExecutionPlan::make(graph_, options_.parallelism)),
      mailbox_(waker_),
      store_(*environment_.files,
             {options_.checkpoint_dir, static_cast<size_t>(options_.retained_checkpoints),
              options_.checkpoint_compression, options_.checkpoint_inline_max},
             job_id_ = given_.job_id.empty() ? hexId(random_) : given_.job_id, hooks),
      committers_(graph_, environment_, hooks),
      restart_(options_.restart, random_.fork()),
      backlog_(options_.backlog_watermark_lag),
      task_states_(plan_, now().value()),
      trigger_random_(random_.fork()) {
    for (const auto& [key, meant] : misspeltKeys(graph_->configuration)) {
        logWarn(kJobLog, "'{}' means nothing here; did you mean '{}'?", key, meant);
    }
    shown_details_.job_id = job_id_;
    shown_details_.name = graph_->name;
    shown_details_.parallelism = options_.parallelism;
    shown_details_.max_parallelism =
        options_.max_parallelism.value_or(defaultMaxParallelism(options_.parallelism));
    shown_details_.start_ms = now().value();
    shown_details_.status_times_ms[toString(JobStatus::Created)] = now().value();
}

JobMaster::~JobMaster() {
    if (execution_ != nullptr) driver_.stopSlots();
}

void JobMaster::begin() { restore(); }

bool JobMaster::step() {
    try {
        bool worked = mailbox_.run();
        const ProcessingTime time = now();
        if (execution_ != nullptr && checkpoints_ != nullptr) {
            for (size_t i = 0; i < sources_.size(); ++i) {
                try {
                    worked |= sources_[i]->discoverIfDue(time);
                } catch (const std::exception&) {
                    fail(sources_[i]->node().name, std::current_exception());
                    return true;
                }
            }
            worked |= checkpoints_->tick(time);
        }
        if (time.value() >= restart_at_) {
            restart_at_ = INT64_MAX;
            restore();
            worked = true;
        }
        return worked;
    } catch (const std::exception&) {
        fail("", std::current_exception());
        return true;
    }
}

int64_t JobMaster::nextWake() const {
    int64_t next = restart_at_;
    if (execution_ == nullptr || checkpoints_ == nullptr) return next;
    next = std::min(next, checkpoints_->nextWake());
    for (const auto& source : sources_)
        next = std::min(next, source->nextWake());
    return next;
}

// A start. What blocks is done by the executor: after whatever a former attempt still has to write.
void JobMaster::restore() {
    RestoreRequest request;
    request.path = pathOf(given_.restore_path);
    request.use_store = attempt_ > 0 || given_.resume_latest;
    request.clean_up = attempt_ > 0 || given_.resume_latest || !given_.restore_path.empty();
    request.allow_non_restored_state = given_.allow_non_restored_state;
    const uint64_t attempt = ++attempt_;
    initialization_ = {};
    initialization_.start_ms = now().value();
    if (attempt > 1) {
        const std::lock_guard lock(mutex_);
        task_states_.beginAttempt(now().value());
    }
    enterTasks(TaskState::Scheduled);
    executor_.submit([this, request, attempt] {
        std::shared_ptr<RestoredJob> restored;
        std::exception_ptr failure;
        try {
            restored = std::make_shared<RestoredJob>(
                restoreJob(request, *graph_, options_, job_id_, *environment_.files, store_, committers_));
        } catch (const std::exception&) {
            failure = std::current_exception();
        }
        post([this, attempt, restored, failure] {
            if (attempt != attempt_ || isTerminal(status_)) return;
            if (failure != nullptr) {
                fail("restore", failure);
            } else {
                onRestored(restored);
            }
        });
    });
}

void JobMaster::onRestored(const std::shared_ptr<RestoredJob>& restored) {
    max_parallelism_ = restored->max_parallelism;
    initialization_.download_ms = now().value() - initialization_.start_ms;
    if (checkpoints_ == nullptr) {
        checkpoints_ = std::make_unique<CheckpointCoordinator>(
            CheckpointCoordinatorParameters{graph_, options_, job_id_, max_parallelism_, environment_,
                                            hooks_},
            static_cast<CheckpointListener&>(*this), executor_, store_, committers_,
            [this](std::function<void()> message) { post(std::move(message)); });
    }
    backlog_.onStarted();
    listener_ = std::make_unique<AttemptListener>(*this, attempt_);
    ExecutionParameters parameters;
    SlotSurroundings& surroundings = parameters.surroundings;
    surroundings.environment = environment_;
    surroundings.configuration = &graph_->configuration;
    surroundings.parallelism = options_.parallelism;
    surroundings.max_parallelism = max_parallelism_;
    surroundings.batch_rows_max = options_.batch_rows_max;
    surroundings.capture_rows_max = options_.capture_rows_max;
    if (options_.state_on_disk)
        surroundings.spill =
            std::make_shared<SpillBudget>(options_.state_folder, options_.state_memory_bytes);
    surroundings.operator_detail = options_.operator_detail;
    surroundings.job_id = job_id_;
    surroundings.attempt_id = hexId(random_).substr(0, 16);
    surroundings.seed = random_.next();
    surroundings.hooks = hooks_;
    surroundings.listener = listener_.get();
    surroundings.alignment = std::make_shared<WatermarkAlignmentGroups>();
    parameters.restored =
        std::make_shared<const std::map<std::string, OperatorSnapshots>>(std::move(restored->operators));
    enterTasks(TaskState::Deploying);
    execution_ = std::make_shared<Execution>(plan_, parameters);
    slots_opened_ = slots_ended_ = 0;
    std::string task;
    try {
        for (const JobNode& node : graph_->nodes()) {
            if (!std::holds_alternative<std::shared_ptr<const Source>>(node.what)) continue;
            task = node.name;
            std::optional<std::string> state;
            const auto found = restored->enumerators.find(node.uid);
            if (found != restored->enumerators.end()) state = found->second;
            sources_.push_back(
                std::make_unique<SourceCoordinator>(node, environment_, options_, *execution_, state));
            sources_.back()->start();
        }
    } catch (const std::exception&) {
        fail(task, std::current_exception());
        return;
    }
    {
        const std::lock_guard lock(mutex_);
        shown_ = execution_;
        shown_details_.max_parallelism = max_parallelism_;
        if (restored->from) {
            const Snapshot& snapshot = *restored->from->snapshot;
            ++statistics_.restored;
            CheckpointRecord from;
            from.id = snapshot.id;
            from.savepoint = snapshot.kind == SnapshotKind::Savepoint;
            from.status = "COMPLETED";
            from.trigger_ms = snapshot.timestamp_ms;
            from.end_ms = now().value();
            from.path = restored->from->path;
            statistics_.latest_restored = from;
            initialization_.from = snapshot.id;
            for (const auto& one : snapshot.operators)
                initialization_.restored_bytes += one->bytes();
        }
    }
    next_checkpoint_ = restored->next_id;
    enterTasks(TaskState::Initializing);
    slots_started_ms_ = now().value();
    driver_.startSlots(execution_->slots());
}

void JobMaster::onOpened(SlotIndex slot) {
    const int64_t now_ms = now().value();
    {
        const std::lock_guard lock(mutex_);
        task_states_.enterSlot(slot.value(), TaskState::Running, now_ms);
    }
    const int64_t start_ms = now_ms - slots_started_ms_;
    initialization_.mailbox_start_ms_sum += start_ms;
    initialization_.mailbox_start_ms_max = std::max(initialization_.mailbox_start_ms_max, start_ms);
    for (size_t vertex = 0; vertex < plan_.vertices.size(); ++vertex) {
        const int64_t opening_ms = execution_->slot(slot.value()).task(vertex).initializeMs();
        initialization_.initialize_state_ms_sum += opening_ms;
        initialization_.initialize_state_ms_max =
            std::max(initialization_.initialize_state_ms_max, opening_ms);
    }
    if (++slots_opened_ < options_.parallelism) return;
    initialization_.end_ms = now_ms;
    if (logEnabled(LogLevel::Info)) reportTrace(initializationTrace(job_id_, initialization_));
    checkpoints_->onStarted(plan_.vertices.size(), next_checkpoint_, now());
    enter(JobStatus::Running);
    noteStarted();
}

void JobMaster::noteStarted() {
    started_once_ = true;
    const std::lock_guard lock(mutex_);
    shown_started_ = true;
    changed_.notify_all();
}

void JobMaster::tearDown(const std::string& reason) {
    if (execution_ != nullptr) {
        driver_.stopSlots();
        {
            const std::lock_guard lock(mutex_);
            describeVertices(*execution_, shown_details_);  // what it came to stays visible
            shown_.reset();
        }
        sources_.clear();
        execution_.reset();
    }
    listener_.reset();
    if (checkpoints_ != nullptr) checkpoints_->onStopped(reason);
}

void JobMaster::fail(const std::string& task, const std::exception_ptr& failure) {
    if (isTerminal(status_)) return;
    record(task, failure);
    if (restart_at_ != INT64_MAX) return;  // already on its way to a restart
    enter(JobStatus::Failing);
    tearDown("the job failed while it was under way");
    {
        const std::lock_guard lock(mutex_);
        task_states_.fail(task, now().value());
    }
    ++attempt_;  // what is still on its way from this attempt is stale
    if (!started_once_) {
        {
            const std::lock_guard lock(mutex_);
            start_failure_ = failure;
        }
        enter(JobStatus::Failed);
        return;
    }
    const std::optional<Duration> delay = restart_.onFailure(now());
    if (!delay) {
        enter(JobStatus::Failed);
        return;
    }
    {
        const std::lock_guard lock(mutex_);
        ++shown_details_.restarts;
    }
    logInfo(kJobLog, "job {} restarts in {}", job_id_, formatDuration(*delay));
    enter(JobStatus::Restarting);
    restart_at_ = now().value() + delay->ms;
}

void JobMaster::record(const std::string& task, const std::exception_ptr& failure) {
    JobFailure shown;
    shown.timestamp_ms = now().value();
    shown.task = task;
    try {
        std::rethrow_exception(failure);
    } catch (const UserError& error) {
        shown.message = error.what();
        shown.code = error.code();
        shown.hint = error.problem().hint;
    } catch (const std::exception& error) {
        shown.message = error.what();
        shown.code = "internal";
    }
    logError(kJobLog, "job {} failed{}{}: {}", job_id_, task.empty() ? "" : " in ", task, shown.message);
    const std::lock_guard lock(mutex_);
    auto& failures = shown_details_.failures;
    failures.insert(failures.begin(), std::move(shown));
    if (failures.size() > kFailuresShown) failures.resize(kFailuresShown);
}

void JobMaster::enter(JobStatus status) {
    const std::lock_guard lock(mutex_);
    if (status_ == status) return;
    logInfo(kJobLog, "Job {} ({}) switched from state {} to {}.", graph_->name, job_id_,
            toString(status_.load()), toString(status));
    status_ = status;
    shown_details_.status = status;
    shown_details_.status_times_ms[toString(status)] = now().value();
    if (isTerminal(status)) shown_details_.end_ms = now().value();
    changed_.notify_all();
}

void JobMaster::enterTasks(TaskState state) {
    const std::lock_guard lock(mutex_);
    task_states_.enterAll(state, now().value());
}

std::map<std::string, std::string> JobMaster::captureEnumerators() {
    std::map<std::string, std::string> out;
    for (const auto& source : sources_)
        out[source->node().uid] = source->snapshot();
    return out;
}

void JobMaster::triggerBarrier(const Barrier& barrier, Execution::AtBarrier then) {
    execution_->trigger(barrier, then);
}

void JobMaster::resumeSources() { execution_->resume(); }

bool JobMaster::processingBacklog() { return backlog_.behind(*execution_, plan_, now()); }

void JobMaster::onCheckpointFailure(std::exception_ptr failure) { fail("checkpoint", failure); }

void JobMaster::onCheckpointComplete(CheckpointId id) { execution_->checkpointComplete(id); }

void JobMaster::onAllCommitted() {
    driver_.stopSlots();
    execution_->deliverMessages();  // readers hear of the last checkpoint, too
    tearDown("the job has finished");
    enterTasks(TaskState::Finished);
    ++attempt_;
    enter(JobStatus::Finished);
}

void JobMaster::onRecord(const CheckpointRecord& record) {
    noteRecord(record);
    if (record.status != "COMPLETED") return;
    for (const auto& source : sources_)
        source->onCheckpointComplete();
}

void JobMaster::noteRecord(const CheckpointRecord& record) {
    const std::lock_guard lock(mutex_);
    auto& history = statistics_.history;
    const auto known = std::find_if(history.begin(), history.end(),
                                    [&](const CheckpointRecord& r) { return r.id == record.id; });
    if (known == history.end()) {
        history.insert(history.begin(), record);
        if (history.size() > kCheckpointsShown) history.pop_back();
        ++statistics_.in_progress;
        return;
    }
    *known = record;
    if (record.status == "IN_PROGRESS") return;
    if (logEnabled(LogLevel::Info)) reportTrace(checkpointTrace(job_id_, record));
    --statistics_.in_progress;
    ++(record.status == "COMPLETED" ? statistics_.completed : statistics_.failed);
}

void JobMaster::onSavepoint(const std::string& trigger_id, const SavepointStatus& status) {
    const std::lock_guard lock(mutex_);
    savepoints_[trigger_id] = status;
}

}  // namespace millrace
