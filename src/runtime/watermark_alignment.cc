#include "runtime/watermark_alignment.h"

#include <algorithm>

namespace millrace {

std::optional<EventTime> WatermarkAlignmentGroups::report(const std::string& group, const std::string& uid,
                                                          SlotIndex subtask,
                                                          std::optional<EventTime> watermark) {
    const std::lock_guard lock(mutex_);
    std::map<Member, EventTime>& members = groups_[group];
    if (watermark) {
        members[{uid, subtask}] = *watermark;
    } else {
        members.erase({uid, subtask});
    }
    const auto lowest = std::min_element(members.begin(), members.end(),
                                         [](const auto& a, const auto& b) { return a.second < b.second; });
    if (lowest == members.end()) return std::nullopt;
    return lowest->second;
}

}  // namespace millrace
