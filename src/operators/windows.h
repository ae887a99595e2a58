// Window arithmetic: tumbling, hopping and cumulating windows as unions of slices, all in milliseconds of the
// windows' own time line (local time, where the time attribute is an instant). A slice is the longest stretch
// of time whose rows all belong to the same windows; it is named by its end, as windows are. State is kept by
// slice, so that windows that overlap share it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/named_integer.h"

namespace millrace {

class ZoneConverter;

enum class WindowShape : uint8_t { Tumble, Hop, Cumulate };

struct Windows {
    WindowShape shape = WindowShape::Tumble;
    int64_t size_ms = 0;    // CUMULATE: the largest
    int64_t step_ms = 0;    // TUMBLE: the size; HOP: the slide; CUMULATE: the step
    int64_t offset_ms = 0;  // windows start at offset + multiples of the step (CUMULATE: of the size)
    bool operator==(const Windows&) const = default;

    int64_t sliceMillis() const;  // a slice's length

    // Ends of: the slice of a point in time; the first and the last window that contains a slice; the window
    // after one that contains the slice too.
    int64_t sliceEnd(int64_t time) const;
    int64_t firstWindowEnd(int64_t slice_end) const;
    int64_t lastWindowEnd(int64_t slice_end) const;
    int64_t windowStart(int64_t window_end) const;
    // The slices of a window have the ends windowStart + sliceMillis, + 2 * sliceMillis, ..., windowEnd.

    std::string toString() const;  // "HOP(size=[1 min], slide=[10 s])"
};

// The local time line of a zone. Windows over instants (TIMESTAMP_LTZ) follow the zone's wall clock.
class ZoneClock {
  public:
    explicit ZoneClock(const std::string& zone);  // UserError "config.bad-time-zone" for an unknown zone
    ~ZoneClock();
    bool isUtc() const { return converter_ == nullptr; }
    int64_t toLocal(int64_t utc_ms) const;
    int64_t toUtc(int64_t local_ms) const;

  private:
    std::unique_ptr<ZoneConverter> converter_;  // remembers where it last was; none for UTC
};

}  // namespace millrace
