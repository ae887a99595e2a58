// Combines the watermarks and idle marks of a task's channels into the task's own, as Flink's
// StatusWatermarkValve does: the minimum over the channels that are active and have caught up with what was
// already put out; when all are idle, the highest they reached, then idle.
#pragma once

#include <optional>
#include <vector>

#include "base/named_integer.h"

namespace millrace {

class WatermarkValve {
  public:
    explicit WatermarkValve(size_t channels) : channels_(channels) {}

    // What the task has to be told after an input: first `idle` if it is false, then the watermark, then
    // `idle` if it is true.
    struct Result {
        std::optional<EventTime> watermark;
        std::optional<bool> idle;
    };
    Result onWatermark(size_t channel, EventTime watermark);
    Result onIdle(size_t channel, bool idle);
    Result onEnd(size_t channel);  // an ended channel stands at the end of time

  private:
    struct ChannelState {
        EventTime watermark = EventTime::min();
        bool idle = false;
        bool aligned = true;
    };
    void raiseToMinimum(Result& result);
    void raise(EventTime to, Result& result);

    std::vector<ChannelState> channels_;
    EventTime out_ = EventTime::min();
    bool out_idle_ = false;
};

}  // namespace millrace
