// A capture of a log that is under way.
#pragma once

#include "state/hashmap/log_memory.h"
#include "state/hashmap/table_capture.h"
#include "state/keyed_logs.h"

namespace millrace {

struct KeyedLogs::Capture {
    Capture(uint32_t max_parallelism, std::shared_ptr<ScratchFile> scratch)
        : groups(max_parallelism, std::move(scratch)) {}
    bool full = true;
    LogMemory::Place at, end;
    CapturedGroups groups;
};

}  // namespace millrace
