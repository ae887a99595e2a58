#include "runtime/runtime_options.h"

#include <algorithm>
#include <bit>
#include <filesystem>
#include <limits>

#include "base/error.h"
#include "base/text.h"

namespace millrace {
namespace {

constexpr int64_t kMaxParallelismLimit = 32768;  // Flink's upper bound

template <class T>
T read(const Configuration& configuration, const char* key, T fallback) {
    return configuration.getOptional<T>(key).value_or(fallback);
}

int64_t readInRange(const Configuration& configuration, const char* key, int64_t fallback, int64_t low,
                    int64_t high) {
    const int64_t value = read<int64_t>(configuration, key, fallback);
    if (value < low || value > high) {
        throw UserError(
            "config.bad-value",
            fmt::format("'{}' has the value '{}', which is not between {} and {}", key, value, low, high));
    }
    return value;
}

Duration readDuration(const Configuration& configuration, const char* key, Duration fallback) {
    const Duration value = read<Duration>(configuration, key, fallback);
    if (value.ms < 0) {
        throw UserError("config.bad-value",
                        fmt::format("'{}' has the value '{} ms', which is negative", key, value.ms));
    }
    return value;
}

uint64_t readInlineMax(const Configuration& configuration, uint64_t fallback) {
    constexpr const char* kKey = "execution.checkpointing.data-inline-threshold";
    constexpr int64_t kMost = 1 << 20;  // Flink's upper bound
    const MemorySize size = read<MemorySize>(configuration, kKey, MemorySize{static_cast<int64_t>(fallback)});
    if (size.bytes < 0 || size.bytes > kMost) {
        throw UserError(
            "config.bad-value",
            fmt::format("'{}' has the value '{} bytes', which is not between 0 and 1 mb", kKey, size.bytes));
    }
    return static_cast<uint64_t>(size.bytes);
}

RestartStrategyType readStrategy(const Configuration& configuration, bool checkpointing) {
    auto text = configuration.find("restart-strategy.type");
    if (!text) text = configuration.find("restart-strategy");
    if (!text) {
        return checkpointing ? RestartStrategyType::ExponentialDelay : RestartStrategyType::None;
    }
    const std::string name = lowerCase(*text);
    if (name == "none" || name == "off" || name == "disable") return RestartStrategyType::None;
    if (name == "fixed-delay" || name == "fixeddelay") return RestartStrategyType::FixedDelay;
    if (name == "exponential-delay" || name == "exponentialdelay") {
        return RestartStrategyType::ExponentialDelay;
    }
    if (name == "failure-rate" || name == "failurerate") return RestartStrategyType::FailureRate;
    const std::vector<std::string> known{"none", "fixed-delay", "exponential-delay", "failure-rate"};
    const std::string nearest = nearestName(name, known);
    throw UserError("config.bad-value",
                    fmt::format("'restart-strategy.type' has the value '{}', which is not one of: none, "
                                "fixed-delay, exponential-delay, failure-rate",
                                *text),
                    nearest.empty() ? "" : fmt::format("did you mean '{}'?", nearest));
}

RestartOptions readRestart(const Configuration& configuration, bool checkpointing) {
    RestartOptions out;
    constexpr int64_t many = std::numeric_limits<int64_t>::max();
    out.type = readStrategy(configuration, checkpointing);
    out.fixed_attempts = readInRange(configuration, "restart-strategy.fixed-delay.attempts", 1, 0, many);
    out.fixed_delay = readDuration(configuration, "restart-strategy.fixed-delay.delay", out.fixed_delay);
    out.initial_backoff = readDuration(configuration, "restart-strategy.exponential-delay.initial-backoff",
                                       out.initial_backoff);
    out.max_backoff =
        readDuration(configuration, "restart-strategy.exponential-delay.max-backoff", out.max_backoff);
    out.backoff_multiplier = read<double>(
        configuration, "restart-strategy.exponential-delay.backoff-multiplier", out.backoff_multiplier);
    out.reset_backoff_threshold =
        readDuration(configuration, "restart-strategy.exponential-delay.reset-backoff-threshold",
                     out.reset_backoff_threshold);
    out.jitter_factor =
        read<double>(configuration, "restart-strategy.exponential-delay.jitter-factor", out.jitter_factor);
    out.attempts_before_reset = readInRange(
        configuration, "restart-strategy.exponential-delay.attempts-before-reset-backoff", many, 0, many);
    out.max_failures_per_interval =
        readInRange(configuration, "restart-strategy.failure-rate.max-failures-per-interval", 1, 0, many);
    out.failure_rate_interval = readDuration(
        configuration, "restart-strategy.failure-rate.failure-rate-interval", out.failure_rate_interval);
    out.failure_rate_delay =
        readDuration(configuration, "restart-strategy.failure-rate.delay", out.failure_rate_delay);
    if (!(out.backoff_multiplier > 1.0)) {
        throw UserError("config.bad-value",
                        "'restart-strategy.exponential-delay.backoff-multiplier' must be greater than 1");
    }
    if (!(out.jitter_factor >= 0.0 && out.jitter_factor <= 1.0)) {
        throw UserError("config.bad-value",
                        "'restart-strategy.exponential-delay.jitter-factor' must be between 0 and 1");
    }
    return out;
}

std::string firstOf(const Configuration& configuration, std::initializer_list<const char*> keys) {
    for (const char* key : keys) {
        if (const auto value = configuration.find(key)) return *value;
    }
    return "";
}

// "rocksdb" is Flink's name for state that may be larger than memory.
void readStateBackend(const Configuration& configuration, RuntimeOptions& out) {
    const std::string type = firstOf(configuration, {"state.backend.type", "state.backend"});
    if (type != "" && type != "hashmap" && type != "rocksdb") {
        throw UserError("config.bad-value", fmt::format("'state.backend.type' is '{}'", type),
                        "use hashmap, for state in memory, or rocksdb, for state that may lie on disk");
    }
    out.state_on_disk = type == "rocksdb";
    // Flink's take a list, of which the first is used.
    std::string folders = firstOf(configuration, {"state.backend.rocksdb.localdir", "io.tmp.dirs"});
    folders = folders.substr(0, folders.find(','));
    out.state_folder = folders.empty() ? std::filesystem::temp_directory_path().string() : folders;
    out.state_memory_bytes =
        read<MemorySize>(configuration, "taskmanager.memory.managed.size", {out.state_memory_bytes}).bytes;
    if (out.state_memory_bytes < 0) {
        throw UserError("config.bad-value", "'taskmanager.memory.managed.size' must not be negative");
    }
}

void readBacklog(const Configuration& configuration, RuntimeOptions& out) {
    constexpr const char* interval = "execution.checkpointing.interval-during-backlog";
    constexpr const char* lag = "pipeline.backlog.watermark-lag-threshold";
    if (configuration.has(interval)) {
        out.backlog_checkpoint_interval = readDuration(configuration, interval, {});
        if (out.backlog_checkpoint_interval->ms > 0 &&
            out.backlog_checkpoint_interval->ms < out.checkpoint_interval.ms) {
            throw UserError("config.bad-value",
                            fmt::format("'{}' is shorter than 'execution.checkpointing.interval'", interval),
                            "give at least that interval, or 0 for no checkpoints while a source is behind");
        }
    }
    if (configuration.has(lag)) {
        out.backlog_watermark_lag = readDuration(configuration, lag, {});
        if (out.backlog_watermark_lag->ms <= 0)
            throw UserError("config.bad-value", fmt::format("'{}' must be longer than 0", lag));
    }
}

}  // namespace

RuntimeOptions RuntimeOptions::from(const Configuration& configuration) {
    RuntimeOptions out;
    constexpr int64_t many = std::numeric_limits<int64_t>::max();
    out.parallelism =
        static_cast<uint32_t>(readInRange(configuration, "parallelism.default", 1, 1, kMaxParallelismLimit));
    if (configuration.has("pipeline.max-parallelism")) {
        const int64_t max =
            readInRange(configuration, "pipeline.max-parallelism", -1, -1, kMaxParallelismLimit);
        if (max > 0) out.max_parallelism = static_cast<uint32_t>(max);  // -1, Flink's "not set", and 0
    }
    out.checkpoint_interval =
        readDuration(configuration, "execution.checkpointing.interval", out.checkpoint_interval);
    readBacklog(configuration, out);
    out.checkpoint_min_pause =
        readDuration(configuration, "execution.checkpointing.min-pause", out.checkpoint_min_pause);
    out.checkpoint_timeout =
        readDuration(configuration, "execution.checkpointing.timeout", out.checkpoint_timeout);
    out.checkpoint_dir =
        pathOf(firstOf(configuration, {"execution.checkpointing.dir", "state.checkpoints.dir"}));
    out.savepoint_dir =
        pathOf(firstOf(configuration, {"execution.checkpointing.savepoint-dir", "state.savepoints.dir"}));
    const char* retained = configuration.has("execution.checkpointing.num-retained")
                               ? "execution.checkpointing.num-retained"
                               : "state.checkpoints.num-retained";
    out.retained_checkpoints = readInRange(configuration, retained, out.retained_checkpoints, 1, many);
    out.tolerable_failed_checkpoints =
        readInRange(configuration, "execution.checkpointing.tolerable-failed-checkpoints", 0, 0, many);
    out.incremental_checkpoints = read<bool>(configuration, "execution.checkpointing.incremental", true);
    out.checkpoint_compression =
        read<bool>(configuration, "execution.checkpointing.snapshot-compression", false);
    out.checkpoint_inline_max = readInlineMax(configuration, out.checkpoint_inline_max);
    out.capture_rows_max =
        static_cast<size_t>(readInRange(configuration, "millrace.checkpoint.rows-per-turn",
                                        static_cast<int64_t>(out.capture_rows_max), 1, int64_t{1} << 40));
    readStateBackend(configuration, out);
    out.batch_rows_max = static_cast<size_t>(readInRange(
        configuration, "millrace.batch.rows-max", static_cast<int64_t>(out.batch_rows_max), 1, 1 << 20));
    out.checker = read<bool>(configuration, "millrace.checker", false);
    out.operator_detail = read<bool>(configuration, kOperatorDetailKey, false);
    out.restart = readRestart(configuration, out.checkpoint_interval.ms > 0);
    return out;
}

uint32_t defaultMaxParallelism(uint32_t parallelism) {
    const uint32_t wanted = std::bit_ceil(parallelism + parallelism / 2);
    return std::min<uint32_t>(std::max<uint32_t>(wanted, 128), kMaxParallelismLimit);
}

std::string pathOf(const std::string& uri) {
    if (!uri.starts_with("file:")) return uri;
    std::string path = uri.substr(5);
    if (path.starts_with("//")) path.erase(0, 2);
    return path;
}

const std::vector<OptionDescription>& runtimeOptionDescriptions() {
    static const std::vector<OptionDescription> all{
        {"parallelism.default", "integer", "1", "Subtasks of every operator; each runs in its own slot."},
        {"pipeline.max-parallelism", "integer", "",
         "Number of key groups: the upper bound of every later parallelism of this job's state."},
        {"execution.checkpointing.interval", "duration", "",
         "Time between checkpoints. Absent: no periodic checkpoints."},
        {"execution.checkpointing.interval-during-backlog", "duration", "",
         "Time between checkpoints while a source is behind, at least the plain interval; 0: none then. "
         "Absent: a backlog makes no difference. The readers of kafka and kinesis are behind until they have "
         "come to where the input ended when they started."},
        {"pipeline.backlog.watermark-lag-threshold", "duration", "",
         "A source whose watermark trails the clock by more is behind, until it has caught up once. Absent: "
         "watermarks are not looked at."},
        {"execution.checkpointing.min-pause", "duration", "0 ms",
         "Least time between the end of a checkpoint and the start of the next."},
        {"execution.checkpointing.timeout", "duration", "10 min",
         "A checkpoint that takes longer is given up and counted as failed."},
        {"execution.checkpointing.dir", "string", "",
         "Folder of the checkpoints. Absent: the newest one is kept in memory and dies with the process."},
        {"execution.checkpointing.savepoint-dir", "string", "", "Folder of savepoints without a target."},
        {"execution.checkpointing.num-retained", "integer", "2",
         "Completed checkpoints kept. Flink's default is 1; 2 leaves one to fall back to if the newest is "
         "damaged."},
        {"execution.checkpointing.tolerable-failed-checkpoints", "integer", "0",
         "Checkpoints in a row that may fail before the job does."},
        {"execution.checkpointing.incremental", "boolean", "true",
         "A checkpoint writes what changed since the one before it. False: all state, every time. Flink's "
         "default is false, as its heap state cannot do otherwise."},
        {"execution.checkpointing.snapshot-compression", "boolean", "false",
         "State in checkpoints and savepoints is compressed, with zstd."},
        {"execution.checkpointing.data-inline-threshold", "memory", "256 kb",
         "State of up to this size lies in a checkpoint's metadata, at most 1 mb. Flink's default is 20 kb."},
        {"state.backend.type",
         "enum",
         "hashmap",
         "Where state lies: hashmap, in memory; rocksdb, in memory and, what does not fit, on a local disk.",
         false,
         {"hashmap", "rocksdb"}},
        {"state.backend.rocksdb.localdir", "string", "",
         "Folder of the files of state on disk. Absent: that of 'io.tmp.dirs', or the system's temporary "
         "folder."},
        {"taskmanager.memory.managed.size", "memory", "1 gb",
         "Memory for the job's state, of all slots together, where 'state.backend.type' is rocksdb."},
        {"restart-strategy.type",
         "enum",
         "",
         "What happens when a task fails. Default: exponential-delay with "
         "checkpointing, none without.",
         false,
         {"none", "fixed-delay", "exponential-delay", "failure-rate"}},
        {"restart-strategy.fixed-delay.attempts", "integer", "1", "Restarts before the job fails."},
        {"restart-strategy.fixed-delay.delay", "duration", "1 s", "Pause before each restart."},
        {"restart-strategy.exponential-delay.initial-backoff", "duration", "1 s",
         "Pause before the first restart."},
        {"restart-strategy.exponential-delay.max-backoff", "duration", "1 min", "Longest pause."},
        {"restart-strategy.exponential-delay.backoff-multiplier", "double", "1.5", "Growth of the pause."},
        {"restart-strategy.exponential-delay.reset-backoff-threshold", "duration", "1 h",
         "After this long without a failure the pause is back at its start."},
        {"restart-strategy.exponential-delay.jitter-factor", "double", "0.1", "Random share of the pause."},
        {"restart-strategy.exponential-delay.attempts-before-reset-backoff", "integer", "",
         "Restarts without a reset before the job fails."},
        {"restart-strategy.failure-rate.max-failures-per-interval", "integer", "1",
         "Failures tolerated in the interval."},
        {"restart-strategy.failure-rate.failure-rate-interval", "duration", "1 min", "The interval."},
        {"restart-strategy.failure-rate.delay", "duration", "1 s", "Pause before each restart."},
        {"millrace.batch.rows-max", "integer", "8192", "Rows of a source's batch at most."},
        {"millrace.checkpoint.rows-per-turn", "integer", "8192",
         "Rows of state a slot captures for a checkpoint before it turns to its input again."},
        {kOperatorDetailKey, "boolean", "false",
         "Measures the time of each operator (selfTimeNs, exchangeTimeNs) and the most state it held "
         "(stateRowsMax, stateBytesMax); EXPLAIN ANALYZE sets it."},
        {"millrace.checker", "boolean", "false",
         "Wraps every operator in a checker of schemas, time order and retractions; for tests."},
    };
    return all;
}

std::vector<std::pair<std::string, std::string>> misspeltKeys(const Configuration& configuration) {
    constexpr size_t kSlip = 2;  // letters
    std::vector<std::pair<std::string, std::string>> out;
    const auto& known = runtimeOptionDescriptions();
    for (const auto& [key, value] : configuration.values()) {
        const auto is = [&key = key](const OptionDescription& option) { return option.key == key; };
        if (std::any_of(known.begin(), known.end(), is)) continue;
        const auto near =
            std::find_if(known.begin(), known.end(), [&key = key](const OptionDescription& option) {
                return detail::editDistance(key, option.key) <= kSlip;
            });
        if (near != known.end()) out.emplace_back(key, near->key);
    }
    return out;
}

}  // namespace millrace
