#include "runtime/checkpoint_coordinator.h"

#include <algorithm>
#include <exception>

#include "base/error.h"
#include "base/log.h"

namespace millrace {
namespace {

constexpr const char* kCheckpointLog = "runtime.checkpoint";
// After so many checkpoints that could not be written all state is captured anew: what they captured, which
// has to be kept till then, is let go.
constexpr size_t kUnwrittenMax = 8;
constexpr int64_t kProgressShownAfterMs = 500;

std::string messageOf(const std::exception_ptr& failure) {
    try {
        std::rethrow_exception(failure);
    } catch (const std::exception& error) {
        return error.what();
    }
}

std::exception_ptr failureOf(std::string code, std::string message, std::string hint = "") {
    return std::make_exception_ptr(UserError(std::move(code), std::move(message), std::move(hint)));
}

}  // namespace

CheckpointCoordinator::CheckpointCoordinator(CheckpointCoordinatorParameters parameters,
                                             CheckpointListener& listener, Executor& executor,
                                             CheckpointStore& store, Committers& committers,
                                             std::function<void(std::function<void()>)> post)
    : parameters_(std::move(parameters)),
      listener_(listener),
      executor_(executor),
      store_(store),
      committers_(committers),
      post_(std::move(post)) {}

void CheckpointCoordinator::onStarted(size_t vertices, CheckpointId next, ProcessingTime now) {
    vertices_ = vertices;
    tasks_ = vertices * options().parallelism;
    next_id_ = std::max(next_id_, next);
    schedulePeriodic(now);
}

void CheckpointCoordinator::schedulePeriodic(ProcessingTime now) {
    last_trigger_ms_ = now.value();
    if (options().checkpoint_interval.ms > 0) {
        next_periodic_ms_ = now.value() + options().checkpoint_interval.ms;
    }
}

// The sources are asked again after each plain interval, so that catching up ends the wait.
bool CheckpointCoordinator::postponedByBacklog(ProcessingTime now) {
    if (!options().backlog_checkpoint_interval || !listener_.processingBacklog()) return false;
    const int64_t interval = options().backlog_checkpoint_interval->ms;
    const int64_t due = interval > 0 ? last_trigger_ms_ + interval : INT64_MAX;
    if (due <= now.value()) return false;
    next_periodic_ms_ = std::min(due, now.value() + options().checkpoint_interval.ms);
    return true;
}

void CheckpointCoordinator::onStopped(const std::string& reason) {
    attempt_->fetch_add(1);
    tasks_ = 0;
    const auto give_up = [&](Pending& checkpoint) {
        checkpoint.record.status = "FAILED";
        checkpoint.record.end_ms = now().value();
        checkpoint.record.failure = reason;
        listener_.onRecord(checkpoint.record);
        failRequest(checkpoint.request, reason);
    };
    if (pending_) give_up(*pending_);
    if (writing_) give_up(*writing_);
    for (const Request& request : requests_)
        failRequest(request, reason);
    pending_.reset();
    writing_.reset();
    requests_.clear();
    uncommitted_.clear();  // what is complete carries its own
    unwritten_.clear();    // an execution begins with full captures
    next_periodic_ms_ = INT64_MAX;
    failures_in_a_row_ = 0;
    input_ended_ = ending_ = false;
}

void CheckpointCoordinator::requestCheckpoint(const std::string& trigger_id) {
    Request wanted;
    wanted.trigger_id = trigger_id;
    request(std::move(wanted));
}

void CheckpointCoordinator::requestSavepoint(const std::string& trigger_id, const std::string& target,
                                             bool stop, bool drain) {
    request({trigger_id, target, true, stop, drain, false});
}

void CheckpointCoordinator::request(Request request) {
    if (!running() || ending_) {
        failRequest(request, "the job is not running");
    } else {
        requests_.push_back(std::move(request));
    }
}

// Periodic checkpoints have nobody who waits for them.
void CheckpointCoordinator::settle(const Request& request, const SavepointStatus& status) {
    if (!request.trigger_id.empty()) listener_.onSavepoint(request.trigger_id, status);
}

void CheckpointCoordinator::failRequest(const Request& request, const std::string& message) {
    settle(request, {SavepointStatus::State::Failed, "", message});
}

int64_t CheckpointCoordinator::nextWake() const {
    if (!running()) return INT64_MAX;
    if (pending_) return pending_->record.trigger_ms + options().checkpoint_timeout.ms;
    if (writing_ || ending_) return INT64_MAX;
    return next_periodic_ms_;
}

bool CheckpointCoordinator::tick(ProcessingTime now) {
    if (!running()) return false;
    if (pending_ && now.value() >= pending_->record.trigger_ms + options().checkpoint_timeout.ms) {
        fail(failureOf("checkpoint.timeout",
                       fmt::format("checkpoint {} was not complete after {}", pending_->record.id.value(),
                                   formatDuration(options().checkpoint_timeout)),
                       "the job may be held back by a slow sink; raise execution.checkpointing.timeout"));
        return true;
    }
    if (pending_ || writing_ || ending_) return false;
    if (!requests_.empty()) {
        Request request = std::move(requests_.front());
        requests_.erase(requests_.begin());
        trigger(std::move(request), now);
        return true;
    }
    if (input_ended_) {
        Request last;
        last.final = true;
        trigger(std::move(last), now);
        return true;
    }
    if (now.value() < next_periodic_ms_ || postponedByBacklog(now)) return false;
    trigger({}, now);
    return true;
}

void CheckpointCoordinator::trigger(Request request, ProcessingTime now) {
    Pending checkpoint;
    checkpoint.record.id = next_id_;
    checkpoint.record.savepoint = request.savepoint;
    checkpoint.record.status = "IN_PROGRESS";
    checkpoint.record.stop = request.stop;
    checkpoint.record.trigger_ms = now.value();
    checkpoint.record.tasks.assign(vertices_, std::vector<SubtaskCheckpoint>(options().parallelism));
    checkpoint.missing = tasks_;
    checkpoint.barrier = {next_id_, !request.final || storing(), fullWanted()};
    next_id_ = next_id_.next();
    schedulePeriodic(now);
    ending_ = request.final || request.stop;
    checkpoint.enumerators = listener_.captureEnumerators();
    auto then = Execution::AtBarrier::GoOn;
    if (request.stop) then = request.drain ? Execution::AtBarrier::Drain : Execution::AtBarrier::Suspend;
    checkpoint.request = std::move(request);
    if (checkpoint.barrier.capture) listener_.onRecord(checkpoint.record);
    const Barrier barrier = checkpoint.barrier;
    pending_ = std::move(checkpoint);
    listener_.triggerBarrier(barrier, then);
}

void CheckpointCoordinator::acknowledge(TaskAcknowledgement acknowledgement) {
    if (!running()) return;
    atStep(parameters_.hooks, CheckpointStep::Acknowledge);
    // Even of a checkpoint that was given up: what it prepared is committed with the next one.
    for (auto& [uid, items] : acknowledgement.committables) {
        uncommitted_[acknowledgement.id][uid][acknowledgement.subtask] = std::move(items);
    }
    const bool wanted = pending_ && pending_->record.id == acknowledgement.id;
    if (wanted) note(*pending_, acknowledgement);
    keepCaptured(acknowledgement);
    if (!wanted) return;
    Pending& pending = *pending_;
    if (--pending.missing > 0) {
        // Quick ones are over before anybody could look.
        const bool slow = pending.record.latest_ack_ms - pending.record.trigger_ms >= kProgressShownAfterMs;
        if (slow && pending.barrier.capture) listener_.onRecord(pending.record);
        return;
    }
    for (const auto& [id, sinks] : uncommitted_) {
        if (id > pending.record.id) break;
        for (const auto& [uid, subtasks] : sinks) {
            std::vector<std::string>& all = pending.committables[uid];
            for (const auto& [subtask, items] : subtasks)
                all.insert(all.end(), items.begin(), items.end());
        }
    }
    writing_ = std::make_shared<Pending>(std::move(pending));
    pending_.reset();
    if (writing_->barrier.capture) {
        write();
    } else {
        commit();
    }
}

void CheckpointCoordinator::note(Pending& pending, const TaskAcknowledgement& acknowledgement) const {
    CheckpointRecord& record = pending.record;
    record.sync_pause_us_max = std::max(record.sync_pause_us_max, acknowledgement.pause_us);
    record.latest_ack_ms = now().value();
    SubtaskCheckpoint& subtask = record.tasks[acknowledgement.vertex][acknowledgement.subtask.value()];
    subtask.acknowledged = true;
    subtask.ack_ms = record.latest_ack_ms;
    subtask.start_delay_ms = std::max<int64_t>(0, acknowledgement.first_barrier_ms - record.trigger_ms);
    subtask.alignment_us = acknowledgement.alignment_us;
    subtask.sync_us = acknowledgement.sync_us;
    subtask.async_us = acknowledgement.async_us;
    for (const auto& captured : acknowledgement.operators) {
        subtask.bytes += captured->bytes();
        pending.vertex_of[{captured->uid, captured->subtask}] = acknowledgement.vertex;
    }
}

bool CheckpointCoordinator::fullWanted() const {
    return !options().incremental_checkpoints ||
           std::any_of(unwritten_.begin(), unwritten_.end(),
                       [](const auto& entry) { return entry.second.size() >= kUnwrittenMax; });
}

// Whatever becomes of its checkpoint. What is complete in itself takes the place of what came before.
void CheckpointCoordinator::keepCaptured(TaskAcknowledgement& acknowledgement) {
    if (acknowledgement.operators.empty()) return;
    auto& all = unwritten_[{acknowledgement.vertex, acknowledgement.subtask}];
    const auto complete = [](const auto& one) { return one->complete(); };
    if (std::all_of(acknowledgement.operators.begin(), acknowledgement.operators.end(), complete))
        all.clear();
    all.push_back({acknowledgement.id, std::move(acknowledgement.operators)});
}

void CheckpointCoordinator::submit(std::function<void(const Reply&)> work) {
    executor_.submit([this, attempt = attempt_, wanted = attempt_->load(), work = std::move(work)] {
        if (attempt->load() != wanted) return;
        work([&](std::function<void()> result) {
            post_([attempt, wanted, result = std::move(result)] {
                if (attempt->load() == wanted) result();
            });
        });
    });
}

void CheckpointCoordinator::write() {
    auto snapshot = std::make_shared<Snapshot>();
    snapshot->kind = SnapshotKind::Checkpoint;
    snapshot->id = writing_->record.id;
    snapshot->timestamp_ms = writing_->record.trigger_ms;
    snapshot->job_id = parameters_.job_id;
    snapshot->job_name = parameters_.graph->name;
    snapshot->parallelism = options().parallelism;
    snapshot->max_parallelism = parameters_.max_parallelism;
    snapshot->plan = parameters_.graph->plan;
    for (const auto& [task, all] : unwritten_) {
        for (const Captured& captured : all) {
            snapshot->operators.insert(snapshot->operators.end(), captured.operators.begin(),
                                       captured.operators.end());
        }
    }
    snapshot->coordinators = writing_->enumerators;
    snapshot->committables = writing_->committables;

    std::string savepoint_path;
    if (writing_->request.savepoint) {
        const std::string random = fmt::format(
            "{:012x}",
            Random(parameters_.environment.seed ^ static_cast<uint64_t>(snapshot->id.value())).next() &
                0xFFFFFFFFFFFFULL);
        savepoint_path = joinPath(writing_->request.target,
                                  fmt::format("savepoint-{}-{}", parameters_.job_id.substr(0, 6), random));
    }
    submit([this, snapshot, savepoint_path](const Reply& reply) {
        try {
            uint64_t savepoint_bytes = 0;
            if (!savepoint_path.empty()) {
                savepoint_bytes = store_.writeSavepoint(savepoint_path, *snapshot);
                parameters_.environment.files->syncFolder(parentFolder(savepoint_path));
            }
            CheckpointStore::Written written = store_.write(*snapshot);
            if (!savepoint_path.empty()) {
                written.bytes = savepoint_bytes;
                written.path = savepoint_path;
            }
            reply([this, written = std::move(written)] { onWritten(written); });
        } catch (const std::exception&) {
            reply([this, failure = std::current_exception()] { fail(failure); });
        }
    });
}

void CheckpointCoordinator::onWritten(const CheckpointStore::Written& written) {
    for (auto& [task, all] : unwritten_) {
        std::erase_if(all, [&](const Captured& captured) { return captured.id <= writing_->record.id; });
    }
    CheckpointRecord& record = writing_->record;
    record.bytes = written.bytes;
    record.path = written.path;
    for (const auto& [place, bytes] : written.state_bytes) {
        record.state_bytes += bytes;
        const auto vertex = writing_->vertex_of.find(place);
        if (vertex == writing_->vertex_of.end()) continue;
        record.tasks[vertex->second][place.second.value()].state_bytes += bytes;
    }
    commit();
}

void CheckpointCoordinator::commit() {
    submit([this, committables = writing_->committables](const Reply& reply) {
        try {
            committers_.commit(committables);
            reply([this] { onCommitted(); });
        } catch (const std::exception&) {
            reply([this, failure = std::current_exception()] { listener_.onCheckpointFailure(failure); });
        }
    });
}

void CheckpointCoordinator::onCommitted() {
    const std::shared_ptr<Pending> done = std::move(writing_);
    writing_.reset();
    uncommitted_.erase(uncommitted_.begin(), uncommitted_.upper_bound(done->record.id));
    failures_in_a_row_ = 0;
    const ProcessingTime end = now();
    if (next_periodic_ms_ != INT64_MAX) {
        next_periodic_ms_ = std::max(next_periodic_ms_, end.value() + options().checkpoint_min_pause.ms);
    }
    if (done->barrier.capture) {
        done->record.status = "COMPLETED";
        done->record.end_ms = end.value();
        listener_.onRecord(done->record);
        listener_.onCheckpointComplete(done->record.id);
        executor_.submit([this, id = done->record.id] {
            store_.discardOlderThan(id);
            store_.compact();
        });
    }
    settle(done->request, {SavepointStatus::State::Completed, done->record.path, ""});
    if (done->request.final || done->request.stop) {
        for (const Request& request : requests_)
            failRequest(request, "the job has finished");
        requests_.clear();
        listener_.onAllCommitted();
    }
}

void CheckpointCoordinator::fail(const std::exception_ptr& failure) {
    Pending failed;
    if (pending_) {
        failed = std::move(*pending_);
        pending_.reset();
    } else {
        failed = std::move(*writing_);
        writing_.reset();
    }
    const std::string message = messageOf(failure);
    logWarn(kCheckpointLog, "{} {} failed: {}", failed.request.savepoint ? "savepoint" : "checkpoint",
            failed.record.id.value(), message);
    failed.record.status = "FAILED";
    failed.record.end_ms = now().value();
    failed.record.failure = message;
    listener_.onRecord(failed.record);
    failRequest(failed.request, message);
    ending_ = false;
    if (next_periodic_ms_ != INT64_MAX) {
        next_periodic_ms_ = std::max(next_periodic_ms_, now().value() + options().checkpoint_min_pause.ms);
    }
    if (failed.request.savepoint) {
        // As in Flink, a savepoint that fails does not count; only drained sources cannot go on.
        if (failed.request.drain) {
            listener_.onCheckpointFailure(failure);
        } else if (failed.request.stop) {
            listener_.resumeSources();
        }
        return;
    }
    if (++failures_in_a_row_ > options().tolerable_failed_checkpoints) {
        listener_.onCheckpointFailure(failure);
    }
}

}  // namespace millrace
