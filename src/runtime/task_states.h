// Which state each task of the running attempt is in, and since when: Flink's ExecutionState. Every change is
// a line of the log, "Source: flights (1/2) switched from INITIALIZING to RUNNING.". Not thread-safe: the
// job's master keeps it under its lock.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "runtime/execution_plan.h"
#include "runtime/job.h"

namespace millrace {

enum class TaskState : uint8_t {
    Created,
    Scheduled,     // what the attempt goes on from is being found and read
    Deploying,     // the task is being put into its slot
    Initializing,  // the slot opens it, with its state
    Running,
    Finished,
    Canceling,
    Canceled,
    Failed,
};
inline constexpr int kTaskStates = 9;
const char* toString(TaskState state);  // "INITIALIZING"

class TaskStates {
  public:
    TaskStates(const ExecutionPlan& plan, int64_t now_ms);

    void beginAttempt(int64_t now_ms);  // all are CREATED, as at first
    void enterAll(TaskState state, int64_t now_ms);
    // The tasks of one slot.
    void enterSlot(uint32_t slot, TaskState state, int64_t now_ms);
    // The attempt has failed, in the task of that name ("Calc (1/2)") if it was one; the others are
    // cancelled.
    void fail(const std::string& name, int64_t now_ms);
    void cancel(int64_t now_ms);  // those that have not come to an end

    // Fills in the subtasks' status and its times; `out.vertices` are the plan's.
    void describe(JobDetails& out) const;

    static std::string nameOf(const std::string& vertex, uint32_t subtask, uint32_t parallelism);

  private:
    struct One {
        TaskState state = TaskState::Created;
        std::array<int64_t, kTaskStates> since_ms{};  // 0: never in this attempt
    };
    void enter(size_t vertex, uint32_t subtask, TaskState state, int64_t now_ms);
    template <class Each>
    void forEach(Each each) {
        for (size_t vertex = 0; vertex < tasks_.size(); ++vertex) {
            for (uint32_t i = 0; i < plan_.parallelism; ++i)
                each(vertex, i);
        }
    }

    const ExecutionPlan& plan_;
    std::vector<std::vector<One>> tasks_;  // by vertex and subtask
};

}  // namespace millrace
