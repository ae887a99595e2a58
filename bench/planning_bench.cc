// What planning costs: from text to the job's graph.
// Rooms: sql connectors
#include <benchmark/benchmark.h>

#include "connectors/connectors.h"
#include "sql/plan/planner.h"
#include "sql/session.h"

namespace millrace::sql {
namespace {

constexpr const char* kTables = R"sql(
CREATE TABLE bid (auction BIGINT, bidder BIGINT, price BIGINT, channel STRING, ts TIMESTAMP(3),
                  WATERMARK FOR ts AS ts - INTERVAL '4' SECOND) WITH ('connector' = 'datagen');
CREATE TABLE out_table (k BIGINT, n BIGINT) WITH ('connector' = 'blackhole');
)sql";

void planAll(benchmark::State& state, const std::string& text, int statements) {
    auto registry = std::make_shared<ConnectorRegistry>();
    registry->connectors = connectorDescriptors();
    for (auto iteration : state) {
        SessionOptions options;
        options.registry = registry;
        Session session(std::move(options));
        const LogicalPlan plan = session.compileApplication(kTables + text);
        PlanOptions plan_options;
        plan_options.registry = registry;
        benchmark::DoNotOptimize(planJob(plan, plan_options).graph);
    }
    state.counters["statements/s"] =
        benchmark::Counter(statements, benchmark::Counter::kIsIterationInvariantRate);
}

// 200 INSERTs of an aggregation, a join and a window each.
void statements200(benchmark::State& state) {
    std::string text;
    for (int i = 0; i < 200; ++i) {
        text += fmt::format(
            "INSERT INTO out_table SELECT b.auction, COUNT(*) FROM bid AS b JOIN (SELECT auction, "
            "window_start, "
            "MAX(price) AS top FROM TABLE(TUMBLE(TABLE bid, DESCRIPTOR(ts), INTERVAL '{}' SECOND)) GROUP BY "
            "auction, window_start, window_end) AS w ON b.auction = w.auction AND b.price = w.top WHERE "
            "b.price > "
            "{} AND b.channel LIKE '%x%' GROUP BY b.auction HAVING COUNT(*) > 1;\n",
            i + 1, i);
    }
    planAll(state, text, 200);
}

void columns500(benchmark::State& state) {
    std::string columns;
    for (int i = 0; i < 500; ++i)
        columns += fmt::format(", SUM(price + {}) AS c{}", i, i);
    planAll(state,
            "INSERT INTO out_table SELECT auction, c499 FROM (SELECT auction" + columns +
                " FROM bid GROUP BY auction);",
            1);
}

void levels100(benchmark::State& state) {
    std::string query = "SELECT auction AS k, price AS n FROM bid";
    for (int i = 0; i < 100; ++i)
        query = fmt::format("SELECT k, MAX(n) + {} AS n FROM ({}) GROUP BY k", i, query);
    planAll(state, "INSERT INTO out_table " + query + ";", 1);
}

BENCHMARK(statements200)->Unit(benchmark::kMillisecond);
BENCHMARK(columns500)->Unit(benchmark::kMillisecond);
BENCHMARK(levels100)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace millrace::sql
