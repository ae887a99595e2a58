// What others ask of a running job: the half of JobMaster that any thread may call.
#include <algorithm>
#include <chrono>

#include "base/error.h"
#include "runtime/job_master.h"

namespace millrace {
namespace {

constexpr size_t kSavepointsShown = 100;

// A vertex's metrics are those of its ends, the sums of what its operators count, and each operator's own
// under
// "<operator>.<metric>".
void addNodeMetrics(const ChainNode& node, bool first, bool last, std::map<std::string, int64_t>& out) {
    for (const auto& [name, value] : node.metrics().read()) {
        out[node.node().name + "." + name] = value;
        if (name == "numRecordsIn" || name == "currentInputWatermark") {
            if (first) out[name] = value;
        } else if (name == "numRecordsOut") {
            if (last) out[name] += value;
        } else if (name == "currentOutputWatermark") {
            if (last) out[name] = value;
        } else {
            out[name] += value;
        }
    }
}

}  // namespace

bool JobMaster::atEnd() const {
    const JobStatus status = status_;
    return status == JobStatus::Failed || status == JobStatus::Canceled || status == JobStatus::Finished ||
           status == JobStatus::Suspended;
}

JobDetails JobMaster::details() const {
    const std::lock_guard lock(mutex_);
    JobDetails out = shown_details_;
    if (shown_ != nullptr) {
        describeVertices(*shown_, out);
    } else if (out.vertices.empty()) {
        for (const PlannedVertex& vertex : plan_.vertices) {
            out.vertices.push_back(
                {vertex.id, vertex.name, vertex.nodes, std::vector<SubtaskDetails>(plan_.parallelism)});
        }
    }
    task_states_.describe(out);
    return out;
}

void JobMaster::describeVertices(const Execution& execution, JobDetails& out) const {
    const int64_t now_ns = environment_.clock->monotonicNanos();
    out.vertices.clear();
    out.state_bytes = 0;
    for (size_t v = 0; v < plan_.vertices.size(); ++v) {
        const PlannedVertex& vertex = plan_.vertices[v];
        VertexDetails details{vertex.id, vertex.name, vertex.nodes, {}};
        for (const NodeId node : vertex.nodes)
            details.operators.push_back({node, {}});
        for (uint32_t i = 0; i < plan_.parallelism; ++i) {
            const Slot& slot = execution.slot(i);
            const Task& task = slot.task(v);
            SubtaskDetails subtask;
            for (size_t n = 0; n < task.nodes().size(); ++n) {
                const ChainNode& node = *task.nodes()[n];
                addNodeMetrics(node, n == 0, n + 1 == task.nodes().size(), subtask.metrics);
                details.operators[n].metrics.push_back(node.metrics().read());
            }
            // Beside what connectors read from outside and write to it.
            subtask.metrics["numBytesIn"] += task.bytesIn();
            subtask.metrics["numBytesOut"] += task.bytesOut();
            task.times().read(now_ns, slot.asleep(), subtask.metrics);
            out.state_bytes += subtask.metrics["stateBytes"];
            details.subtasks.push_back(std::move(subtask));
        }
        out.vertices.push_back(std::move(details));
    }
}

CheckpointStatistics JobMaster::checkpoints() const {
    const std::lock_guard lock(mutex_);
    return statistics_;
}

JobStatus JobMaster::waitForEnd(int64_t timeout_ms) {
    std::unique_lock lock(mutex_);
    const auto ended = [this] { return atEnd(); };
    if (timeout_ms < 0) {
        changed_.wait(lock, ended);
    } else {
        changed_.wait_for(lock, std::chrono::milliseconds(timeout_ms), ended);
    }
    return status_;
}

void JobMaster::waitForStart() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return shown_started_ || atEnd(); });
    if (start_failure_ != nullptr) std::rethrow_exception(start_failure_);
}

void JobMaster::cancel() {
    post([this] {
        if (atEnd()) return;
        enter(JobStatus::Cancelling);
        tearDown("the job was cancelled");
        {
            const std::lock_guard lock(mutex_);
            task_states_.cancel(now().value());
        }
        ++attempt_;
        restart_at_ = INT64_MAX;
        enter(JobStatus::Canceled);
    });
}

std::string JobMaster::newTriggerId() {
    const std::lock_guard lock(mutex_);
    std::string id = fmt::format("{:016x}{:016x}", trigger_random_.next(), trigger_random_.next());
    // Known from now on; the oldest that are settled are forgotten.
    for (auto it = savepoints_.begin(); it != savepoints_.end() && savepoints_.size() >= kSavepointsShown;) {
        it = it->second.state == SavepointStatus::State::InProgress ? std::next(it) : savepoints_.erase(it);
    }
    savepoints_[id] = {};
    return id;
}

std::string JobMaster::triggerSavepoint(const std::string& target, bool stop, bool drain) {
    const std::string folder = target.empty() ? options_.savepoint_dir : pathOf(target);
    if (folder.empty()) {
        throw UserError("savepoint.no-target", "the savepoint has no target folder",
                        "name one, or set 'execution.checkpointing.savepoint-dir'");
    }
    std::string id = newTriggerId();
    post([this, id, folder, stop, drain] {
        if (checkpoints_ == nullptr) {
            onSavepoint(id, {SavepointStatus::State::Failed, "", "the job is not running"});
        } else {
            checkpoints_->requestSavepoint(id, folder, stop, drain);
        }
    });
    return id;
}

std::string JobMaster::triggerCheckpoint() {
    std::string id = newTriggerId();
    post([this, id] {
        if (checkpoints_ == nullptr) {
            onSavepoint(id, {SavepointStatus::State::Failed, "", "the job is not running"});
        } else {
            checkpoints_->requestCheckpoint(id);
        }
    });
    return id;
}

std::optional<SavepointStatus> JobMaster::savepointStatus(const std::string& trigger_id) const {
    const std::lock_guard lock(mutex_);
    const auto found = savepoints_.find(trigger_id);
    if (found == savepoints_.end()) return std::nullopt;
    return found->second;
}

}  // namespace millrace
