// Operations that were asked for over REST and that a client asks after by an id of its own choosing or ours:
// what the job does not keep itself.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>

namespace millrace {

// Thread-safe.
class RestOperations {
  public:
    static constexpr size_t kKept = 100;  // of each kind; the oldest are forgotten

    // Under a trigger id that the client chose: the id the job gave. Asked for twice, it is begun once: the
    // second time the first id is given and `begin` is not called.
    std::string once(const std::string& trigger_id, const std::function<std::string()>& begin);
    // What the job calls the operation that the client knows under this id.
    std::string jobsIdOf(const std::string& trigger_id) const;

    // An operation that is over: "" or why it failed. Returns its id.
    std::string settle(const std::string& failure);
    std::optional<std::string> settled(const std::string& id) const;  // nullopt: there is no such operation

  private:
    mutable std::mutex mutex_;
    std::map<std::string, std::string> triggers_;
    std::deque<std::string> order_;               // of triggers_, oldest first
    std::map<std::string, std::string> settled_;  // by id, which grow
    uint64_t next_ = 1;
};

}  // namespace millrace
