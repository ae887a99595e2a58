// Rooms: sql connectors
//
// SQL in the simulator: from text to committed files.

#include "base/random.h"
#include "simulation/harness.h"
#include "simulation/sql_jobs.h"

namespace millrace {
namespace {

constexpr const char* kApplication = R"(
SET 'table.optimizer.agg-phase-strategy' = 'TWO_PHASE';
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

CREATE TABLE sessions (origin STRING, session_start TIMESTAMP(3), session_end TIMESTAMP(3), flights BIGINT, worst BIGINT)
WITH ('connector' = 'filesystem', 'path' = '/out/sessions', 'format' = 'json');

CREATE TABLE by_minute (origin STRING, delay BIGINT, dt STRING, hm STRING) PARTITIONED BY (dt, hm)
WITH ('connector' = 'filesystem', 'path' = '/out/by_minute', 'format' = 'json',
    'sink.partition-commit.trigger' = 'partition-time', 'sink.partition-commit.delay' = '1 min',
    'sink.partition-commit.policy.kind' = 'success-file',
    'partition.time-extractor.timestamp-pattern' = '$dt $hm:00');

CREATE TABLE late (origin STRING, delay BIGINT, kind STRING)
WITH ('connector' = 'filesystem', 'path' = '/out/late', 'format' = 'json');

CREATE TABLE worst (origin STRING, place BIGINT, delay BIGINT, ts TIMESTAMP(3))
WITH ('connector' = 'filesystem', 'path' = '/out/worst', 'format' = 'json');

CREATE TABLE busiest (place BIGINT, delay BIGINT, flights BIGINT)
WITH ('connector' = 'filesystem', 'path' = '/out/busiest', 'format' = 'json');

CREATE TABLE busiest_origins (place BIGINT, delay BIGINT, origins BIGINT)
WITH ('connector' = 'filesystem', 'path' = '/out/busiest_origins', 'format' = 'json');

CREATE TABLE running (origin STRING, ts TIMESTAMP(3), flights BIGINT, total BIGINT, worst BIGINT)
WITH ('connector' = 'filesystem', 'path' = '/out/running', 'format' = 'json');

-- Top-N of rows that only come, and of rows that change; what is left at the end is sorted and written.
INSERT INTO worst
SELECT origin, place, delay, ts FROM (
    SELECT *, ROW_NUMBER() OVER (PARTITION BY origin ORDER BY delay DESC, ts) AS place FROM events)
WHERE place <= 3 ORDER BY origin, place;

INSERT INTO busiest
SELECT place, delay, flights FROM (
    SELECT delay, COUNT(*) AS flights, ROW_NUMBER() OVER (ORDER BY COUNT(*) DESC, delay) AS place
    FROM events GROUP BY delay)
WHERE place BETWEEN 2 AND 5 ORDER BY place;

INSERT INTO busiest_origins
SELECT place, delay, origins FROM (
    SELECT delay, COUNT(DISTINCT origin) AS origins, ROW_NUMBER() OVER (ORDER BY COUNT(DISTINCT origin) DESC, delay) AS place
    FROM events GROUP BY delay)
WHERE place <= 4 ORDER BY place;

INSERT INTO running
SELECT origin, ts, COUNT(*) OVER (PARTITION BY origin ORDER BY ts), SUM(delay) OVER (PARTITION BY origin ORDER BY ts),
    MAX(delay) OVER (PARTITION BY origin ORDER BY ts RANGE BETWEEN INTERVAL '15' SECOND PRECEDING AND CURRENT ROW)
FROM events;

INSERT INTO delays
SELECT window_start, window_end, origin, COUNT(*), SUM(delay), MAX(delay)
FROM TABLE(TUMBLE(TABLE events, DESCRIPTOR(ts), INTERVAL '10' SECOND))
GROUP BY window_start, window_end, origin;

INSERT INTO hops
SELECT window_end, COUNT(*), AVG(CAST(delay AS DOUBLE))
FROM TABLE(HOP(TABLE events, DESCRIPTOR(ts), INTERVAL '5' SECOND, INTERVAL '20' SECOND))
GROUP BY window_start, window_end;

INSERT INTO sessions
SELECT origin, SESSION_START(ts, INTERVAL '4' SECOND), SESSION_END(ts, INTERVAL '4' SECOND), COUNT(*), MAX(delay)
FROM events
GROUP BY origin, SESSION(ts, INTERVAL '4' SECOND);

INSERT INTO by_minute
SELECT origin, delay, DATE_FORMAT(ts, 'yyyy-MM-dd'), DATE_FORMAT(ts, 'HH:mm') FROM events;

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

// Set operations, grouping sets of windows, and rows with the version of a table at their time, of which no
// two have one time: whose rows come first does not matter.
constexpr const char* kQueries = R"(
CREATE TABLE events (
    origin STRING,
    delay BIGINT,
    ts TIMESTAMP(3),
    WATERMARK FOR ts AS ts - INTERVAL '1' SECOND
) WITH ('connector' = 'filesystem', 'path' = '/in', 'format' = 'json');

CREATE TABLE common (origin STRING, delay BIGINT) WITH ('connector' = 'filesystem', 'path' = '/out/common', 'format' = 'json');
CREATE TABLE remaining LIKE common;
ALTER TABLE remaining SET ('path' = '/out/remaining');
CREATE TABLE sets (window_end TIMESTAMP(3), origin STRING, late BOOLEAN, id BIGINT, flights BIGINT)
WITH ('connector' = 'filesystem', 'path' = '/out/sets', 'format' = 'json');
CREATE TABLE reached (origin STRING, delay BIGINT, ts TIMESTAMP(3), session_end TIMESTAMP(3))
WITH ('connector' = 'filesystem', 'path' = '/out/reached', 'format' = 'json');
CREATE TABLE versions (origin STRING, delay BIGINT, ts TIMESTAMP(3), worst BIGINT)
WITH ('connector' = 'filesystem', 'path' = '/out/versions', 'format' = 'json');

CREATE VIEW seconds AS
SELECT origin, window_time AS at, MAX(delay) AS worst FROM TABLE(TUMBLE(TABLE events, DESCRIPTOR(ts), INTERVAL '1' SECOND))
GROUP BY window_start, window_end, window_time, origin;
CREATE VIEW latest AS
SELECT origin, at, worst FROM (
    SELECT *, ROW_NUMBER() OVER (PARTITION BY origin ORDER BY at DESC) AS rn FROM seconds) WHERE rn = 1;

INSERT INTO common
SELECT origin, delay FROM events WHERE delay > 20 INTERSECT ALL SELECT origin, delay FROM events WHERE delay < 40;

INSERT INTO remaining
SELECT origin, delay FROM events EXCEPT SELECT origin, delay + 7 FROM events ORDER BY origin, delay;

INSERT INTO sets
SELECT window_end, origin, delay > 30, GROUPING_ID(origin, delay > 30), COUNT(*)
FROM TABLE(HOP(TABLE events, DESCRIPTOR(ts), INTERVAL '10' SECOND, INTERVAL '20' SECOND))
GROUP BY window_start, window_end, CUBE (origin, delay > 30);

INSERT INTO reached
SELECT origin, delay, ts, window_end FROM TABLE(SESSION(TABLE events PARTITION BY origin, DESCRIPTOR(ts), INTERVAL '4' SECOND));

INSERT INTO versions
SELECT e.origin, e.delay, e.ts, l.worst FROM events AS e
LEFT JOIN latest FOR SYSTEM_TIME AS OF e.ts AS l ON e.origin = l.origin AND l.worst > 5;
)";

// In processing time which window a row falls into depends on the schedule; in how many it counts does not.
constexpr const char* kProcessingTime = R"(
CREATE TABLE events (origin STRING, delay BIGINT, p AS PROCTIME())
WITH ('connector' = 'filesystem', 'path' = '/in', 'format' = 'json');

CREATE TABLE counts (kind STRING, origin STRING, flights BIGINT)
WITH ('connector' = 'filesystem', 'path' = '/out', 'format' = 'json');

INSERT INTO counts
SELECT 'tumble', origin, COUNT(*) FROM TABLE(TUMBLE(TABLE events, DESCRIPTOR(p), INTERVAL '0.01' SECOND))
GROUP BY window_start, window_end, origin
UNION ALL
SELECT 'hop', origin, COUNT(*) FROM events GROUP BY origin, HOP(p, INTERVAL '0.005' SECOND, INTERVAL '0.02' SECOND)
UNION ALL
SELECT 'session', origin, COUNT(*) FROM events GROUP BY origin, SESSION(p, INTERVAL '0.003' SECOND)
UNION ALL
SELECT 'rows', origin, CAST(1 AS BIGINT) FROM TABLE(SESSION(TABLE events PARTITION BY origin, DESCRIPTOR(p), INTERVAL '0.003' SECOND));
)";

