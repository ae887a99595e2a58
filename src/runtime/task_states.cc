#include "runtime/task_states.h"

#include <fmt/format.h>

#include "base/log.h"

namespace millrace {
namespace {

constexpr const char* kTaskLog = "runtime.task";

bool hasEnded(TaskState state) {
    return state == TaskState::Finished || state == TaskState::Canceled || state == TaskState::Failed;
}

}  // namespace

const char* toString(TaskState state) {
    switch (state) {
        case TaskState::Created:
            return "CREATED";
        case TaskState::Scheduled:
            return "SCHEDULED";
        case TaskState::Deploying:
            return "DEPLOYING";
        case TaskState::Initializing:
            return "INITIALIZING";
        case TaskState::Running:
            return "RUNNING";
        case TaskState::Finished:
            return "FINISHED";
        case TaskState::Canceling:
            return "CANCELING";
        case TaskState::Canceled:
            return "CANCELED";
        case TaskState::Failed:
            return "FAILED";
    }
    return "";
}

TaskStates::TaskStates(const ExecutionPlan& plan, int64_t now_ms) : plan_(plan) { beginAttempt(now_ms); }

std::string TaskStates::nameOf(const std::string& vertex, uint32_t subtask, uint32_t parallelism) {
    return fmt::format("{} ({}/{})", vertex, subtask + 1, parallelism);
}

void TaskStates::beginAttempt(int64_t now_ms) {
    One created;
    created.since_ms[static_cast<size_t>(TaskState::Created)] = now_ms;
    tasks_.assign(plan_.vertices.size(), std::vector<One>(plan_.parallelism, created));
}

void TaskStates::enter(size_t vertex, uint32_t subtask, TaskState state, int64_t now_ms) {
    One& task = tasks_[vertex][subtask];
    if (task.state == state || hasEnded(task.state)) return;
    if (logEnabled(LogLevel::Info)) {
        logInfo(kTaskLog, "{} switched from {} to {}.",
                nameOf(plan_.vertices[vertex].name, subtask, plan_.parallelism), toString(task.state),
                toString(state));
    }
    task.state = state;
    task.since_ms[static_cast<size_t>(state)] = now_ms;
}

void TaskStates::enterAll(TaskState state, int64_t now_ms) {
    forEach([&](size_t vertex, uint32_t i) { enter(vertex, i, state, now_ms); });
}

void TaskStates::enterSlot(uint32_t slot, TaskState state, int64_t now_ms) {
    for (size_t vertex = 0; vertex < tasks_.size(); ++vertex)
        enter(vertex, slot, state, now_ms);
}

void TaskStates::fail(const std::string& name, int64_t now_ms) {
    forEach([&](size_t vertex, uint32_t i) {
        if (name == nameOf(plan_.vertices[vertex].name, i, plan_.parallelism)) {
            enter(vertex, i, TaskState::Failed, now_ms);
        }
    });
    cancel(now_ms);
}

// Tasks that were never put into a slot have nothing to cancel.
void TaskStates::cancel(int64_t now_ms) {
    forEach([&](size_t vertex, uint32_t i) {
        const TaskState state = tasks_[vertex][i].state;
        if (state != TaskState::Created && state != TaskState::Scheduled && !hasEnded(state)) {
            enter(vertex, i, TaskState::Canceling, now_ms);
        }
    });
    enterAll(TaskState::Canceled, now_ms);
}

void TaskStates::describe(JobDetails& out) const {
    for (size_t vertex = 0; vertex < tasks_.size(); ++vertex) {
        for (size_t i = 0; i < tasks_[vertex].size(); ++i) {
            const One& task = tasks_[vertex][i];
            SubtaskDetails& shown = out.vertices[vertex].subtasks[i];
            shown.status = toString(task.state);
            shown.status_times_ms.clear();
            for (int state = 0; state < kTaskStates; ++state) {
                const int64_t since_ms = task.since_ms[static_cast<size_t>(state)];
                if (since_ms != 0) shown.status_times_ms[toString(static_cast<TaskState>(state))] = since_ms;
            }
        }
    }
}

}  // namespace millrace
