#include "runtime/backlog.h"

#include <gtest/gtest.h>

#include "runtime/forwarding_source.h"
#include "runtime/simulator/probe.h"
#include "runtime/simulator/simulation.h"

namespace millrace {
namespace {

// Hands rows on with watermarks that trail the clock: by 300 ms at first, and 2 ms less every millisecond.
class CatchingUp final : public Operator {
  public:
    std::string name() const override { return "CatchingUp"; }
    const Schema& outputSchema() const override { return schema_; }
    std::unique_ptr<OperatorState> open(OperatorContext&) const override { return std::make_unique<State>(); }
    void process(OperatorState& state, size_t, const Batch& batch, OperatorContext& context,
                 Output& output) const override {
        auto& begin_ms = static_cast<State&>(state).begin_ms;
        const int64_t now = context.now().value();
        if (begin_ms == 0) begin_ms = now;
        output.emit(batch);
        output.emitWatermark(EventTime(now - std::max<int64_t>(0, 300 - 2 * (now - begin_ms))));
    }

  private:
    struct State final : OperatorState {
        int64_t begin_ms = 0;
    };
    const Schema schema_ = probeSourceSchema();
};

// A source whose reader says for its first 150 ms that it is behind.
class SaysSo final : public ForwardingSource {
  public:
    using ForwardingSource::ForwardingSource;
    std::unique_ptr<SourceReader> createReader(SourceReaderContext& context) const override {
        return std::make_unique<Reader>(ForwardingSource::createReader(context), context);
    }

  private:
    class Reader final : public ForwardingReader {
      public:
        Reader(std::unique_ptr<SourceReader> reader, SourceReaderContext& context)
            : ForwardingReader(std::move(reader)),
              context_(context),
              until_ms_(context.now().value() + 150) {}
        ReadStatus poll(Output& output) override {
            context_.metrics().counter(kProcessingBacklogMetric).set(context_.now().value() < until_ms_);
            return ForwardingReader::poll(output);
        }

      private:
        SourceReaderContext& context_;
        const int64_t until_ms_;
    };
};

// How many checkpoints a job of about 400 ms takes, one every 10 ms.
int64_t checkpointsWith(const std::map<std::string, std::string>& settings, bool says_so = false) {
    FaultPlan calm;
    calm.faults_max = 0;
    calm.parallelism_max = 1;
    calm.savepoints = false;
    Simulation simulation(1, calm);
    const SimulationResult result = simulation.run([&] {
        auto graph = std::make_shared<JobGraph>();
        graph->configuration = Configuration(settings);
        graph->configuration.set("execution.checkpointing.interval", "10 ms");
        graph->configuration.set("execution.checkpointing.dir", "/checkpoints");
        std::shared_ptr<const Source> rows =
            makeProbeSource({.splits = 1, .rows_per_split = 200, .batch_rows = 1, .pause_ms = 2});
        if (says_so) rows = std::make_shared<SaysSo>(std::move(rows));
        const NodeId source = graph->addSource("source", std::move(rows));
        const NodeId node = graph->addOperator("catching up", std::make_shared<CatchingUp>(),
                                               {{source, Exchange::Forward, {}}});
        graph->addSink("sink", makeProbeSink(probeSourceSchema(), "/out"), {node, Exchange::Forward, {}});
        return graph;
    });
    EXPECT_EQ(result.failure, "");
    return result.steps[static_cast<size_t>(CheckpointStep::ManifestRename)];
}

TEST(Backlog, CheckpointsAreRareUntilTheSourceHasCaughtUp) {
    constexpr const char* interval = "execution.checkpointing.interval-during-backlog";
    constexpr const char* lag = "pipeline.backlog.watermark-lag-threshold";
    const int64_t plain = checkpointsWith({});
    const int64_t no_rule = checkpointsWith({{interval, "100 ms"}});
    const int64_t rare = checkpointsWith({{interval, "60 ms"}, {lag, "50 ms"}});
    const int64_t none = checkpointsWith({{interval, "0"}, {lag, "50 ms"}});
    EXPECT_GT(plain, 25);
    EXPECT_EQ(no_rule, plain);
    // Behind for 125 of the 400 ms.
    EXPECT_LT(rare, plain - 7);
    EXPECT_LT(none, rare);
    EXPECT_GT(none, plain / 2);
}

TEST(Backlog, AReaderCanSayThatItIsBehind) {
    constexpr const char* interval = "execution.checkpointing.interval-during-backlog";
    const int64_t plain = checkpointsWith({}, true);
    const int64_t none = checkpointsWith({{interval, "0"}}, true);
    EXPECT_LT(none, plain - 10);
    EXPECT_GT(none, plain / 2);
}

}  // namespace
}  // namespace millrace
