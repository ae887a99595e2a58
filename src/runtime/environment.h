// The outside world as parameters: what a job may touch besides memory. Production passes the machine's, the
// simulator its own; nothing below a job reaches for anything else.
#pragma once

#include "base/clock.h"
#include "base/file_system.h"
#include "base/random.h"

namespace millrace {

struct Environment {
    const Clock* clock = &systemClock();
    FileSystem* files = &localFileSystem();
    uint64_t seed = 0;  // of the randomness handed to operators and coordinators
};

}  // namespace millrace
