#include "cluster/prometheus.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <variant>

namespace millrace {
namespace {

constexpr double kMs = 1e-3;
constexpr double kShareOfSecond = 1e-3;  // milliseconds per second

// How the application's figure comes of its tasks': rows and bytes come in through sources and go out through
// sinks; what is late or behind counts wherever it is.
enum class Whole : uint8_t { OfSources, OfSinks, Sum, Least, Most };

struct TaskMetric {
    PrometheusMetric metric;
    Whole whole;
};

const std::vector<TaskMetric>& taskMetricTable() {
    using enum PrometheusType;
    static const std::vector<TaskMetric> table = {
        {{"numRecordsIn", "num_records_in_total", Counter, 1, "Rows received"}, Whole::OfSources},
        {{"numRecordsOut", "num_records_out_total", Counter, 1, "Rows emitted"}, Whole::OfSinks},
        {{"numRecordsInPerSecond", "num_records_in_per_second", Gauge, 1,
          "Rows received a second, over the last minute"},
         Whole::OfSources},
        {{"numRecordsOutPerSecond", "num_records_out_per_second", Gauge, 1,
          "Rows emitted a second, over the last minute"},
         Whole::OfSinks},
        {{"numBytesIn", "num_bytes_in_total", Counter, 1,
          "Bytes received: read from outside, or from other tasks"},
         Whole::OfSources},
        {{"numBytesOut", "num_bytes_out_total", Counter, 1,
          "Bytes emitted: written to outside, or to other tasks"},
         Whole::OfSinks},
        {{"numLateRecordsDropped", "num_late_records_dropped_total", Counter, 1,
          "Rows dropped because they came late"},
         Whole::Sum},
        {{"numRecordsSkipped", "num_records_skipped_total", Counter, 1,
          "Records that could not be read and were skipped"},
         Whole::Sum},
        {{"numRecordsDeadLettered", "num_records_dead_lettered_total", Counter, 1,
          "Records that could not be read and were kept in a dead-letter table"},
         Whole::Sum},
        {{"numRecordsDeadLettered.malformed", "num_records_dead_lettered_malformed_total", Counter, 1,
          "Of them those that are not of the format"},
         Whole::Sum},
        {{"numRecordsDeadLettered.type", "num_records_dead_lettered_type_total", Counter, 1,
          "Of them those with a value that is not of its column's type"},
         Whole::Sum},
        {{"numRecordsDeadLettered.missing", "num_records_dead_lettered_missing_total", Counter, 1,
          "Of them those that lack a field, or have NULL where none may be"},
         Whole::Sum},
        {{"numRecordsDeadLettered.schema", "num_records_dead_lettered_schema_total", Counter, 1,
          "Of them those whose schema is unknown, or cannot be the table's"},
         Whole::Sum},
        {{"currentInputWatermark", "current_input_watermark_seconds", Gauge, kMs,
          "Watermark received, as seconds since the epoch; the least one"},
         Whole::Least},
        {{"currentOutputWatermark", "current_output_watermark_seconds", Gauge, kMs,
          "Watermark emitted, as seconds since the epoch; the least one"},
         Whole::Least},
        {{"busyTimeMsPerSecond", "busy_time_ratio", Gauge, kShareOfSecond,
          "Share of the last second spent working; the most"},
         Whole::Most},
        {{"backPressuredTimeMsPerSecond", "back_pressured_time_ratio", Gauge, kShareOfSecond,
          "Share of the last second spent waiting for the next task; the most"},
         Whole::Most},
        {{"idleTimeMsPerSecond", "idle_time_ratio", Gauge, kShareOfSecond,
          "Share of the last second spent without anything to do; the least"},
         Whole::Least},
        {{"millisBehindLatest", "behind_latest_seconds", Gauge, kMs,
          "How far a source is behind the newest record; the most"},
         Whole::Most},
        {{"records_lag_max", "records_lag_max", Gauge, 1, "How many records a source is behind; the most"},
         Whole::Most},
        {{"pendingRecords", "pending_records", Gauge, 1,
          "How many records a source is behind; of all its splits"},
         Whole::Sum},
        {{"numRequestsThrottled", "num_requests_throttled_total", Counter, 1,
          "Requests that Kinesis refused for their number"},
         Whole::Sum},
        {{"numIteratorsExpired", "num_iterators_expired_total", Counter, 1,
          "Iterators of Kinesis whose time was up"},
         Whole::Sum},
        {{"currentoffsets", "current_offsets", Gauge, 1, "Offsets read up to, of all partitions together"},
         Whole::Sum},
        {{"committedoffsets", "committed_offsets", Gauge, 1,
          "Offsets committed up to, of all partitions together"},
         Whole::Sum},
        {{"commitsSucceeded", "commits_succeeded_total", Counter, 1, "Offset commits that succeeded"},
         Whole::Sum},
        {{"commitsFailed", "commits_failed_total", Counter, 1, "Offset commits that failed"}, Whole::Sum},
        {{"stateBytes", "state_bytes", Gauge, 1, "Bytes of state"}, Whole::Sum},
    };
    return table;
}

using Values = std::map<std::string, int64_t>;
using Labels = std::vector<std::pair<const char*, std::string>>;

std::optional<int64_t> valueOf(const Values& values, const char* name) {
    const auto found = values.find(name);
    if (found == values.end()) return std::nullopt;
    // A watermark that has not come yet, or that says that none will.
    if (found->second == INT64_MIN || found->second == INT64_MAX) return std::nullopt;
    return found->second;
}

// Several subtasks as one.
std::optional<int64_t> combined(Whole how, const std::vector<int64_t>& values) {
    if (values.empty()) return std::nullopt;
    if (how == Whole::Least) return *std::min_element(values.begin(), values.end());
    if (how == Whole::Most) return *std::max_element(values.begin(), values.end());
    int64_t sum = 0;
    for (const int64_t value : values)
        sum += value;
    return sum;
}

class Text {
  public:
    explicit Text(const RestIdentity& identity)
        : common_{{"application", identity.application_name},
                  {"application_version", identity.application_version_id}} {}

