// Messages to an actor, first in, first out, from any thread.
#pragma once

#include <functional>
#include <mutex>
#include <vector>

#include "runtime/waker.h"

namespace millrace {

class Mailbox {
  public:
    using Message = std::function<void()>;
    explicit Mailbox(Waker& waker) : waker_(waker) {}

    void post(Message message) {
        {
            const std::lock_guard lock(mutex_);
            messages_.push_back(std::move(message));
        }
        waker_.wake();
    }

    // Runs what is there, on the actor's own thread; false if there was nothing. If a message throws, it is
    // done with, and those after it run with the next call.
    bool run() {
        if (next_ == running_.size()) {
            running_.clear();
            next_ = 0;
            const std::lock_guard lock(mutex_);
            running_.swap(messages_);
        }
        if (running_.empty()) return false;
        while (next_ < running_.size()) {
            const Message message = std::move(running_[next_++]);
            message();
        }
        return true;
    }

  private:
    Waker& waker_;
    std::mutex mutex_;
    std::vector<Message> messages_;
    std::vector<Message> running_;
    size_t next_ = 0;
};

}  // namespace millrace
