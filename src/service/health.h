// How running applications are, beside their status: an application is RUNNING while its job restarts again
// and again; it is healthy only if every subtask runs, checkpoints complete and watermarks advance.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace millrace {

struct Health {
    std::vector<std::string> reasons;  // why it is not good; none: it is
    bool good() const { return reasons.empty(); }
};

// The latest of each application that runs. Safe to use from several threads.
class HealthBoard {
  public:
    void set(int64_t application_id, Health health);
    std::optional<Health> find(int64_t application_id) const;
    // Forgets the others.
    void keep(const std::function<bool(int64_t application_id)>& wanted);

  private:
    mutable std::mutex mutex_;
    std::map<int64_t, Health> latest_;
};

}  // namespace millrace
