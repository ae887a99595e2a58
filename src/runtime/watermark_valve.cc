#include "runtime/watermark_valve.h"

#include <algorithm>

namespace millrace {

WatermarkValve::Result WatermarkValve::onWatermark(size_t channel, EventTime watermark) {
    Result result;
    ChannelState& state = channels_[channel];
    if (state.idle || watermark <= state.watermark) return result;
    state.watermark = watermark;
    if (!state.aligned && watermark >= out_) state.aligned = true;
    raiseToMinimum(result);
    return result;
}

WatermarkValve::Result WatermarkValve::onIdle(size_t channel, bool idle) {
    Result result;
    ChannelState& state = channels_[channel];
    if (state.idle == idle) return result;
    state.idle = idle;
    if (idle) {
        state.aligned = false;
        const bool all_idle =
            std::all_of(channels_.begin(), channels_.end(), [](const ChannelState& c) { return c.idle; });
        if (!all_idle) {
            if (state.watermark == out_) raiseToMinimum(result);  // it may have been what held time back
            return result;
        }
        if (state.watermark == out_) {
            EventTime highest = EventTime::min();
            for (const ChannelState& c : channels_)
                highest = std::max(highest, c.watermark);
            raise(highest, result);
        }
        out_idle_ = true;
        result.idle = true;
        return result;
    }
    if (state.watermark >= out_) state.aligned = true;
    if (out_idle_) {
        out_idle_ = false;
        result.idle = false;
    }
    return result;
}

WatermarkValve::Result WatermarkValve::onEnd(size_t channel) {
    Result active = onIdle(channel, false);
    Result ended = onWatermark(channel, EventTime::max());
    ended.idle = active.idle;
    return ended;
}

void WatermarkValve::raiseToMinimum(Result& result) {
    EventTime minimum = EventTime::max();
    bool any = false;
    for (const ChannelState& c : channels_) {
        if (!c.aligned) continue;
        any = true;
        minimum = std::min(minimum, c.watermark);
    }
    if (any) raise(minimum, result);
}

void WatermarkValve::raise(EventTime to, Result& result) {
    if (to <= out_) return;
    out_ = to;
    result.watermark = to;
}

}  // namespace millrace
