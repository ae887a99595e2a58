// From source to sink: how long a row takes through a running job that was planned from SQL, at 10 % and 80 %
// of the rate at which the same job runs when its source always has rows. bench/latency prints it.
//
// A row's time begins when it is due by the rate, not when the source comes to make it: a job that falls
// behind, or a source that is woken late, does not hide it (coordinated omission). It ends when the sink's
// writer has the batch. Rows carry the time at which they were due, an aggregation passes the latest of a
// group on; with 100,000 keys a batch seldom has two rows of one.
// Rooms: sql
#include <benchmark/benchmark.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <fstream>
#include <optional>

#include "base/error.h"
#include "base/hash.h"
#include "base/log.h"
#include "runtime/job.h"
#include "sql/plan/planner.h"
#include "sql/session.h"

namespace millrace {
namespace {

constexpr int64_t kNanos = 1'000'000'000;
constexpr int64_t kKeys = 100'000;
constexpr int64_t kWarmup_ns = 1 * kNanos;
constexpr int64_t kMeasured_ns = 4 * kNanos;

// Counts times in buckets that are at most 1/32 wide: exact enough for percentiles, and one addition a row.
class Histogram {
  public:
    void add(int64_t ns) {
        const auto value = static_cast<uint64_t>(std::max<int64_t>(ns, 0));
        counts_[bucketOf(value)].fetch_add(1, std::memory_order_relaxed);
        uint64_t most = most_.load(std::memory_order_relaxed);
        while (value > most && !most_.compare_exchange_weak(most, value, std::memory_order_relaxed)) {
        }
    }
    uint64_t rows() const {
        uint64_t all = 0;
        for (const auto& count : counts_)
            all += count.load(std::memory_order_relaxed);
        return all;
    }
    // In milliseconds: the upper end of the bucket.
    double percentile(double share) const {
        const auto wanted = static_cast<uint64_t>(share * static_cast<double>(rows()));
        uint64_t seen = 0;
        for (size_t bucket = 0; bucket < counts_.size(); ++bucket) {
            seen += counts_[bucket].load(std::memory_order_relaxed);
            if (seen > wanted) return std::min(static_cast<double>(endOf(bucket)) / 1e6, most());
        }
        return most();
    }
    double most() const { return static_cast<double>(most_.load(std::memory_order_relaxed)) / 1e6; }

  private:
    static constexpr int kFine = 5;  // bits below the leading one

    static size_t bucketOf(uint64_t value) {
        if (value < (1U << kFine)) return value;
        const int exponent = std::bit_width(value) - 1 - kFine;
        return static_cast<size_t>((static_cast<uint64_t>(exponent) << kFine) + (value >> exponent));
    }
    static uint64_t endOf(size_t bucket) {
        if (bucket < (1U << kFine)) return bucket + 1;
        const size_t exponent = (bucket >> kFine) - 1;
        return (((bucket & ((1U << kFine) - 1)) | (1U << kFine)) + 1) << exponent;
    }

    std::array<std::atomic<uint64_t>, (64 - kFine + 1) << kFine> counts_{};
    std::atomic<uint64_t> most_{0};
};

// What one run of a job shares with its source and sink.
struct Measurement {
    double rows_per_second = 0;         // of all subtasks; 0: as many as the job takes
    int64_t begin_ns = 0;               // rows that are due earlier warm up
    int64_t end_ns = 0;                 // the source ends
    std::atomic<int64_t> rows_read{0};  // due from begin_ns on
    // How long the slots' threads could have run and had no core: what others on the machine add to latency.
    std::atomic<int64_t> waited_ns{0};
    Histogram latency;
};

// The calling thread's, since it began (proc(5), /proc/pid/schedstat).
int64_t waitedForCore() {
    std::ifstream statistics("/proc/thread-self/schedstat");
    int64_t ran = 0, waited = 0;
    statistics >> ran >> waited;
    return waited;
}

// Rows (k, v, due): each subtask makes its share of the rate.
class DueReader final : public SourceReader {
  public:
    DueReader(Measurement& measurement, const Schema& schema, SourceReaderContext& context)
        : measurement_(measurement), schema_(schema), context_(context) {}

    void addSplits(std::vector<SourceSplit>) override {}
    void noMoreSplits() override {}
    std::vector<SourceSplit> snapshot() const override { return {}; }

