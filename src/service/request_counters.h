// How the API's requests went, for the service's metrics.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <utility>

namespace millrace {

class RequestCounters {
  public:
    struct Count {
        int64_t requests = 0;
        double seconds = 0;
    };
    // `outcome` is an error's type, or "" for none.
    void add(const std::string& action, const std::string& outcome, double seconds) {
        std::lock_guard lock(mutex_);
        Count& count = counts_[{action, outcome}];
        ++count.requests;
        count.seconds += seconds;
    }
    std::map<std::pair<std::string, std::string>, Count> read() const {
        std::lock_guard lock(mutex_);
        return counts_;
    }

  private:
    mutable std::mutex mutex_;
    std::map<std::pair<std::string, std::string>, Count> counts_;  // by action and outcome
};

}  // namespace millrace
