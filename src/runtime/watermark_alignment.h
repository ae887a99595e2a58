// The groups of watermark alignment in a job: every subtask of every source of a group reports how far it is,
// and is told how far it may go. One object an execution; safe from any slot's thread.
#pragma once

#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include "base/named_integer.h"

namespace millrace {

class WatermarkAlignmentGroups {
  public:
    // A subtask, by its operator's uid and its number. Without a watermark (it has none yet, is idle or has
    // ended) it holds nobody back. Gives the lowest watermark of the group; nothing if nobody has one.
    std::optional<EventTime> report(const std::string& group, const std::string& uid, SlotIndex subtask,
                                    std::optional<EventTime> watermark);

  private:
    using Member = std::pair<std::string, SlotIndex>;
    std::mutex mutex_;
    std::map<std::string, std::map<Member, EventTime>> groups_;
};

}  // namespace millrace