    ReadStatus poll(Output& output) override {
        const int64_t now_ns = context_.environment().clock->monotonicNanos();
        if (start_ns_ == 0) start_ns_ = now_ns;
        if (!waited_before_ns_ && now_ns >= measurement_.begin_ns) waited_before_ns_ = waitedForCore();
        if (now_ns >= measurement_.end_ns) {
            measurement_.waited_ns.fetch_add(waitedForCore() - waited_before_ns_.value_or(0));
            return ReadStatus::EndOfInput;
        }
        const double rate = measurement_.rows_per_second / context_.parallelism();
        size_t rows = context_.batchRowsMax();
        if (rate > 0) {
            const double due = static_cast<double>(now_ns - start_ns_) * rate / kNanos;
            rows = std::min(rows, static_cast<size_t>(std::max(due - static_cast<double>(made_), 0.0)));
        }
        if (rows > 0) output.emit(make(rows, rate, now_ns));
        if (rows == context_.batchRowsMax()) return ReadStatus::More;
        // All that is due has left. As the engine's own paced sources do, rather than to spin.
        context_.wakeAt(ProcessingTime(context_.now().value() + 1));
        return ReadStatus::Nothing;
    }

  private:
    Batch make(size_t rows, double rate, int64_t now_ns) {
        std::array<std::shared_ptr<Column>, 3> columns;
        for (size_t i = 0; i < columns.size(); ++i)
            columns[i] = std::make_shared<Column>(schema_[i].type, rows);
        auto* const keys = columns[0]->mutableData<int64_t>();
        auto* const values = columns[1]->mutableData<int64_t>();
        auto* const due = columns[2]->mutableData<int64_t>();
        int64_t counted = 0;
        for (size_t i = 0; i < rows; ++i, ++made_) {
            const uint64_t hash =
                mixHash(static_cast<uint64_t>(made_) + (uint64_t{context_.subtask().value()} << 48));
            keys[i] = static_cast<int64_t>(hash % kKeys);
            values[i] = static_cast<int64_t>(hash >> 40);
            due[i] = rate > 0
                         ? start_ns_ + static_cast<int64_t>(static_cast<double>(made_ + 1) * kNanos / rate)
                         : now_ns;
            counted += due[i] >= measurement_.begin_ns ? 1 : 0;
        }
        measurement_.rows_read.fetch_add(counted, std::memory_order_relaxed);
        return {rows, {columns[0], columns[1], columns[2]}};
    }

    Measurement& measurement_;
    const Schema& schema_;
    SourceReaderContext& context_;
    int64_t start_ns_ = 0;
    int64_t made_ = 0;
    std::optional<int64_t> waited_before_ns_;  // when rows begin to count
};

class NoSplits final : public SplitEnumerator {
  public:
    void start(EnumeratorContext&) override {}
    void onSplitRequest(EnumeratorContext&, SlotIndex) override {}
    std::string snapshot() const override { return ""; }
};

class DueSource final : public Source {
  public:
    DueSource(Measurement& measurement, Schema schema)
        : measurement_(measurement), schema_(std::move(schema)) {}
    std::string name() const override { return "DueSource"; }
    const Schema& outputSchema() const override { return schema_; }
    Boundedness boundedness() const override { return Boundedness::Bounded; }
    std::unique_ptr<SplitEnumerator> createEnumerator(const std::optional<std::string>&) const override {
        return std::make_unique<NoSplits>();
    }
    std::unique_ptr<SourceReader> createReader(SourceReaderContext& context) const override {
        return std::make_unique<DueReader>(measurement_, schema_, context);
    }

  private:
    Measurement& measurement_;
    const Schema schema_;
};

// Its rows' last column is the time at which they were due.
class ArrivalSink final : public Sink {
  public:
    ArrivalSink(Measurement& measurement, Schema schema)
        : measurement_(measurement), schema_(std::move(schema)) {}
    std::string name() const override { return "ArrivalSink"; }
    const Schema& inputSchema() const override { return schema_; }
    ChangelogMode accepts() const override { return ChangelogMode::All; }
    std::unique_ptr<SinkWriter> createWriter(SinkWriterContext&, std::vector<std::string>) const override {
        return std::make_unique<Writer>(measurement_);
    }

  private:
    class Writer final : public SinkWriter {
      public:
        explicit Writer(Measurement& measurement) : measurement_(measurement) {}
        void write(const Batch& batch) override {
            const int64_t now_ns = systemClock().monotonicNanos();
            const int64_t* const due = batch.columns().back()->data<int64_t>();
            for (size_t i = 0; i < batch.rows(); ++i) {
                if (isRetraction(batch.kind(i)) || due[i] < measurement_.begin_ns) continue;
                measurement_.latency.add(now_ns - due[i]);
            }
        }

      private:
        Measurement& measurement_;
    };

