// Session time zones: instants to local date-times and back. A converter remembers the stretch between two
// changes of the zone's offset in which it last was, so that most rows cost an addition.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "batch/column.h"

namespace millrace {

class ZoneConverter {
  public:
    // An IANA name ("Europe/Berlin"), "UTC", or an offset ("+08:00", "GMT-03:30", "UTC+1"); UserError
    // "config.bad-time-zone" otherwise.
    explicit ZoneConverter(const std::string& zone);
    ~ZoneConverter();

    int64_t toLocal(int64_t instant_micros) {
        if (instant_micros < begin_ || instant_micros >= end_) locate(instant_micros);
        return instant_micros + offset_;
    }
    // As Java's LocalDateTime.atZone: a time that occurs twice is the earlier one, a skipped time moves later
    // by the gap.
    int64_t toInstant(int64_t local_micros) {
        const int64_t instant = local_micros - offset_;
        if (instant >= begin_ + kChangeMax && instant < end_ - kChangeMax) return instant;
        return resolveLocal(local_micros);
    }

  private:
    // Further from a change of offset than any change is large, a local time has one meaning.
    static constexpr int64_t kChangeMax = int64_t(48) * 3600 * 1'000'000;
    void locate(int64_t instant_micros);
    int64_t resolveLocal(int64_t local_micros);

    struct Zone;
    std::unique_ptr<Zone> zone_;
    int64_t begin_ = 0;  // offset_ holds for instants in [begin_, end_)
    int64_t end_ = 0;
    int64_t offset_ = 0;
};

// The calling thread's converter of the zone, made once and kept.
ZoneConverter& zoneConverter(const std::string& zone);

// The column with every TIMESTAMP_LTZ in it, also inside of ARRAYs, MAPs and ROWs, at the zone's local time:
// its text is then what is to be shown there.
ColumnPtr inLocalTime(const ColumnPtr& column, const std::string& zone);

}  // namespace millrace
