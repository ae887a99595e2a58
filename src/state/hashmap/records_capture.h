// A capture of KeyedRecords that is under way.
#pragma once

#include "state/hashmap/log_memory.h"
#include "state/hashmap/table_capture.h"
#include "state/keyed_records.h"

namespace millrace {

struct KeyedRecords::Capture {
    Capture(uint32_t max_parallelism, std::shared_ptr<ScratchFile> scratch)
        : groups(max_parallelism, std::move(scratch)) {}
    bool full = true;
    uint32_t epoch = 0;                 // of rows it has captured: one above that in which it began
    LogMemory::Place at, end;           // rows that lie there
    std::vector<std::byte*> rewritten;  // and these
    size_t next = 0;
    CapturedGroups groups;
};

}  // namespace millrace
