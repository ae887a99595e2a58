#include "cluster/rest_operations.h"

#include <fmt/format.h>

#include <memory>

#include "cluster/rest/rest.h"

namespace millrace {

std::shared_ptr<RestOperations> makeRestOperations() { return std::make_shared<RestOperations>(); }

std::string RestOperations::once(const std::string& trigger_id, const std::function<std::string()>& begin) {
    if (trigger_id.empty()) return begin();
    const std::lock_guard lock(mutex_);
    const auto known = triggers_.find(trigger_id);
    if (known != triggers_.end()) return trigger_id;
    const std::string jobs_id = begin();
    triggers_[trigger_id] = jobs_id;
    order_.push_back(trigger_id);
    if (order_.size() > kKept) {
        triggers_.erase(order_.front());
        order_.pop_front();
    }
    return trigger_id;
}

std::string RestOperations::jobsIdOf(const std::string& trigger_id) const {
    const std::lock_guard lock(mutex_);
    const auto known = triggers_.find(trigger_id);
    return known == triggers_.end() ? trigger_id : known->second;
}

std::string RestOperations::settle(const std::string& failure) {
    const std::lock_guard lock(mutex_);
    std::string id = fmt::format("{:032x}", next_++);
    if (settled_.size() >= kKept) settled_.erase(settled_.begin());
    settled_[id] = failure;
    return id;
}

std::optional<std::string> RestOperations::settled(const std::string& id) const {
    const std::lock_guard lock(mutex_);
    const auto found = settled_.find(id);
    if (found == settled_.end()) return std::nullopt;
    return found->second;
}

}  // namespace millrace
