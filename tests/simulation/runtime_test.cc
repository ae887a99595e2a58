// Rooms: runtime
//
// Jobs of the runtime's own smallest connectors in the simulator, SEEDS of them from FIRST_SEED on: the
// committed output must be that of a run without faults. A failing seed is printed; FIRST_SEED=<it> SEEDS=1
// repeats it.

#include <gtest/gtest.h>

#include <fmt/core.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <sstream>

#include "base/hash.h"
#include "runtime/simulator/probe.h"
#include "simulation/harness.h"

namespace millrace {
namespace {

std::shared_ptr<JobGraph> newGraph() {
    auto graph = std::make_shared<JobGraph>();
    graph->configuration = Configuration(std::map<std::string, std::string>{
        {"execution.checkpointing.interval", "15 ms"},
        {"execution.checkpointing.dir", "/checkpoints"},
        {"restart-strategy.type", "fixed-delay"},
        {"restart-strategy.fixed-delay.attempts", "20"},
        {"restart-strategy.fixed-delay.delay", "5 ms"},
        {"millrace.checker", "true"},
    });
    return graph;
}

constexpr ProbeSourceOptions kSource{
    .splits = 5, .rows_per_split = 60, .keys = 7, .batch_rows = 5, .pause_ms = 2};

// source -> hash -> windows -> sink
std::shared_ptr<JobGraph> windows() {
    auto graph = newGraph();
    const NodeId source = graph->addSource("source", makeProbeSource(kSource));
    const auto op = makeProbeWindow(20);
    const NodeId window = graph->addOperator("window", op, {{source, Exchange::Hash, {0}}});
    graph->addSink("sink", makeProbeSink(op->outputSchema(), "/out"), {window, Exchange::Forward, {}});
    return graph;
}

// Two sources, one of them read twice, three exchanges, two sinks.
std::shared_ptr<JobGraph> diamond() {
    auto graph = newGraph();
    const NodeId a = graph->addSource("a", makeProbeSource(kSource));
    ProbeSourceOptions slow = kSource;
    slow.pause_ms = 9;
    slow.splits = 2;
    const NodeId b = graph->addSource("b", makeProbeSource(slow));
    const NodeId both = graph->addOperator("both", makeProbeUnion(probeSourceSchema()),
                                           {{a, Exchange::Rebalance, {}}, {b, Exchange::Forward, {}}});
    const NodeId again = graph->addOperator("again", makeProbeUnion(probeSourceSchema()),
                                            {{both, Exchange::Hash, {0}}, {a, Exchange::Hash, {0}}});
    graph->addSink("one", makeProbeSink(probeSourceSchema(), "/out"), {again, Exchange::Singleton, {}});
    graph->addSink("two", makeProbeSink(probeSourceSchema(), "/out/two"), {b, Exchange::Forward, {}});
    return graph;
}

// source -> hash -> sums with retractions -> sink
std::shared_ptr<JobGraph> sums() {
    auto graph = newGraph();
    const NodeId source = graph->addSource("source", makeProbeSource(kSource));
    const auto op = makeProbeSum();
    const NodeId sum = graph->addOperator("sum", op, {{source, Exchange::Hash, {0}}});
    graph->addSink("sink", makeProbeSink(op->outputSchema(), "/out"), {sum, Exchange::Forward, {}});
    return graph;
}

// For each third row of a key (key, rows, total) of the three, and then nothing of them: rows come to be, are
// written to and erased all the time. What is left at the end comes then.
class Threes final : public Operator {
  public:
    std::string name() const override { return "Threes"; }
    const Schema& outputSchema() const override { return schema_; }
    std::unique_ptr<OperatorState> open(OperatorContext& context) const override {
        const Schema key(std::vector<Field>{schema_.fields()[0]});
        const Schema value(std::vector<Field>{schema_.fields()[1], schema_.fields()[2]});
        auto state = std::make_unique<State>();
        state->table = &context.state().table({"threes", key, value, false, Duration{}});
        return state;
    }
    void process(OperatorState& state, size_t, const Batch& batch, OperatorContext&,
                 Output& output) const override {
        KeyedTable& table = *static_cast<State&>(state).table;
        const std::vector<ColumnPtr> keys{batch.column(0)};
        std::vector<uint64_t> hashes;
        hashColumns(keys, batch.rows(), hashes);
        std::vector<std::byte*> rows;
        BatchBuilder out(schema_);
        for (uint32_t i = 0; i < batch.rows(); ++i) {
            table.findOrInsert(0, keys, hashes, std::span(&i, 1), rows);
            for (const size_t field : {1, 2})
                RowLayout::setNull(rows[0], field, false);
            RowLayout::at<int64_t>(rows[0], table.layout().offset(2)) += batch.column(1)->data<int64_t>()[i];
            if (++RowLayout::at<int64_t>(rows[0], table.layout().offset(1)) < 3) continue;
            append(table, rows[0], out);
            table.erase(0, rows[0]);
        }
        output.emit(out.finish());
    }
    void onEndOfInput(OperatorState& state, OperatorContext&, Output& output) const override {
        KeyedTable& table = *static_cast<State&>(state).table;
        BatchBuilder out(schema_);
        for (std::byte* row : table.allRows(0)) {
            append(table, row, out);
            table.erase(0, row);
        }
        output.emit(out.finish());
    }

