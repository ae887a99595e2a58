// A capture of a log that is under way.
#pragma once

#include "state/hashmap/log_memory.h"
#include "state/hashmap/table_capture.h"
#include "state/keyed_logs.h"

namespace millrace {

struct KeyedLogs::Capture {
    explicit Capture(uint32_t max_parallelism) : groups(max_parallelism) {}
    bool full = true;
    LogMemory::Place at, end;
    CapturedGroups groups;
};

}  // namespace millrace