// The sum of flights by what stands before them in a line.
Lines sums(const Lines& lines) {
    constexpr std::string_view kField = "\"flights\":";
    std::map<std::string, int64_t> sums;
    for (const std::string& line : lines) {
        const size_t at = line.find(kField);
        if (at == std::string::npos) return {"no count in " + line};
        sums[line.substr(0, at)] += std::stoll(line.substr(at + kField.size()));
    }
    Lines result;
    for (const auto& [key, sum] : sums)
        result.push_back(fmt::format("{}{}", key, sum));
    return result;
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

// Every partition has its success file once the job is finished. How many partitions there are.
int64_t expectCommitted(FileSystem& files, const std::string& folder) {
    bool partition = false, committed = false;
    int64_t below = 0;
    for (const FileStatus& entry : files.list(folder)) {
        if (entry.is_folder) below += expectCommitted(files, joinPath(folder, entry.name));
        partition |= entry.name.starts_with("part-");
        committed |= entry.name == "_SUCCESS";
    }
    EXPECT_EQ(partition, committed) << folder;
    return below + (partition ? 1 : 0);
}

TEST(SqlSimulation, WindowsFiltersUnionsTopNAndOver) {
    simulateSeeds({"sql", [] { return application(kApplication); },
                   [](FileSystem& files) {
                       EXPECT_GT(expectCommitted(files, "/out/by_minute"), 2);
                       return visibleLines(files, "/out");
                   },
                   writeInput});
}

TEST(SqlSimulation, ProcessingTimeWindows) {
    simulateSeeds({"processing time", [] { return application(kProcessingTime); },
                   [](FileSystem& files) { return sums(visibleLines(files, "/out")); }, writeInput});
}

TEST(SqlSimulation, SetsAndVersions) {
    simulateSeeds({"sets and versions", [] { return application(kQueries); },
                   [](FileSystem& files) { return visibleLines(files, "/out"); }, writeInput});
}

TEST(SqlSimulation, Joins) {
    simulateSeeds({"joins", [] { return application(kJoins); },
                   [](FileSystem& files) { return visibleLines(files, "/out"); }, writeInput});
}

}  // namespace
}  // namespace millrace
