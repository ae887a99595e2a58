// The figure of the whole engine: JSON lines -> parse -> 10 s tumbling window by key -> JSON lines, files in
// memory, on one slot and on two.
// Rooms: connectors operators
#include <benchmark/benchmark.h>
#include <sys/resource.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "base/error.h"
#include "base/log.h"
#include "connectors/connectors.h"
#include "operators/watermark_assigner.h"
#include "operators/window_aggregate.h"
#include "runtime/job.h"
#include "types/calendar.h"

namespace millrace {
namespace {

constexpr int64_t kEvents = 4'000'000;
constexpr int64_t kPerSecond = 10'000;  // of event time
constexpr int64_t kKeys = 1000;

Schema eventSchema() {
    return Schema(
        {{"k", LogicalType::string()}, {"v", LogicalType::bigint()}, {"ts", LogicalType::timestamp(3)}});
}

// The events as `files` files, each in the order of event time.
class Events {
  public:
    explicit Events(int files) : folder_("/dev/shm/millrace-bench." + std::to_string(::getpid())) {
        std::filesystem::create_directories(folder_ + "/in");
        std::vector<std::ofstream> outs;
        for (int i = 0; i < files; ++i)
            outs.emplace_back(folder_ + fmt::format("/in/{}.json", i));
        for (int64_t i = 0; i < kEvents; ++i) {
            const int64_t micros = (1'772'323'200'000 + i * 1000 / kPerSecond) * 1000;
            outs[static_cast<size_t>(i % files)]
                << fmt::format("{{\"k\":\"key-{}\",\"v\":{},\"ts\":\"{}\"}}\n", i * 7919 % kKeys, i,
                               formatTimestamp(micros, 3));
        }
    }
    ~Events() { std::filesystem::remove_all(folder_); }
    const std::string& folder() const { return folder_; }

  private:
    const std::string folder_;
};

TableSpec files(const std::string& name, Schema schema, const std::string& path) {
    TableSpec spec;
    spec.name = name;
    spec.schema = std::move(schema);
    spec.projectAll();
    spec.options = {{"path", path}, {"format", "json"}};
    return spec;
}

const ConnectorDescriptor& filesystem() {
    for (const ConnectorDescriptor& connector : connectorDescriptors()) {
        if (connector.name == "filesystem") return connector;
    }
    throw InternalError("no filesystem connector");
}

AggregateTerm term(const char* name, std::vector<size_t> arguments) {
    std::vector<ArgumentInfo> infos;
    for (const size_t argument : arguments)
        infos.push_back({eventSchema()[argument].type, std::nullopt});
    return {findAggregateFunction(name)->bind(infos, false, false), arguments, std::nullopt, name, name};
}

std::shared_ptr<JobGraph> pipeline(const std::string& folder, int64_t parallelism) {
    using From = WindowAggregateColumn::From;
    WindowAggregateParameters p;
    p.input = eventSchema();
    p.windows = {WindowShape::Tumble, 10'000, 10'000, 0};
    p.time_column = 2;
    p.keys = {0};
    p.terms = {term("COUNT", {}), term("SUM", {1})};
    p.columns = {{From::WindowStart, 0}, {From::Key, 0}, {From::Term, 0}, {From::Term, 1}};
    p.output = Schema({{"w", LogicalType::timestamp(3)},
                       {"k", LogicalType::string()},
                       {"n", LogicalType::bigint()},
                       {"total", LogicalType::bigint()}});
    const Schema output = p.output;

    auto graph = std::make_shared<JobGraph>();
    graph->configuration.set("parallelism.default", std::to_string(parallelism));
    const NodeId source =
        graph->addSource("events", filesystem().make_source(files("events", eventSchema(), folder + "/in")));
    const NodeId time = graph->addOperator(
        "watermark",
        std::make_shared<WatermarkAssigner>(
            eventSchema(), 2, Expression::column(2, eventSchema()[2].type, "ts"), 1'000'000, Duration{}),
        {{source, Exchange::Forward, {}}});
    const NodeId window = graph->addOperator("window", std::make_shared<WindowAggregate>(std::move(p)),
                                             {{time, Exchange::Hash, {0}}});
    graph->addSink("sums", filesystem().make_sink(files("sums", output, folder + "/out")),
                   {window, Exchange::Forward, {}});
    return graph;
}

// How many events the windows hold, by their committed results.
int64_t eventsCounted(const std::string& folder) {
    int64_t counted = 0;
    for (const auto& entry : std::filesystem::directory_iterator(folder + "/out")) {
        if (entry.path().filename().string().starts_with('.')) continue;
        std::ifstream in(entry.path());
        for (std::string line; std::getline(in, line);)
            counted += std::stoll(line.substr(line.find("\"n\":") + 4));
    }
    return counted;
}

double cpuSeconds() {
    rusage usage;
    ::getrusage(RUSAGE_SELF, &usage);
    const auto seconds = [](const timeval& time) {
        return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
    };
    return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

void windowedSums(benchmark::State& state) {
    configureLog({LogLevel::Error});
    const int64_t parallelism = state.range(0);
    const Events events(static_cast<int>(parallelism));
    double cpu = 0;
    for (auto _ : state) {
        std::filesystem::remove_all(events.folder() + "/out");
        const double before = cpuSeconds();
        auto job = Job::start(pipeline(events.folder(), parallelism), {});
        if (job->waitForEnd() != JobStatus::Finished) throw InternalError("the job has failed");
        cpu += cpuSeconds() - before;
    }
    const int64_t counted = eventsCounted(events.folder());
    if (counted != kEvents)
        throw InternalError(fmt::format("the windows hold {} of {} events", counted, kEvents));
    const auto count = static_cast<double>(state.iterations() * kEvents);
    state.SetItemsProcessed(static_cast<int64_t>(state.iterations()) * kEvents);
    state.counters["events_per_cpu_second"] = count / cpu;
}
BENCHMARK(windowedSums)->Arg(1)->Arg(2)->UseRealTime()->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace millrace
