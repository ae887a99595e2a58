// Rooms: sql connectors
//
// SQL in the simulator: from text to committed files.

#include "base/random.h"
#include "connectors/connectors.h"
#include "formats/format.h"
#include "simulation/harness.h"
#include "sql/plan/planner.h"
#include "sql/session.h"

namespace millrace {
namespace {

constexpr const char* kApplication = R"(
CREATE TABLE events (
    origin STRING,
    delay BIGINT,
    ts TIMESTAMP(3),
    WATERMARK FOR ts AS ts - INTERVAL '1' SECOND
) WITH ('connector' = 'filesystem', 'path' = '/in', 'format' = 'json');

CREATE TABLE delays (
    window_start TIMESTAMP(3), window_end TIMESTAMP(3), origin STRING, flights BIGINT, total BIGINT, worst BIGINT
) WITH ('connector' = 'filesystem', 'path' = '/out/delays', 'format' = 'json');

CREATE TABLE hops (window_end TIMESTAMP(3), flights BIGINT, mean DOUBLE)
WITH ('connector' = 'filesystem', 'path' = '/out/hops', 'format' = 'json');

CREATE TABLE late (origin STRING, delay BIGINT, kind STRING)
WITH ('connector' = 'filesystem', 'path' = '/out/late', 'format' = 'json');

INSERT INTO delays
SELECT window_start, window_end, origin, COUNT(*), SUM(delay), MAX(delay)
FROM TABLE(TUMBLE(TABLE events, DESCRIPTOR(ts), INTERVAL '10' SECOND))
GROUP BY window_start, window_end, origin;

INSERT INTO hops
SELECT window_end, COUNT(*), AVG(CAST(delay AS DOUBLE))
FROM TABLE(HOP(TABLE events, DESCRIPTOR(ts), INTERVAL '5' SECOND, INTERVAL '20' SECOND))
GROUP BY window_start, window_end;

INSERT INTO late
SELECT origin, delay, 'late' FROM events WHERE delay > 40
UNION ALL
SELECT origin, delay + 1, 'early' FROM events WHERE delay < 10;
)";

// An inner join of what is only added, a window join, and the rows of an anti join: append-only results all,
// so that files tell what came of them.
constexpr const char* kJoins = R"(
CREATE TABLE events (
    origin STRING,
    delay BIGINT,
    ts TIMESTAMP(3),
    WATERMARK FOR ts AS ts - INTERVAL '1' SECOND
) WITH ('connector' = 'filesystem', 'path' = '/in', 'format' = 'json');

CREATE TABLE pairs (origin STRING, l BIGINT, r BIGINT)
WITH ('connector' = 'filesystem', 'path' = '/out/pairs', 'format' = 'json');

CREATE TABLE worst (window_end TIMESTAMP(3), origin STRING, delay BIGINT)
WITH ('connector' = 'filesystem', 'path' = '/out/worst', 'format' = 'json');

CREATE TEMPORARY VIEW w AS
SELECT * FROM TABLE(TUMBLE(TABLE events, DESCRIPTOR(ts), INTERVAL '10' SECOND));

INSERT INTO pairs
SELECT a.origin, a.delay, b.delay FROM events AS a JOIN events AS b ON a.origin = b.origin AND a.delay + 1 = b.delay;

INSERT INTO worst
SELECT w.window_end, w.origin, w.delay FROM w LEFT JOIN
  (SELECT window_start, window_end, MAX(delay) AS delay FROM w GROUP BY window_start, window_end) AS m
ON w.window_start = m.window_start AND w.window_end = m.window_end AND w.delay = m.delay;
)";

const std::shared_ptr<const sql::ConnectorRegistry>& registry() {
    static const auto all = [] {
        auto made = std::make_shared<sql::ConnectorRegistry>();
        made->connectors = connectorDescriptors();
        for (const FormatDescriptor& format : formatDescriptors())
            made->formats[format.name] = format.options;
        return std::shared_ptr<const sql::ConnectorRegistry>(made);
    }();
    return all;
}

// Planned once: operators are immutable, so every start can share them.
std::shared_ptr<const JobGraph> planned(const char* text) {
    sql::Session session({registry(), {}, {}, "application.sql"});
    const sql::LogicalPlan plan = session.compileApplication(text);
    return sql::planJob(plan, {registry(), session.configuration(), nullptr}).graph;
}

std::shared_ptr<JobGraph> configured(const JobGraph& planned) {
    auto graph = std::make_shared<JobGraph>(planned);
    for (const auto& [key, value] : std::map<std::string, std::string>{
             {"execution.checkpointing.interval", "15 ms"},
             {"execution.checkpointing.dir", "/checkpoints"},
             {"restart-strategy.type", "fixed-delay"},
             {"restart-strategy.fixed-delay.attempts", "1000"},
             {"restart-strategy.fixed-delay.delay", "5 ms"},
             {"millrace.batch.rows-max", "5"},
             {"millrace.checker", "true"},
         }) {
        graph->configuration.set(key, value);
    }
    return graph;
}

// Files in the order of time, a little disorder within.
void writeInput(FileSystem& files) {
    files.createFolders("/in");
    Random random(11);
    int64_t second = 0;
    for (int file = 0; file < 5; ++file) {
        std::string text;
        for (uint64_t row = 30 + random.below(60); row > 0; --row) {
            second += static_cast<int64_t>(random.below(3));
            text +=
                fmt::format(R"({{"origin": "airport-{}", "delay": {}, "ts": "2026-03-01 00:{:02}:{:02}"}})",
                            random.below(4), random.below(60), second / 60, second % 60);
            text += "\n";
        }
        const auto out = files.create(fmt::format("/in/{}.json", file));
        out->append(text);
        out->sync();
    }
    files.syncFolder("/in");
}

TEST(SqlSimulation, WindowsFiltersAndUnions) {
    static const std::shared_ptr<const JobGraph> once = planned(kApplication);
    simulateSeeds({"sql", [] { return configured(*once); },
                   [](FileSystem& files) { return visibleLines(files, "/out"); }, writeInput});
}

TEST(SqlSimulation, Joins) {
    static const std::shared_ptr<const JobGraph> once = planned(kJoins);
    simulateSeeds({"joins", [] { return configured(*once); },
                   [](FileSystem& files) { return visibleLines(files, "/out"); }, writeInput});
}

}  // namespace
}  // namespace millrace
