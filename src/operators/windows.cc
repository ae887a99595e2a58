#include "operators/windows.h"

#include <absl/time/time.h>

#include <cstdio>

#include <map>
#include <mutex>
#include <numeric>

#include "base/configuration.h"
#include "base/error.h"
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

namespace {
// Zones are loaded once and never freed: an absl::TimeZone is a pointer to data of the process anyway.
const absl::TimeZone* loadZone(const std::string& name) {
    static std::mutex mutex;
    static auto& zones = *new std::map<std::string, absl::TimeZone>;
    const std::lock_guard lock(mutex);
    if (const auto found = zones.find(name); found != zones.end()) return &found->second;
    absl::TimeZone zone;
    // "GMT+8", "UTC-03:30": fixed offsets in Java's form, which Flink takes for a zone.
    if ((name.starts_with("GMT") || name.starts_with("UTC")) && name.size() > 4 &&
        (name[3] == '+' || name[3] == '-')) {
        int hours = 0, minutes = 0;
        char end = 0;
        const int fields = std::sscanf(name.c_str() + 4, "%2d:%2d%c", &hours, &minutes, &end);
        if (fields >= 1 && fields <= 2 && hours <= 18 && minutes < 60) {
            const int seconds = hours * 3600 + minutes * 60;
            return &zones.emplace(name, absl::FixedTimeZone(name[3] == '-' ? -seconds : seconds))
                        .first->second;
        }
    }
    if (!absl::LoadTimeZone(name, &zone)) {
        throw UserError("config.bad-value",
                        fmt::format("table.local-time-zone: '{}' is not a known time zone", name),
                        "use a name such as America/Los_Angeles, or an offset such as GMT+8");
    }
    return &zones.emplace(name, zone).first->second;
}
}  // namespace

ZoneClock::ZoneClock(const std::string& zone) {
    if (zone != "UTC" && zone != "Z" && zone != "GMT") zone_ = loadZone(zone);
}

int64_t ZoneClock::toLocal(int64_t utc_ms) const {
    if (!zone_) return utc_ms;
    const auto& zone = *static_cast<const absl::TimeZone*>(zone_);
    return utc_ms + int64_t{zone.At(absl::FromUnixMillis(utc_ms)).offset} * 1000;
}

int64_t ZoneClock::toUtc(int64_t local_ms) const {
    if (!zone_) return local_ms;
    const auto& zone = *static_cast<const absl::TimeZone*>(zone_);
    const int64_t seconds = floorDivide(local_ms, 1000);
    const absl::CivilSecond civil = absl::CivilSecond() + seconds;  // CivilSecond() is 1970-01-01 00:00:00
    return absl::ToUnixMillis(zone.At(civil).pre) + (local_ms - seconds * 1000);
}

}  // namespace millrace
