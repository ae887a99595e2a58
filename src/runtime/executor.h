// Work that blocks (writing snapshots, committing, reading them back), one piece after the other, off the
// slots and off the coordinator. Production gives it a thread; the simulator calls step().
#pragma once

#include <deque>
#include <functional>
#include <mutex>

#include "runtime/waker.h"

namespace millrace {

class Executor {
  public:
    // The work reports its own failures; what it throws none the less ends the process (or the simulated
    // one).
    void submit(std::function<void()> work) {
        {
            const std::lock_guard lock(mutex_);
            work_.push_back(std::move(work));
        }
        waker_.wake();
    }

    bool step() {
        std::function<void()> work;
        {
            const std::lock_guard lock(mutex_);
            if (work_.empty()) return false;
            work = std::move(work_.front());
            work_.pop_front();
        }
        work();
        return true;
    }

    Waker& waker() { return waker_; }

  private:
    Waker waker_;
    std::mutex mutex_;
    std::deque<std::function<void()>> work_;
};

}  // namespace millrace
