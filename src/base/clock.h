// The clock, as a parameter: production reads the system's, the simulator turns its own.
#pragma once

#include <cstdint>

#include "base/named_integer.h"

namespace millrace {

class Clock {
  public:
    virtual ~Clock() = default;
    virtual ProcessingTime now() const = 0;      // wall clock, milliseconds
    virtual int64_t monotonicNanos() const = 0;  // never goes back; for durations only
};

// The system's clock; one object for the whole process.
const Clock& systemClock();

}  // namespace millrace
