#include "runtime/metrics.h"

namespace millrace {

Counter& MetricGroup::counter(const std::string& name) {
    const std::lock_guard lock(mutex_);
    return counters_[name];
}

std::map<std::string, int64_t> MetricGroup::read() const {
    const std::lock_guard lock(mutex_);
    std::map<std::string, int64_t> out;
    for (const auto& [name, counter] : counters_)
        out.emplace(name, counter.value());
    return out;
}

}  // namespace millrace
