#include "runtime/traces.h"

#include <fmt/format.h>

#include "base/log.h"

namespace millrace {
namespace {

// The name that whoever reads Flink's traces looks for.
constexpr const char* kScope = "org.apache.flink.runtime.checkpoint.CheckpointStatsTracker";

std::string span(const char* name, int64_t start_ms, int64_t end_ms, const std::string& attributes) {
    return fmt::format("SimpleSpan{{scope={}, name={}, startTsMillis={}, endTsMillis={}, attributes={{{}}}}}",
                       kScope, name, start_ms, end_ms, attributes);
}

}  // namespace

std::string checkpointTrace(const std::string& job_id, const CheckpointRecord& record) {
    return span(
        "Checkpoint", record.trigger_ms, record.end_ms,
        fmt::format("jobId={}, checkpointId={}, checkpointStatus={}, fullSize={}, checkpointedSize={}, "
                    "isSavepoint={}",
                    job_id, record.id.value(), record.status, record.state_bytes, record.bytes,
                    record.savepoint));
}

std::string initializationTrace(const std::string& job_id, const JobInitialization& one) {
    std::string restored;
    if (one.from) {
        restored = fmt::format(
            ", checkpointId={}, fullSize={}, sumRestoredStateSizeBytes.REMOTE={}, "
            "maxDownloadStateDurationMs={}, "
            "sumDownloadStateDurationMs={}",
            one.from->value(), one.restored_bytes, one.restored_bytes, one.download_ms, one.download_ms);
    }
    return span(
        "JobInitialization", one.start_ms, one.end_ms,
        fmt::format(
            "jobId={}, initializationStatus=COMPLETED{}, maxInitializeStateDurationMs={}, "
            "sumInitializeStateDurationMs={}, maxMailboxStartDurationMs={}, sumMailboxStartDurationMs={}",
            job_id, restored, one.initialize_state_ms_max, one.initialize_state_ms_sum,
            one.mailbox_start_ms_max, one.mailbox_start_ms_sum));
}

void reportTrace(const std::string& trace) { logInfo("runtime.traces", "Reported span: {}", trace); }

}  // namespace millrace