  private:
    struct State final : OperatorState {
        KeyedTable* table = nullptr;
    };
    static void append(const KeyedTable& table, const std::byte* row, BatchBuilder& out) {
        std::vector<Value> values;
        for (size_t field = 0; field < 3; ++field)
            values.push_back(loadValue(table.layout(), field, row));
        out.appendRow(values, RowKind::Insert);
    }
    const Schema schema_{std::vector<Field>{
        {"key", LogicalType::bigint()}, {"rows", LogicalType::bigint()}, {"total", LogicalType::bigint()}}};
};

// source -> hash -> threes -> sink
std::shared_ptr<JobGraph> threes() {
    auto graph = newGraph();
    ProbeSourceOptions many = kSource;
    many.keys = 40;
    const NodeId source = graph->addSource("source", makeProbeSource(many));
    const auto op = std::make_shared<Threes>();
    const NodeId node = graph->addOperator("threes", op, {{source, Exchange::Hash, {0}}});
    graph->addSink("sink", makeProbeSink(op->outputSchema(), "/out"), {node, Exchange::Forward, {}});
    return graph;
}

// Which rows make a three depends on the schedule; how many there are of a key, and their sum, do not.
Lines threesOf(FileSystem& files) {
    struct Key {
        int64_t threes = 0, rows = 0, total = 0;
    };
    std::map<int64_t, Key> keys;
    for (const std::string& line : readProbeSink(files, "/out")) {
        std::istringstream in(line);
        std::string kind;
        int64_t key = 0, rows = 0, total = 0;
        in >> kind >> key >> rows >> total;
        keys[key].threes += rows == 3;
        keys[key].rows += rows;
        keys[key].total += total;
    }
    Lines out;
    for (const auto& [key, all] : keys)
        out.push_back(
            fmt::format("key {}: {} threes, {} rows, total {}", key, all.threes, all.rows, all.total));
    return out;
}

Lines sorted(FileSystem& files) {
    Lines lines = readProbeSink(files, "/out");
    for (std::string& line : readProbeSink(files, "/out/two"))
        lines.push_back("two " + line);
    std::sort(lines.begin(), lines.end());
    return lines;
}

// The order in which sums see the rows of a key depends on the schedule; what does not: every count of a key
// comes once, what is retracted is what stood there, and the last total.
Lines sumsOf(FileSystem& files) {
    std::map<int64_t, std::map<int64_t, std::vector<int64_t>>> added, retracted;
    for (const std::string& line : readProbeSink(files, "/out")) {
        std::istringstream in(line);
        std::string kind;
        int64_t key = 0, count = 0, total = 0;
        in >> kind >> key >> count >> total;
        (kind == "-U" ? retracted : added)[key][count].push_back(total);
    }
    Lines out;
    for (auto& [key, rows] : added) {
        for (const auto& [count, totals] : rows) {
            if (totals.size() != 1)
                out.push_back(fmt::format("key {}: count {} came {} times", key, count, totals.size()));
        }
        out.push_back(fmt::format("key {}: {} rows up to count {}, total {}", key, rows.size(),
                                  rows.rbegin()->first, rows.rbegin()->second.front()));
        rows.erase(std::prev(rows.end()));
        if (rows != retracted[key]) out.push_back(fmt::format("key {}: retracted what was not there", key));
    }
    return out;
}

TEST(RuntimeSimulation, Windows) { simulateSeeds({"windows", windows, sorted}); }
TEST(RuntimeSimulation, Diamond) { simulateSeeds({"diamond", diamond, sorted}); }
TEST(RuntimeSimulation, Sums) { simulateSeeds({"sums", sums, sumsOf}); }

TEST(RuntimeSimulation, Threes) { simulateSeeds({"threes", threes, threesOf}); }

TEST(RuntimeSimulation, ASeedRepeatsExactly) {
    for (uint64_t seed = 1; seed <= 5; ++seed) {
        std::array<SimulationResult, 2> results;
        std::array<Lines, 2> lines;
        for (size_t i = 0; i < 2; ++i) {
            Simulation simulation(seed, FaultPlan{});
            results[i] = simulation.run(sums);
            lines[i] = readProbeSink(simulation.files(), "/out");  // unsorted
        }
        EXPECT_EQ(results[0].turns, results[1].turns);
        EXPECT_EQ(results[0].steps, results[1].steps);
        EXPECT_EQ(lines[0], lines[1]);
    }
}

// The simulator finds what it is made for: a sink that shows its files before the checkpoint is complete.
TEST(RuntimeSimulation, ASinkThatCommitsTooEarlyIsFoundOut) {
    class EagerSink final : public Sink {
      public:
        class Writer final : public SinkWriter {
          public:
            explicit Writer(SinkWriterContext& context) : context_(context) {}
            void write(const Batch& batch) override { rows_ += batch.rows(); }
            std::vector<std::string> prepareCommit() override {
                if (rows_ == 0) return {};
                auto file = context_.environment().files->create(fmt::format(
                    "/out/{}-{}-{}", context_.subtask().value(), context_.attemptId(), counter_++));
                for (; rows_ > 0; --rows_)
                    file->append("row\n");
                file->sync();
                context_.environment().files->syncFolder("/out");
                return {};
            }

          private:
            SinkWriterContext& context_;
            size_t rows_ = 0;
            int counter_ = 0;
        };
        std::string name() const override { return "Sink: eager"; }
        const Schema& inputSchema() const override { return schema_; }
        std::unique_ptr<SinkWriter> createWriter(SinkWriterContext& context,
                                                 std::vector<std::string>) const override {
            context.environment().files->createFolders("/out");
            return std::make_unique<Writer>(context);
        }

      private:
        const Schema schema_ = probeSourceSchema();
    };
    configureLog({.level = LogLevel::Error, .path = "/dev/null"});
    const auto job = [] {
        auto graph = newGraph();
        const NodeId source = graph->addSource("source", makeProbeSource(kSource));
        graph->addSink("sink", std::make_shared<EagerSink>(), {source, Exchange::Forward, {}});
        return graph;
    };
    int wrong = 0;
    for (uint64_t seed = 1; seed <= 30; ++seed) {
        Simulation simulation(seed, FaultPlan{});
        ASSERT_EQ(simulation.run(job).failure, "");
        wrong += readProbeSink(simulation.files(), "/out").size() != 300U;
    }
    EXPECT_GT(wrong, 0);
}

}  // namespace
}  // namespace millrace
