// The configuration keys the runtime reads, with Flink's names, defaults and checks.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/configuration.h"

namespace millrace {

// Operators are measured one by one (EXPLAIN ANALYZE).
inline constexpr const char* kOperatorDetailKey = "millrace.metrics.operator-detail";

enum class RestartStrategyType : uint8_t { None, FixedDelay, ExponentialDelay, FailureRate };

struct RestartOptions {
    RestartStrategyType type = RestartStrategyType::None;
    int64_t fixed_attempts = 1;
    Duration fixed_delay{1000};
    Duration initial_backoff{1000};
    Duration max_backoff{60'000};
    double backoff_multiplier = 1.5;
    Duration reset_backoff_threshold{3'600'000};
    double jitter_factor = 0.1;
    int64_t attempts_before_reset = INT64_MAX;
    int64_t max_failures_per_interval = 1;
    Duration failure_rate_interval{60'000};
    Duration failure_rate_delay{1000};
};

struct RuntimeOptions {
    uint32_t parallelism = 1;
    std::optional<uint32_t> max_parallelism;  // absent: the snapshot's, or Flink's rule for new jobs
    Duration checkpoint_interval{0};          // 0: no periodic checkpoints
    std::optional<Duration> backlog_checkpoint_interval;  // while a source is behind; 0: none then
    std::optional<Duration> backlog_watermark_lag;        // more than this is behind
    Duration checkpoint_min_pause{0};
    Duration checkpoint_timeout{600'000};
    std::string checkpoint_dir;  // "": the newest checkpoint is kept in memory
    std::string savepoint_dir;
    int64_t retained_checkpoints =
        2;  // Flink's 1 would leave nothing to fall back to when the newest is damaged
    int64_t tolerable_failed_checkpoints = 0;
    bool incremental_checkpoints = true;
    bool checkpoint_compression = false;
    uint64_t checkpoint_inline_max = 256 << 10;
    size_t batch_rows_max = 8192;
    size_t capture_rows_max = 8192;  // that a slot captures between two turns
    bool state_on_disk = false;      // beyond state_memory_bytes
    std::string state_folder;
    int64_t state_memory_bytes = int64_t{1} << 30;
    bool checker = false;
    bool operator_detail = false;
    RestartOptions restart;

    // UserError "config.bad-value" for what cannot be.
    static RuntimeOptions from(const Configuration& configuration);
};

// Flink's KeyGroupRangeAssignment.computeDefaultMaxParallelism.
uint32_t defaultMaxParallelism(uint32_t parallelism);

// "file:///a/b" and "/a/b" are the same folder.
std::string pathOf(const std::string& uri);

// What there is, for documentation and forms.
const std::vector<OptionDescription>& runtimeOptionDescriptions();

// Keys that are a slip of the pen away from one of those, each with what was meant. Other unknown keys are
// Flink's own affair: it ignores them, and so do we.
std::vector<std::pair<std::string, std::string>> misspeltKeys(const Configuration& configuration);

}  // namespace millrace