    // The samples of one metric stand together, after what it is.
    void add(const PrometheusMetric& metric, const char* level, const Labels& labels, double value) {
        Family& family = families_[fmt::format("millrace_{}{}", level, metric.name)];
        family.metric = &metric;
        family.samples += sample(labels, value * metric.factor);
    }
    std::string finish() const {
        std::string out;
        for (const auto& [name, family] : families_) {
            out += fmt::format("# HELP {} {} ({}).\n# TYPE {} {}\n", name, family.metric->help,
                               family.metric->aws_name, name,
                               family.metric->type == PrometheusType::Counter ? "counter" : "gauge");
            for (size_t start = 0; start < family.samples.size();) {
                const size_t end = family.samples.find('\n', start);
                out += name;
                out += std::string_view(family.samples).substr(start, end + 1 - start);
                start = end + 1;
            }
        }
        return out;
    }

  private:
    struct Family {
        const PrometheusMetric* metric = nullptr;
        std::string samples;  // lines without the name
    };
    std::string sample(const Labels& labels, double value) const {
        std::string out = "{";
        for (const auto* all : {&common_, &labels}) {
            for (const auto& [label, text] : *all)
                out += fmt::format("{}{}=\"{}\"", out.size() > 1 ? "," : "", label, escaped(text));
        }
        return out + fmt::format("}} {}\n", value);
    }
    static std::string escaped(const std::string& text) {
        std::string out;
        for (const char c : text) {
            if (c == '\\' || c == '"') out += '\\';
            if (c == '\n') {
                out += "\\n";
            } else {
                out += c;
            }
        }
        return out;
    }

