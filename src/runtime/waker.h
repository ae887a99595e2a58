// How an actor that ran out of work sleeps and is woken. Only one thread sleeps on a waker; anyone may wake
// it. An actor driven by the simulator never sleeps, and then waking costs one load.
#pragma once

#include <atomic>
#include <cstdint>

namespace millrace {

class Waker {
  public:
    Waker() = default;
    ~Waker();
    Waker(const Waker&) = delete;
    Waker& operator=(const Waker&) = delete;

    // After whatever the sleeper is to see was published, by a sequentially consistent store or under a
    // mutex.
    void wake() {
        if (sleeping_.load(std::memory_order_seq_cst)) signal();
    }

    // The sleeper announces itself, looks for work once more, and then sleeps or stays awake. Either that
    // look sees the work, or whoever publishes it sees the sleeper.
    void announce();
    void stayAwake() { sleeping_.store(false, std::memory_order_relaxed); }
    void sleep(int64_t timeout_ms);  // -1: until woken
    bool asleep() const { return sleeping_.load(std::memory_order_relaxed); }

  private:
    void signal();
    std::atomic<bool> sleeping_{false};
    int descriptor_ = -1;  // an eventfd, made by the first announce()
};

}  // namespace millrace
