#include "operators/windows.h"

#include <numeric>

#include "base/configuration.h"
#include "functions/time_zone.h"
#include "operators/time_units.h"

namespace millrace {

int64_t Windows::sliceMillis() const {
    switch (shape) {
        case WindowShape::Tumble:
            return size_ms;
        case WindowShape::Hop:
            return std::gcd(size_ms, step_ms);
        case WindowShape::Cumulate:
            return step_ms;
    }
    return size_ms;
}

int64_t Windows::sliceEnd(int64_t time) const {
    const int64_t slice = sliceMillis();
    return offset_ms + (floorDivide(time - offset_ms, slice) + 1) * slice;
}

int64_t Windows::firstWindowEnd(int64_t slice_end) const {
    if (shape != WindowShape::Hop) return slice_end;
    // Windows end at offset + size + k * step: the first such end at or after the slice's.
    const int64_t base = offset_ms + size_ms;
    return base - floorDivide(base - slice_end, step_ms) * step_ms;
}

int64_t Windows::lastWindowEnd(int64_t slice_end) const {
    switch (shape) {
        case WindowShape::Tumble:
            return slice_end;
        case WindowShape::Hop: {
            // The last window that starts at or before the slice does.
            const int64_t slice_start = slice_end - sliceMillis();
            return offset_ms + floorDivide(slice_start - offset_ms, step_ms) * step_ms + size_ms;
        }
        case WindowShape::Cumulate:
            return windowStart(slice_end) + size_ms;
    }
    return slice_end;
}

int64_t Windows::windowStart(int64_t window_end) const {
    if (shape != WindowShape::Cumulate) return window_end - size_ms;
    return offset_ms + floorDivide(window_end - 1 - offset_ms, size_ms) * size_ms;
}

std::string Windows::toString() const {
    std::string text;
    switch (shape) {
        case WindowShape::Tumble:
            text = "TUMBLE(";
            break;
        case WindowShape::Hop:
            text = "HOP(";
            break;
        case WindowShape::Cumulate:
            text = "CUMULATE(";
            break;
    }
    text += (shape == WindowShape::Cumulate ? "max_size=[" : "size=[") + formatDuration({size_ms}) + "]";
    if (shape == WindowShape::Hop) text += ", slide=[" + formatDuration({step_ms}) + "]";
    if (shape == WindowShape::Cumulate) text += ", step=[" + formatDuration({step_ms}) + "]";
    if (offset_ms != 0) text += ", offset=[" + formatDuration({offset_ms}) + "]";
    return text + ")";
}

ZoneClock::ZoneClock(const std::string& zone) {
    if (zone != "UTC") converter_ = std::make_unique<ZoneConverter>(zone);
}

ZoneClock::~ZoneClock() = default;

int64_t ZoneClock::toLocal(int64_t utc_ms) const {
    return converter_ ? floorToMillis(converter_->toLocal(utc_ms * 1000)) : utc_ms;
}

int64_t ZoneClock::toUtc(int64_t local_ms) const {
    return converter_ ? floorToMillis(converter_->toInstant(local_ms * 1000)) : local_ms;
}

}  // namespace millrace
