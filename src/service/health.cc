#include "service/health.h"

#include <utility>

namespace millrace {

void HealthBoard::set(int64_t application_id, Health health) {
    std::lock_guard lock(mutex_);
    latest_[application_id] = std::move(health);
}

std::optional<Health> HealthBoard::find(int64_t application_id) const {
    std::lock_guard lock(mutex_);
    const auto at = latest_.find(application_id);
    if (at == latest_.end()) return std::nullopt;
    return at->second;
}

void HealthBoard::keep(const std::function<bool(int64_t)>& wanted) {
    std::lock_guard lock(mutex_);
    std::erase_if(latest_, [&](const auto& entry) { return !wanted(entry.first); });
}

}  // namespace millrace