    const Labels common_;
    std::map<std::string, Family> families_;
};

// Two operators of a task may have one name: later ones are told apart by a number.
std::string nameIn(const JobGraph& graph, const VertexDetails& vertex, NodeId node) {
    const std::string& name = graph.node(node).name;
    int same = 1;
    for (const NodeId other : vertex.nodes) {
        if (other == node) break;
        same += graph.node(other).name == name;
    }
    return same == 1 ? name : fmt::format("{} #{}", name, same);
}

template <class Kind>
bool isA(const JobGraph& graph, NodeId node) {
    return std::holds_alternative<std::shared_ptr<const Kind>>(graph.node(node).what);
}

// Each subtask's figure for the application.
std::vector<int64_t> valuesForApplication(const TaskMetric& one, const JobGraph& graph,
                                          const JobDetails& job) {
    std::vector<int64_t> values;
    const auto take = [&](const Values& from, const std::string& name) {
        if (const auto value = valueOf(from, name.c_str())) values.push_back(*value);
    };
    const std::string name = one.metric.aws_name;
    for (const VertexDetails& vertex : job.vertices) {
        if (one.whole != Whole::OfSources && one.whole != Whole::OfSinks) {
            for (const SubtaskDetails& subtask : vertex.subtasks)
                take(subtask.metrics, name);
            continue;
        }
        for (const OperatorDetails& op : vertex.operators) {
            const bool wanted =
                one.whole == Whole::OfSources ? isA<Source>(graph, op.node) : isA<Sink>(graph, op.node);
            if (!wanted) continue;
            // What a source takes in is what leaves it: nothing hands it any rows.
            std::string counted = name;
            constexpr std::string_view kRowsIn = "numRecordsIn";
            if (counted.starts_with(kRowsIn)) counted.replace(0, kRowsIn.size(), "numRecordsOut");
            for (const Values& metrics : op.metrics)
                take(metrics, counted);
        }
    }
    return values;
}

void addApplication(Text& text, const JobGraph& graph, const JobDetails& job) {
    for (const TaskMetric& one : taskMetricTable()) {
        if (const auto value = combined(one.whole, valuesForApplication(one, graph, job))) {
            text.add(one.metric, "", {}, static_cast<double>(*value));
        }
    }
}

void addTasks(Text& text, const JobDetails& job) {
    for (const TaskMetric& one : taskMetricTable()) {
        for (const VertexDetails& vertex : job.vertices) {
            std::vector<int64_t> values;
            for (const SubtaskDetails& subtask : vertex.subtasks) {
                if (const auto value = valueOf(subtask.metrics, one.metric.aws_name))
                    values.push_back(*value);
            }
            if (const auto value = combined(one.whole, values)) {
                text.add(one.metric, "task_", {{"task", vertex.name}}, static_cast<double>(*value));
            }
        }
    }
}

void addOperators(Text& text, const JobGraph& graph, const JobDetails& job) {
    for (const TaskMetric& one : taskMetricTable()) {
        for (const VertexDetails& vertex : job.vertices) {
            for (const OperatorDetails& op : vertex.operators) {
                std::vector<int64_t> values;
                for (const Values& metrics : op.metrics) {
                    if (const auto value = valueOf(metrics, one.metric.aws_name)) values.push_back(*value);
                }
                if (const auto value = combined(one.whole, values)) {
                    text.add(one.metric, "operator_",
                             {{"task", vertex.name}, {"operator", nameIn(graph, vertex, op.node)}},
                             static_cast<double>(*value));
                }
            }
        }
    }
}

void addSubtasks(Text& text, const JobDetails& job) {
    for (const TaskMetric& one : taskMetricTable()) {
        for (const VertexDetails& vertex : job.vertices) {
            for (size_t i = 0; i < vertex.subtasks.size(); ++i) {
                if (const auto value = valueOf(vertex.subtasks[i].metrics, one.metric.aws_name)) {
                    text.add(one.metric, "subtask_", {{"task", vertex.name}, {"subtask", std::to_string(i)}},
                             static_cast<double>(*value));
                }
            }
        }
    }
}

}  // namespace

const std::vector<PrometheusMetric>& applicationMetrics() {
    using enum PrometheusType;
    static const std::vector<PrometheusMetric> table = {
        {"cpuUtilization", "cpu_utilization_percent", Gauge, 1,
         "CPU time of the process over the last minute, of what it may use"},
        {"containerCPUUtilization", "container_cpu_utilization_percent", Gauge, 1,
         "The same: the process is the container"},
        {"containerMemoryUtilization", "container_memory_utilization_percent", Gauge, 1,
         "Resident memory of the process, of what it may use"},
        {"containerDiskUtilization", "container_disk_utilization_percent", Gauge, 1,
         "What is in use of the file system with its log"},
        {"KPUs", "kpus", Gauge, 1, "KPUs that the application has"},
        {"uptime", "uptime_seconds", Gauge, kMs, "How long the job has been running; 0 while it is not"},
        {"downtime", "downtime_seconds", Gauge, kMs,
         "How long it has been failing or restarting; 0 while it runs"},
        {"fullRestarts", "full_restarts_total", Counter, 1, "Restarts of the job"},
        {"numRestarts", "num_restarts_total", Counter, 1, "Restarts of the job"},
        {"lastCheckpointDuration", "last_checkpoint_duration_seconds", Gauge, kMs,
         "From the trigger to the commit of the last checkpoint"},
        {"lastCheckpointSize", "last_checkpoint_size_bytes", Gauge, 1,
         "Bytes written for the last checkpoint"},
        {"lastCheckpointFullSize", "last_checkpoint_full_size_bytes", Gauge, 1,
         "Bytes of all state in the last checkpoint"},
        {"numberOfCompletedCheckpoints", "number_of_completed_checkpoints_total", Counter, 1,
         "Checkpoints completed"},
        {"numberOfFailedCheckpoints", "number_of_failed_checkpoints_total", Counter, 1, "Checkpoints failed"},
    };
    return table;
}

const std::vector<PrometheusMetric>& taskMetrics() {
    static const std::vector<PrometheusMetric> table = [] {
        std::vector<PrometheusMetric> all;
        for (const TaskMetric& one : taskMetricTable())
            all.push_back(one.metric);
        return all;
    }();
    return table;
}

std::string prometheusText(const RestIdentity& identity, const JobGraph& graph, const JobDetails& job,
                           const std::map<std::string, double>& values) {
    Text text(identity);
    for (const PrometheusMetric& metric : applicationMetrics()) {
        const auto value = values.find(metric.aws_name);
        if (value != values.end()) text.add(metric, "", {}, value->second);
    }
    addApplication(text, graph, job);
    if (identity.metrics_level >= MetricsLevel::Task) addTasks(text, job);
    if (identity.metrics_level >= MetricsLevel::Operator) addOperators(text, graph, job);
    if (identity.metrics_level >= MetricsLevel::Parallelism) addSubtasks(text, job);
    return text.finish();
}

}  // namespace millrace
