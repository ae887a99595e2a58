// Java's date-time patterns ("yyyy-MM-dd'T'HH:mm:ss.SSS"), to write and to read.
//
// Letters: y u year, M L month, d day, D day of year, E day of week, H h K k hour, a AM/PM, m minute, s
// second, S fraction, n nanosecond, Q q quarter, w week, G era, X x Z z V offset; '...' literal text. A field
// of one letter reads as many digits as there are, of several letters exactly so many.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "types/calendar.h"

namespace millrace {

class DatePattern {
  public:
    // UserError "data.bad-pattern" for a letter or a quote that has no meaning.
    explicit DatePattern(std::string_view pattern);

    // `offset_seconds` is what the zone letters write.
    void format(TimePoint local, int64_t offset_seconds, std::string& out) const;
    // How long what format() writes stays the same: times in one such stretch, counted from 1970, are written
    // alike where their offset is the same. A day for "yyyy-MM-dd"; 0 where nanoseconds are told apart.
    int64_t stretchMicros() const { return stretch_micros_; }

    struct Parsed {
        int64_t local_micros = 0;
        std::optional<int64_t> offset_seconds;
    };
    // The whole text must match. Absent fields are those of 1970-01-01 00:00:00; a day past its month's end
    // is the last one.
    std::optional<Parsed> parse(std::string_view text) const;

  private:
    struct Part {
        char letter = 0;  // 0: literal
        int count = 0;
        std::string literal;
    };
    static int64_t stretchOf(char letter);

    std::vector<Part> parts_;
    int64_t stretch_micros_ = stretchOf(0);
};

// The calling thread's compiled pattern; valid until its next call.
const DatePattern& datePattern(std::string_view pattern);

}  // namespace millrace
