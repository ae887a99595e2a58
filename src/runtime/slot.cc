#include "runtime/slot.h"

#include <algorithm>
#include <exception>

#include "base/log.h"

namespace millrace {

Slot::Slot(SlotSurroundings surroundings) : surroundings_(std::move(surroundings)), mailbox_(waker_) {
    if (!surroundings_.operator_detail) return;
    node_times_ = std::make_unique<NodeTimes>(*surroundings_.environment.clock);
    surroundings_.node_times = node_times_.get();
}
Slot::~Slot() = default;

void Slot::add(std::unique_ptr<Task> task) { tasks_.push_back(std::move(task)); }

bool Slot::step(Random* turns) {
    if (failed_) return false;
    try {
        running_ = nullptr;
        if (!opened()) {
            for (auto task = tasks_.rbegin(); task != tasks_.rend(); ++task) {
                running_ = task->get();
                (*task)->open(*restored_);
            }
            restored_.reset();
            opened_.store(true, std::memory_order_relaxed);
            surroundings_.listener->onOpened(surroundings_.slot);
            return true;
        }
        bool worked = mailbox_.run();
        worked |= runTasks(turns);
        if (!worked) {
            for (const auto& task : tasks_) {
                running_ = task.get();
                worked |= task->whenIdle();
            }
        }
        running_ = nullptr;
        if (!end_reported_) reportEnd();
        return worked;
    } catch (const std::exception&) {
        failed_ = true;
        surroundings_.listener->onFailed(surroundings_.slot, running_ == nullptr ? "" : running_->name(),
                                         std::current_exception());
        return true;
    }
}

bool Slot::runTasks(Random* turns) {
    const Clock& clock = *surroundings_.environment.clock;
    bool worked = false;
    int64_t begin_ns = clock.monotonicNanos();
    for (auto task = tasks_.rbegin(); task != tasks_.rend(); ++task) {
        running_ = task->get();
        if (turns != nullptr && turns->below(2) == 0) {
            worked = true;  // it may have work: ask again
            continue;
        }
        const bool task_worked = (*task)->run();
        const int64_t end_ns = clock.monotonicNanos();
        (*task)->times().account(begin_ns, end_ns, task_worked, (*task)->backPressured());
        begin_ns = end_ns;
        worked |= task_worked;
    }
    return worked;
}

void Slot::reportEnd() {
    const auto ended = [](const auto& task) { return task->inputEnded(); };
    if (!std::all_of(tasks_.begin(), tasks_.end(), ended)) return;
    end_reported_ = true;
    surroundings_.listener->onInputEnded(surroundings_.slot);
}

void Slot::deliverMessages() {
    try {
        while (!failed_ && mailbox_.run()) {
        }
    } catch (const std::exception& error) {
        failed_ = true;
        logWarn("runtime.slot", "after the end of the job: {}", error.what());
    }
}

int64_t Slot::nextWake() const {
    int64_t next = INT64_MAX;
    for (const auto& task : tasks_)
        next = std::min(next, task->nextWake());
    return next;
}

}  // namespace millrace
