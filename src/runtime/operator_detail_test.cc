// What operators are measured by: their own time, without that of those they call, and the state they held.
#include <gtest/gtest.h>

#include <filesystem>

#include "runtime/job.h"
#include "runtime/node_times.h"
#include "runtime/runtime_options.h"
#include "runtime/simulator/probe.h"

namespace millrace {
namespace {

class TurnedClock final : public Clock {
  public:
    ProcessingTime now() const override { return ProcessingTime(nanos / 1'000'000); }
    int64_t monotonicNanos() const override { return nanos; }
    int64_t nanos = 1000;
};

TEST(NodeTimes, WhatIsCalledIsNotTheCallersTime) {
    TurnedClock clock;
    NodeTimes times(clock);
    Counter outer, inner;
    {
        const NodeTimes::Turn turn(&times, &outer);
        clock.nanos += 5;
        {
            const NodeTimes::Turn called(&times, &inner);
            clock.nanos += 30;
            EXPECT_EQ(times.lastReadingNanos(), 1005);
        }
        clock.nanos += 7;
    }
    clock.nanos += 1000;  // nobody's
    {
        const NodeTimes::Turn turn(&times, &inner);
        clock.nanos += 1;
    }
    EXPECT_EQ(outer.value(), 12);
    EXPECT_EQ(inner.value(), 31);
}

TEST(NodeTimes, NothingIsMeasuredUnasked) {
    Counter counter;
    const NodeTimes::Turn turn(nullptr, &counter);
    EXPECT_EQ(counter.value(), 0);
}

class OperatorDetail : public testing::Test {
  protected:
    ~OperatorDetail() override { std::filesystem::remove_all(folder_); }

    // (operator name, metric) -> the sum over subtasks; watermarks have none.
    std::map<std::string, std::map<std::string, int64_t>> run(std::map<std::string, std::string> settings) {
        auto graph = std::make_shared<JobGraph>();
        settings.emplace("parallelism.default", "2");
        graph->configuration = Configuration(std::move(settings));
        const NodeId source = graph->addSource("source", makeProbeSource({}));
        auto window = makeProbeWindow(50);
        const Schema schema = window->outputSchema();
        const NodeId by_key =
            graph->addOperator("window", std::move(window), {{source, Exchange::Hash, {0}}});
        graph->addSink("sink", makeProbeSink(schema, folder_), {by_key, Exchange::Forward, {}});
        const auto job = Job::start(graph, {});
        EXPECT_EQ(job->waitForEnd(20000), JobStatus::Finished);
        std::map<std::string, std::map<std::string, int64_t>> out;
        for (const VertexDetails& vertex : job->details().vertices) {
            EXPECT_EQ(vertex.operators.size(), vertex.nodes.size());
            for (const OperatorDetails& op : vertex.operators) {
                EXPECT_EQ(op.metrics.size(), 2u);
                for (const auto& metrics : op.metrics) {
                    for (const auto& [name, value] : metrics) {
                        if (!name.ends_with("Watermark")) out[graph->node(op.node).uid][name] += value;
                    }
                }
            }
        }
        return out;
    }

  private:
    const std::string folder_ = testing::TempDir() + "operator_detail_test." + std::to_string(::getpid());
};

TEST_F(OperatorDetail, EveryOperatorHasItsOwn) {
    auto metrics = run({{kOperatorDetailKey, "true"}});
    EXPECT_EQ(metrics["source"]["numRecordsOut"], 400);
    EXPECT_EQ(metrics["window"]["numRecordsIn"], 400);
    EXPECT_EQ(metrics["sink"]["numRecordsIn"], metrics["window"]["numRecordsOut"]);
    for (const char* node : {"source", "window", "sink"})
        EXPECT_GT(metrics[node]["selfTimeNs"], 0) << node;
    EXPECT_GT(metrics["source"]["exchangeTimeNs"], 0);
    EXPECT_EQ(metrics["window"]["exchangeTimeNs"], 0);  // what it puts out stays in the chain
    // Windows are gone at the end, and were there before.
    EXPECT_GT(metrics["window"]["stateRowsMax"], 0);
    EXPECT_GT(metrics["window"]["stateBytesMax"], 0);
}

TEST_F(OperatorDetail, IsNotThereUnasked) {
    auto metrics = run({});
    EXPECT_EQ(metrics["window"]["numRecordsIn"], 400);
    for (const char* metric : {"selfTimeNs", "exchangeTimeNs", "stateRowsMax", "stateBytesMax"})
        EXPECT_FALSE(metrics["window"].contains(metric)) << metric;
}

}  // namespace
}  // namespace millrace
