#include "base/clock.h"

#include <chrono>

namespace millrace {
namespace {

class SystemClock final : public Clock {
  public:
    ProcessingTime now() const override {
        return ProcessingTime(std::chrono::duration_cast<std::chrono::milliseconds>(
                                  std::chrono::system_clock::now().time_since_epoch())
                                  .count());
    }
    int64_t monotonicNanos() const override {
        return std::chrono::duration_cast<std::chrono::nanoseconds>(
                   std::chrono::steady_clock::now().time_since_epoch())
            .count();
    }
};

}  // namespace

const Clock& systemClock() {
    static const SystemClock clock;
    return clock;
}

}  // namespace millrace
