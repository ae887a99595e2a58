// Does the operations that the store holds: one after the other for each application, several applications at
// once, each on a thread that lives as long as there is something to do. What was in progress when the
// service died is gone on with as soon as the runner starts.
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "service/operation.h"

namespace millrace {

class OperationRunner {
  public:
    // `finished` is called after every operation, on the runner's threads.
    OperationRunner(ServiceContext& context, std::function<void()> finished);
    ~OperationRunner();  // stops

    // Looks at the store and begins or cancels what it says. From any thread.
    void schedule();
    // Interrupts what is under way between or within steps (it goes on at the next start) and waits for the
    // threads.
    void stop();
    // False after the time given if operations are still in progress.
    bool awaitIdle(int timeout_ms);

  private:
    struct Active {
        int64_t sequence = 0;
        std::atomic<bool> cancel{false};
        std::thread thread;
        bool done = false;
    };
    static constexpr size_t kThreadsMax = 16;

    void scheduleLocked();
    void run(Active& active);
    // True when the operation has ended, false when it was interrupted by stop().
    bool execute(Active& active);
    bool goOn(Active& active);
    bool doSteps(Active& active, Operation& operation);
    void turnRound(Operation& operation, const std::string& error, const std::string& code);
    void undo(Active& active, Operation& operation);
    void reach(const Operation& operation, const char* step, const char* what);

    ServiceContext& context_;
    std::function<void()> finished_;
    std::mutex mutex_;
    std::condition_variable changed_;
    std::map<int64_t, std::unique_ptr<Active>> active_;  // by application
    std::vector<std::unique_ptr<Active>> ended_;         // threads to join
    std::atomic<bool> stopping_{false};
};

}  // namespace millrace
