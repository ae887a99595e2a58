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

    // Runs what is there, on the actor's own thread; false if there was nothing.
    bool run() {
        {
            const std::lock_guard lock(mutex_);
            running_.swap(messages_);
        }
        if (running_.empty()) return false;
        for (Message& message : running_)
            message();
        running_.clear();
        return true;
    }

  private:
    Waker& waker_;
    std::mutex mutex_;
    std::vector<Message> messages_;
    std::vector<Message> running_;
};

}  // namespace millrace
