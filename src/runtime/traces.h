// Traces in the log, as Flink 1.19 and later report them: one line a checkpoint and one a start of the job,
// "SimpleSpan{scope=..., name=Checkpoint, startTsMillis=..., endTsMillis=..., attributes={...}}".
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "runtime/job.h"

namespace millrace {

// Of a checkpoint that has completed or failed.
std::string checkpointTrace(const std::string& job_id, const CheckpointRecord& record);

// How the tasks came to run. Durations in milliseconds.
struct JobInitialization {
    int64_t start_ms = 0, end_ms = 0;
    std::optional<CheckpointId> from;  // absent: the job started empty
    uint64_t restored_bytes = 0;       // of the state it went on from
    int64_t download_ms = 0;           // finding, reading and checking it
    int64_t mailbox_start_ms_max = 0;  // a slot, until it had opened all of its tasks
    int64_t mailbox_start_ms_sum = 0;
    int64_t initialize_state_ms_max = 0;  // a task's opening, with its state
    int64_t initialize_state_ms_sum = 0;
};
std::string initializationTrace(const std::string& job_id, const JobInitialization& initialization);

// Writes one at level INFO.
void reportTrace(const std::string& trace);

}  // namespace millrace
