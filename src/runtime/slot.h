// A slot: the i-th subtask of every vertex, on one thread, in turns. Production gives it a thread; the
// simulator calls step() itself.
#pragma once

#include <atomic>
#include <memory>
#include <vector>

#include "runtime/mailbox.h"
#include "runtime/task.h"

namespace millrace {

class Slot {
  public:
    explicit Slot(SlotSurroundings surroundings);
    ~Slot();

    SlotSurroundings& surroundings() { return surroundings_; }
    Waker& waker() { return waker_; }
    // Upstream first; before the first step.
    void add(std::unique_ptr<Task> task);
    void restoreFrom(std::shared_ptr<const std::map<std::string, OperatorSnapshots>> restored) {
        restored_ = std::move(restored);
    }
    Task& task(size_t vertex) { return *tasks_[vertex]; }
    const Task& task(size_t vertex) const { return *tasks_[vertex]; }

    // From any thread: something for a task to do between turns, in the order of posting.
    void post(size_t vertex, std::function<void(Task&)> message) {
        mailbox_.post([this, vertex, message = std::move(message)] {
            running_ = tasks_[vertex].get();
            message(*tasks_[vertex]);
        });
    }

    // One turn: messages, then every task once, downstream first. False if there was nothing to do. The first
    // turn opens the tasks. A failure is told to the listener, and then the slot stands still. With `turns`,
    // a task only takes its turn if the draw says so (true is then returned at least as long as there is
    // work).
    bool step(Random* turns = nullptr);
    void deliverMessages();    // and nothing else; after the last turn
    int64_t nextWake() const;  // milliseconds since the epoch; INT64_MAX: only when woken
    bool asleep() const { return waker_.asleep(); }
    bool failed() const { return failed_; }
    bool opened() const { return opened_.load(std::memory_order_relaxed); }

  private:
    bool runTasks(Random* turns);
    void reportEnd();

    SlotSurroundings surroundings_;
    std::unique_ptr<NodeTimes> node_times_;
    Waker waker_;
    Mailbox mailbox_;
    std::vector<std::unique_ptr<Task>> tasks_;
    std::shared_ptr<const std::map<std::string, OperatorSnapshots>> restored_;
    const Task* running_ = nullptr;  // whose failure it would be
    std::atomic<bool> opened_{false};
    bool failed_ = false;
    bool end_reported_ = false;
};

}  // namespace millrace