    Measurement& measurement_;
    const Schema schema_;
};

struct Pipeline {
    const char* name;
    const char* sql;
    int parallelism;
};

constexpr const char* kTables =
    "CREATE TABLE src (k BIGINT NOT NULL, v BIGINT NOT NULL, due BIGINT NOT NULL) WITH ('connector' = 'due');"
    "CREATE TABLE changed (v DECIMAL(23, 3), due BIGINT) WITH ('connector' = 'arrival');"
    "CREATE TABLE grouped (k BIGINT, n BIGINT, total BIGINT, due BIGINT) WITH ('connector' = 'arrival');";
constexpr const char* kFilter = "INSERT INTO changed SELECT 0.908 * v, due FROM src WHERE MOD(k, 10) <> 0;";
constexpr const char* kGroup =
    "INSERT INTO grouped SELECT k, COUNT(*), SUM(v), MAX(due) FROM src GROUP BY k;";
constexpr Pipeline kPipelines[] = {
    {"filter", kFilter, 1}, {"group", kGroup, 1}, {"group-2-slots", kGroup, 2}};

std::shared_ptr<const JobGraph> graphOf(const Pipeline& pipeline, Measurement& measurement) {
    auto registry = std::make_shared<sql::ConnectorRegistry>();
    ConnectorDescriptor source;
    source.name = "due";
    source.make_source = [&](const TableSpec& spec) {
        MILLRACE_CHECK(spec.projectedSchema() == spec.schema, "a query that does not read all columns");
        return std::make_shared<DueSource>(measurement, spec.schema);
    };
    ConnectorDescriptor sink;
    sink.name = "arrival";
    sink.make_sink = [&](const TableSpec& spec) {
        return std::make_shared<ArrivalSink>(measurement, spec.schema);
    };
    registry->connectors = {source, sink};
    sql::SessionOptions options;
    options.registry = registry;
    sql::Session session(options);
    const sql::LogicalPlan plan = session.compileApplication(std::string(kTables) + pipeline.sql);
    sql::PlanOptions plan_options;
    plan_options.registry = registry;
    plan_options.configuration.set("parallelism.default", std::to_string(pipeline.parallelism));
    return sql::planJob(plan, plan_options).graph;
}

// Rows a second that the source made.
double run(const Pipeline& pipeline, double rows_per_second, Measurement& measurement) {
    configureLog({.level = LogLevel::Off});
    measurement.rows_per_second = rows_per_second;
    const int64_t now_ns = systemClock().monotonicNanos();
    measurement.begin_ns = now_ns + kWarmup_ns;
    measurement.end_ns = measurement.begin_ns + kMeasured_ns;
    const auto job = Job::start(graphOf(pipeline, measurement), {});
    if (job->waitForEnd() != JobStatus::Finished) throw InternalError("the job has failed");
    const double seconds =
        static_cast<double>(systemClock().monotonicNanos() - measurement.begin_ns) / kNanos;
    return static_cast<double>(measurement.rows_read.load()) / seconds;
}

// The least of the peaks measured so far, of which this measures one more: others on the machine, whom no
// counter of ours sees, take a core away in one run and not in the next, and 80 % of what a job does in the
// best of times is more than it can do in others. What the source has made is through the sink before the
// clock stops.
double peakOf(size_t pipeline) {
    static std::array<double, std::size(kPipelines)> peaks{};
    double& peak = peaks[pipeline];
    Measurement measurement;
    const double now = run(kPipelines[pipeline], 0, measurement);
    peak = peak == 0 ? now : std::min(peak, now);
    return peak;
}

void latency(benchmark::State& state) {
    const auto index = static_cast<size_t>(state.range(0));
    const Pipeline& pipeline = kPipelines[index];
    state.SetLabel(pipeline.name);
    const double peak = peakOf(index);
    for (auto _ : state) {
        Measurement measurement;
        const double rate = peak * static_cast<double>(state.range(1)) / 100;
        const double made = run(pipeline, rate, measurement);
        state.counters["peak_rows_per_second"] = peak;
        state.counters["rows_per_second"] = made;
        state.counters["wanted_rows_per_second"] = rate;
        state.counters["rows"] = static_cast<double>(measurement.latency.rows());
        state.counters["waited_share"] = static_cast<double>(measurement.waited_ns.load()) /
                                         static_cast<double>(kMeasured_ns * pipeline.parallelism);
        state.counters["p50_ms"] = measurement.latency.percentile(0.5);
        state.counters["p99_ms"] = measurement.latency.percentile(0.99);
        state.counters["p999_ms"] = measurement.latency.percentile(0.999);
        state.counters["max_ms"] = measurement.latency.most();
    }
}
BENCHMARK(latency)
    ->ArgNames({"pipeline", "percent"})
    ->ArgsProduct({{0, 1, 2}, {10, 80}})
    ->Iterations(1)
    ->UseRealTime()
    ->Unit(benchmark::kSecond);

}  // namespace
}  // namespace millrace
