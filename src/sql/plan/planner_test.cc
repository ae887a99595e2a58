#include "sql/plan/planner.h"

#include <gtest/gtest.h>

#include <set>

#include "runtime/job.h"
#include "sql/plan/planner_test_harness.h"

namespace millrace::sql {
namespace {

using testing::kTables;
using testing::Planner;

TEST_F(Planner, TheWindowFunctionIsFusedAndColumnsArePruned) {
    EXPECT_EQ(
        text("INSERT INTO out_inserts SELECT auction, COUNT(*) FROM TABLE(TUMBLE(TABLE bid, DESCRIPTOR(ts), "
             "INTERVAL '10' SECOND)) WHERE price > 5 GROUP BY auction, window_start, window_end;"),
        R"(Sink(table=[out_inserts]), changelogMode=[NONE]
+- Calc(select=[auction AS k, COUNT(*) AS n]), changelogMode=[I]
   +- WindowAggregate(groupBy=[auction], window=[TUMBLE(time=[ts], size=[10 s])], select=[auction, window_start, window_end, COUNT(*)]), changelogMode=[I]
      +- Exchange(distribution=[hash[auction]]), changelogMode=[I]
         +- Calc(select=[auction, ts], where=[price > 5]), changelogMode=[I]
            +- WatermarkAssigner(rowtime=[ts], watermark=[ts - INTERVAL '+0 00:00:04.000']), changelogMode=[I]
               +- TableSourceScan(table=[bid], fields=[auction, price, ts]), changelogMode=[I]
)");
}

// The kind is known, so the time is the one field; the ROWs are never made.
TEST_F(Planner, FiltersAndFieldsGoIntoTheSource) {
    EXPECT_EQ(
        text("INSERT INTO out_inserts SELECT id, COUNT(*) FROM TABLE(TUMBLE(TABLE as_a, DESCRIPTOR(ts), "
             "INTERVAL '10' SECOND)) GROUP BY id, window_start, window_end;"),
        R"(Sink(table=[out_inserts]), changelogMode=[NONE]
+- Calc(select=[id AS k, COUNT(*) AS n]), changelogMode=[I]
   +- WindowAggregate(groupBy=[id], window=[TUMBLE(time=[ts], size=[10 s])], select=[id, window_start, window_end, COUNT(*)]), changelogMode=[I]
      +- Exchange(distribution=[hash[id]]), changelogMode=[I]
         +- Calc(select=[a_id AS id, ts]), changelogMode=[I]
            +- WatermarkAssigner(rowtime=[ts], watermark=[ts - INTERVAL '+0 00:00:04.000']), changelogMode=[I]
               +- Calc(select=[a_at AS ts, a_id]), changelogMode=[I]
                  +- TableSourceScan(table=[events], kind in 0, fields=[a_id, a_at]), changelogMode=[I]
)");
}

TEST_F(Planner, WhatTheSourceDoesNotTakeStaysAbove) {
    const auto holds = [](const std::string& plan, const std::string& part) {
        EXPECT_NE(plan.find(part), std::string::npos) << part << " in\n" << plan;
    };
    // Other conditions stay, and nested fields are found at their depth.
    const std::string mixed = text("INSERT INTO out_inserts SELECT id, x FROM as_a WHERE x > 3 AND id <> 7;");
    holds(mixed, "kind in 0, fields=[a_id, a_at, a_more_x]");
    holds(mixed, "where=[(a_more_x > 3) AND (a_id <> 7)]");
    // Several values: all kinds' fields may be there.
    const std::string several =
        text("INSERT INTO out_inserts SELECT a.id, b.id FROM events WHERE kind IN (0, 1);");
    holds(several, "kind in 0 1, fields=[kind, a_id, a_at, b_id, b_at]");
    // Not a set of values.
    holds(text("INSERT INTO out_inserts SELECT a.id, b.id FROM events WHERE kind > 0;"), "where=[kind > 0]");
    holds(text("INSERT INTO out_inserts SELECT a.id, b.id FROM events WHERE kind = 0 OR a.id = 1;"),
          "where=[");
    // A ROW that is read whole stays one.
    const std::string whole = text(
        "CREATE TABLE rows_too (id BIGINT, b ROW<id BIGINT, at TIMESTAMP(3)>) WITH ('connector' = 'all');"
        "INSERT INTO rows_too SELECT a.id, b FROM events WHERE kind = 1;");
    holds(whole, "kind in 1, fields=[b, a_id]");
    // Contradictions: the rows of one kind, of which the other condition leaves none.
    holds(text("INSERT INTO out_inserts SELECT a.id, b.id FROM events WHERE kind = 0 AND kind = 1;"),
          "kind in 0, kind in 1");
    // A connector that takes neither.
    const std::string plain = text(
        "CREATE TABLE plain (kind INT, a ROW<id BIGINT>) WITH ('connector' = 'all');"
        "INSERT INTO out_inserts SELECT a.id, 1 FROM plain WHERE kind = 0;");
    holds(plain, "fields=[kind, a]");
    holds(plain, "where=[kind = 0]");
}

// Two queries of one kind read one source; of two kinds, two.
TEST_F(Planner, SourcesAreSharedByWhatTheyLeaveOut) {
    const auto scans = [](const std::string& plan) {
        size_t count = 0;
        for (size_t at = plan.find("TableSourceScan("); at != std::string::npos;
             at = plan.find("TableSourceScan(", at + 1))
            ++count;
        return count;
    };
    const auto sources = [](const PlannedJob& job) {
        size_t count = 0;
        for (const JobNode& node : job.graph->nodes())
            count += node.uid.starts_with("source-") ? 1 : 0;
        return count;
    };
    const PlannedJob same = plan(
        "EXECUTE STATEMENT SET BEGIN INSERT INTO out_inserts SELECT id, x FROM as_a; INSERT INTO out_all "
        "SELECT x, id "
        "FROM as_a WHERE x > 1; END;");
    EXPECT_EQ(sources(same), 1U) << same.physical_plan;
    const PlannedJob different = plan(
        "EXECUTE STATEMENT SET BEGIN INSERT INTO out_inserts SELECT id, x FROM as_a; INSERT INTO out_all "
        "SELECT id, 1 "
        "FROM as_b; END;");
    EXPECT_EQ(sources(different), 2U) << different.physical_plan;
    EXPECT_EQ(scans(different.physical_plan), 2U);
}

TEST_F(Planner, WindowsThatAreReadElsewhereAreNotFused) {
    const std::string plan = text(
        "INSERT INTO out_inserts SELECT auction, COUNT(*) FROM TABLE(HOP(TABLE bid, DESCRIPTOR(ts), "
        "INTERVAL '5' SECOND, INTERVAL '10' SECOND)) WHERE price > 5 AND ts < window_start + INTERVAL '1' "
        "SECOND "
        "GROUP BY auction, window_start, window_end;");
    // The part of the filter that does not look at windows goes below the window function.
    const size_t above = plan.find("where=[ts < ");
    const size_t function = plan.find("WindowTableFunction(");
    const size_t below = plan.find("where=[price > 5]");
    EXPECT_LT(above, function) << plan;
    EXPECT_LT(function, below) << plan;
    EXPECT_NE(below, std::string::npos) << plan;
}

TEST_F(Planner, NothingButTheRowsThemselvesIsReadForACount) {
    EXPECT_NE(text("INSERT INTO out_all SELECT COUNT(*), COUNT(*) FROM ended;").find("fields=[a])"),
              std::string::npos);
}

TEST_F(Planner, FiltersGoBelowUnions) {
    const std::string plan = text(
        "INSERT INTO out_inserts SELECT a, c FROM (SELECT a, b, c FROM ended UNION ALL "
        "SELECT auction, channel, price FROM bid) WHERE b = 'x';");
    EXPECT_LT(plan.find("Union("), plan.find("where=[b = 'x']")) << plan;
    EXPECT_LT(plan.find("Union("), plan.find("where=[channel = 'x']")) << plan;
}

TEST_F(Planner, UpdatesNeedASinkThatTakesThem) {
    const std::string query = "SELECT auction, COUNT(*) FROM bid GROUP BY auction;";
    const Problem refused = problem("INSERT INTO out_inserts " + query);
    EXPECT_EQ(refused.code, "sql.sink-needs-inserts");
    EXPECT_NE(refused.message.find("sink 'out_inserts' accepts only inserts"), std::string::npos);
    EXPECT_NE(refused.message.find("groupBy=[auction]"), std::string::npos);
    EXPECT_TRUE(refused.where.known());
    EXPECT_NE(text("INSERT INTO out_all " + query).find("changelogMode=[I,UB,UA]"), std::string::npos);
    // An upsert sink does without -U, so nobody makes it.
    EXPECT_EQ(text("INSERT INTO out_upserts " + query).find("UB"), std::string::npos);
}

TEST_F(Planner, AFilterOverUpdatesTakesRowsBack) {
    const std::string plan = text(
        "INSERT INTO out_upserts SELECT * FROM (SELECT auction, COUNT(*) AS n FROM bid "
        "GROUP BY auction) WHERE n < 10;");
    EXPECT_NE(plan.find("UpdateBeforeToDelete, changelogMode=[I,UA,D]"), std::string::npos) << plan;
    EXPECT_NE(
        plan.find("GroupAggregate(groupBy=[auction], select=[auction, COUNT(*)]), changelogMode=[I,UB,UA]"),
        std::string::npos)
        << plan;
}

TEST_F(Planner, AggregatesOverUpdatesSeeDeletes) {
    const std::string plan = text(
        "INSERT INTO out_all SELECT n, COUNT(*) FROM (SELECT auction, COUNT(*) AS n FROM "
        "bid GROUP BY auction) GROUP BY n;");
    EXPECT_NE(plan.find("changelogMode=[I,UB,UA,D]"), std::string::npos) << plan;
}

TEST_F(Planner, StatementsShareWhatIsEqual) {
    const PlannedJob job = plan(
        "INSERT INTO out_all SELECT auction, COUNT(*) FROM bid GROUP BY auction;"
        "INSERT INTO out_upserts SELECT auction, COUNT(*) AS other_name FROM bid GROUP BY auction;"
        "INSERT INTO out_inserts SELECT bidder, price FROM bid;");
    size_t sources = 0, aggregates = 0, sinks = 0;
    for (const JobNode& node : job.graph->nodes()) {
        sources += std::holds_alternative<std::shared_ptr<const Source>>(node.what);
        sinks += std::holds_alternative<std::shared_ptr<const Sink>>(node.what);
        aggregates += node.name.starts_with("GroupAggregate");
    }
    EXPECT_EQ(sources, 1u) << job.physical_plan;
    EXPECT_EQ(aggregates, 1u) << job.physical_plan;
    EXPECT_EQ(sinks, 3u);
    // What one of them needs, the other leaves out.
    EXPECT_NE(job.physical_plan.find("DropUpdateBefore"), std::string::npos) << job.physical_plan;
    EXPECT_NE(job.physical_plan.find("fields=[auction, bidder, price, ts]"), std::string::npos)
        << job.physical_plan;
}

TEST_F(Planner, HowLongStateIsKeptIsNoPartOfItsName) {
    const std::string query =
        "bid AS b JOIN (SELECT auction AS k, COUNT(*) AS n FROM bid GROUP BY auction) AS c "
        "ON b.auction = c.k;";
    const std::string hinted =
        "INSERT INTO out_all SELECT /*+ STATE_TTL('b' = '1 d', 'c' = '90 s') */ c.k, c.n FROM " + query;
    EXPECT_NE(text(hinted).find(", stateTtlHints=[left=1 d, right=1 min 30 s])"), std::string::npos)
        << text(hinted);
    const std::string plain = "INSERT INTO out_all SELECT auction, COUNT(*) FROM bid GROUP BY auction;";
    const std::string kept =
        "INSERT INTO out_all SELECT /*+ STATE_TTL('bid' = '1 h') */ auction, COUNT(*) FROM bid GROUP BY "
        "auction;";
    EXPECT_NE(text(kept).find(", stateTtlHints=[1 h])"), std::string::npos) << text(kept);
    EXPECT_EQ(stateful(kept), stateful(plain));
    // What is kept for another time is not shared.
    EXPECT_EQ(stateful(plain + plain).size(), 1U);
    EXPECT_EQ(stateful(plain + kept).size(), 2U);
}

TEST_F(Planner, ExplainTellsWhichRulesChangedThePlan) {
    const auto rewritesOf = [](const std::string& statements) {
        SessionOptions session_options;
        session_options.registry = options().registry;
        Session session(session_options);
        const std::string text = explain(session.compileApplication(kTables + statements), options());
        return text.substr(text.find("== Rewrites ==\n") + 15);
    };
    EXPECT_EQ(rewritesOf("INSERT INTO out_all VALUES (1, 2);"), "none\n");
    const std::string joined = rewritesOf(
        "INSERT INTO out_all SELECT a.auction, b.price FROM bid AS a, bid AS b WHERE a.auction = b.auction "
        "AND a.price > 1;");
    for (const char* rule : {"push_filters: ", "find_join_keys: ", "prune_columns: "})
        EXPECT_NE(joined.find(rule), std::string::npos) << rule << "\n" << joined;
    for (const char* rule : {"recognise_rank", "fuse_windows"})
        EXPECT_EQ(joined.find(rule), std::string::npos) << rule << "\n" << joined;
    const std::string windows = rewritesOf(
        "INSERT INTO out_inserts SELECT auction, COUNT(*) FROM TABLE(TUMBLE(TABLE bid, DESCRIPTOR(ts), "
        "INTERVAL '10' SECOND)) "
        "GROUP BY auction, window_start, window_end;");
    EXPECT_NE(windows.find("fuse_windows: "), std::string::npos) << windows;
}

TEST_F(Planner, WhatOperatorsDidStandsBelowThem) {
    const PlannedJob job = plan("INSERT INTO out_all SELECT a, COUNT(*) FROM ended GROUP BY a;");
    JobDetails details;
    details.parallelism = 2;
    VertexDetails vertex;
    for (const JobNode& node : job.graph->nodes())
        vertex.operators.push_back({node.id, {{{"numRecordsIn", 30}}, {{"numRecordsIn", 10}}}});
    vertex.operators[0].metrics = {{{"numRecordsOut", 20}}, {{"numRecordsOut", 20}}};
    details.vertices = {vertex};
    // Of a job that was not asked to measure, and runs.
    EXPECT_EQ(explainMeasured(job, details), R"(== Optimized Physical Plan ==
Sink(table=[out_all]), changelogMode=[NONE]
   rows in 40, skew 1.50
+- GroupAggregate(groupBy=[a], select=[a, COUNT(*)]), changelogMode=[I,UB,UA]
      rows in 40, rows out 0, skew 1.50
   +- Exchange(distribution=[hash[a]]), changelogMode=[I]
      +- TableSourceScan(table=[ended], fields=[a]), changelogMode=[I]
            rows out 40, skew 1.00

== Total ==
not ended yet in 2 slots
)");
    details.end_ms = 12;
    for (OperatorDetails& op : details.vertices[0].operators) {
        for (auto& metrics : op.metrics)
            metrics.insert({{"selfTimeNs", 1'000'000}, {"exchangeTimeNs", 0}});
    }
    details.vertices[0].operators[0].metrics[0]["exchangeTimeNs"] = 2'000'000;
    details.vertices[0].operators[1].metrics[0]["stateRowsMax"] = 5;
    details.vertices[0].operators[1].metrics[1]["stateBytesMax"] = 100;
    details.vertices[0].operators[1].metrics[1]["numLateRecordsDropped"] = 3;
    const std::string text = explainMeasured(job, details);
    for (const char* part :
         {"   rows in 40, time 2.000 ms (25.0 %), skew 1.50\n",
          "rows in 40, rows out 0, late rows dropped 3, time 2.000 ms (25.0 %), state 5 rows, 100 bytes, "
          "skew",
          "changelogMode=[I]\n         time 2.000 ms (25.0 %)\n",
          "rows out 40, time 2.000 ms (25.0 %), skew 1.00",
          "12 ms from start to end in 2 slots, 8.000 ms of their time in operators and exchanges\n"})
        EXPECT_NE(text.find(part), std::string::npos) << part << " in\n" << text;
}

TEST_F(Planner, UidsFollowTheMeaning) {
    const auto base =
        stateful("INSERT INTO out_all SELECT auction, SUM(price) FROM bid WHERE price > 1 GROUP BY auction;");
    ASSERT_EQ(base.size(), 1u);
    EXPECT_EQ(
        base,
        stateful("INSERT INTO out_all SELECT x.auction, SUM(x.price) AS s FROM bid AS x WHERE x.price > 1 "
                 "GROUP BY x.auction;"));
    // Another output over the same aggregation keeps its state; another filter is another aggregation.
    EXPECT_EQ(
        base,
        stateful(
            "INSERT INTO out_all SELECT auction, SUM(price) + 1 FROM bid WHERE price > 1 GROUP BY auction;"));
    EXPECT_NE(
        base,
        stateful(
            "INSERT INTO out_all SELECT auction, SUM(price) FROM bid WHERE price > 2 GROUP BY auction;"));
    // A second statement does not touch the first one's.
    const auto two = stateful(
        "INSERT INTO out_all SELECT auction, SUM(price) FROM bid WHERE price > 1 GROUP BY auction;"
        "INSERT INTO out_all SELECT bidder, SUM(price) FROM bid GROUP BY bidder;");
    EXPECT_EQ(two.size(), 2u);
    EXPECT_TRUE(two.contains(*base.begin()));
}

TEST_F(Planner, WhatIsNotDeterministicIsComputedOnce) {
    const std::string plan = text(
        "INSERT INTO out_inserts SELECT CAST(r * 10 AS BIGINT), CAST(r * 10 AS BIGINT) FROM "
        "(SELECT RAND() AS r FROM ended);");
    size_t rands = 0;
    for (size_t at = plan.find("RAND"); at != std::string::npos; at = plan.find("RAND", at + 1))
        ++rands;
    EXPECT_EQ(rands, 1u) << plan;
}

TEST_F(Planner, OrderByNeedsInputThatEnds) {
    EXPECT_EQ(problem("INSERT INTO out_all SELECT auction, price FROM bid ORDER BY price;").code,
              "sql.unbounded");
    const std::string plan = text("INSERT INTO out_all SELECT a, c FROM ended ORDER BY c DESC LIMIT 3;");
    EXPECT_NE(plan.find("SortLimit(orderBy=[c DESC], fetch=[3])"), std::string::npos) << plan;
    EXPECT_NE(plan.find("Exchange(distribution=[single])"), std::string::npos) << plan;
}

std::string topN(const std::string& columns, const std::string& order, const std::string& filter) {
    return "SELECT " + columns + " FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY auction ORDER BY " +
           order + ") AS rn FROM bid) WHERE " + filter + ";";
}

TEST_F(Planner, AFilterOnTheRowNumberIsTopN) {
    EXPECT_EQ(text("INSERT INTO out_all " + topN("auction, rn", "price DESC", "rn <= 3 AND price > 5")),
              R"(Sink(table=[out_all]), changelogMode=[NONE]
+- Calc(select=[auction AS k, ROW_NUMBER() AS n], where=[price > 5]), changelogMode=[I,UB,UA]
   +- Rank(strategy=[AppendFastStrategy], rankType=[ROW_NUMBER], rankRange=[rankStart=1, rankEnd=3], partitionBy=[auction], orderBy=[price DESC]), changelogMode=[I,UB,UA]
      +- Exchange(distribution=[hash[auction]]), changelogMode=[I]
         +- WatermarkAssigner(rowtime=[ts], watermark=[ts - INTERVAL '+0 00:00:04.000']), changelogMode=[I]
            +- TableSourceScan(table=[bid], fields=[auction, price, ts]), changelogMode=[I]
)");
    // Nobody reads the row number: rows only come and go.
    EXPECT_NE(text("INSERT INTO out_all " + topN("auction, price", "price DESC", "rn < 4"))
                  .find("orderBy=[price DESC]), changelogMode=[I,D]"),
              std::string::npos);
    // One place: it is updated, its number a constant.
    const std::string one = text("INSERT INTO out_all " + topN("auction, rn", "price", "rn = 2"));
    EXPECT_NE(one.find("rankStart=2, rankEnd=2"), std::string::npos) << one;
    EXPECT_NE(one.find("select=[auction AS k, 2 AS n]), changelogMode=[I,UB,UA]"), std::string::npos) << one;
}

TEST_F(Planner, TopNOfWhatChangesKeepsAllRows) {
    const std::string plan = text(
        "INSERT INTO out_all SELECT auction, n FROM (SELECT auction, COUNT(*) AS n FROM bid GROUP BY "
        "auction) "
        "QUALIFY ROW_NUMBER() OVER (ORDER BY n DESC) <= 10;");
    EXPECT_NE(plan.find("Rank(strategy=[RetractStrategy]"), std::string::npos) << plan;
    EXPECT_NE(plan.find("Exchange(distribution=[single])"), std::string::npos) << plan;
}

TEST_F(Planner, OneRowByATimeAttributeIsDeduplication) {
    EXPECT_NE(
        text("INSERT INTO out_all " + topN("auction, price", "ts DESC", "rn <= 1"))
            .find("Deduplicate(keep=[LastRow], key=[auction], order=[ROWTIME]), changelogMode=[I,UB,UA]"),
        std::string::npos);
    // Not of input that changes.
    EXPECT_EQ(
        text("INSERT INTO out_all " + topN("auction, price", "ts, price", "rn = 1")).find("Deduplicate"),
        std::string::npos);
}

TEST_F(Planner, WindowFunctionsInTheOrderOfTimeOnlyInsert) {
    const std::string appended = text(
        "INSERT INTO out_inserts SELECT auction, SUM(price) OVER (PARTITION BY auction ORDER BY ts) FROM "
        "bid;");
    EXPECT_NE(appended.find("OverAggregate(partitionBy=[auction], orderBy=[ts ASC], window=[RANGE BETWEEN "
                            "UNBOUNDED PRECEDING AND CURRENT ROW], select=["),
              std::string::npos)
        << appended;
    const Problem refused = problem(
        "INSERT INTO out_inserts SELECT auction, SUM(price) OVER (PARTITION BY auction ORDER BY price) FROM "
        "bid;");
    EXPECT_EQ(refused.code, "sql.sink-needs-inserts");
    EXPECT_NE(refused.message.find("OverAggregate("), std::string::npos) << refused.message;
}

TEST_F(Planner, WhatWhereAsksGoesIntoAJoinAndBelowIt) {
    const std::string plan = text(
        "INSERT INTO out_all SELECT x.auction, e.c FROM bid AS x, ended AS e "
        "WHERE x.auction = e.a AND x.price > 5 AND e.c < x.bidder;");
    EXPECT_NE(plan.find("joinType=[InnerJoin], where=[(auction = a) AND "), std::string::npos) << plan;
    EXPECT_NE(plan.find("Exchange(distribution=[hash[auction]])"), std::string::npos) << plan;
    EXPECT_NE(plan.find("where=[price > 5]"), std::string::npos) << plan;
    // What is read, and no more: the filter's column is not kept.
    EXPECT_NE(plan.find("fields=[a, c]"), std::string::npos) << plan;
    EXPECT_NE(plan.find("Calc(select=[auction, bidder], where"), std::string::npos) << plan;
}

TEST_F(Planner, AFilterStaysAboveTheSideThatAJoinPads) {
    const std::string plan = text(
        "INSERT INTO out_all SELECT x.auction, e.c FROM bid AS x LEFT JOIN ended AS e ON x.auction = e.a "
        "WHERE e.c IS NULL AND x.price > 5;");
    const size_t join = plan.find("Join(joinType=[LeftOuterJoin]");
    EXPECT_LT(plan.find("IS NULL"), join) << plan;
    EXPECT_LT(join, plan.find("price > 5")) << plan;
    EXPECT_NE(plan.find("changelogMode=[I,D]"), std::string::npos) << plan;
}

TEST_F(Planner, JoinsByWindowAndByTimeAreFinal) {
    const std::string window =
        "(SELECT auction, window_start, window_end FROM TABLE(TUMBLE(TABLE bid, DESCRIPTOR(ts), "
        "INTERVAL '10' SECOND)))";
    const std::string by_window = text("INSERT INTO out_inserts SELECT l.auction, r.auction FROM " + window +
                                       " AS l LEFT JOIN " + window +
                                       " AS r ON l.auction = r.auction AND l.window_start = r.window_start "
                                       "AND l.window_end = r.window_end;");
    EXPECT_NE(by_window.find("WindowJoin(window=[TUMBLE(size=[10 s])]"), std::string::npos) << by_window;
    const std::string by_time = text(
        "INSERT INTO out_inserts SELECT l.auction, r.price FROM bid AS l LEFT JOIN bid AS r "
        "ON l.auction = r.auction AND r.ts BETWEEN l.ts AND l.ts + INTERVAL '5' SECOND;");
    EXPECT_NE(by_time.find("IntervalJoin(leftLowerBound=[-5000 ms], leftUpperBound=[0 ms]"),
              std::string::npos)
        << by_time;
    EXPECT_EQ(problem("INSERT INTO out_inserts SELECT l.auction, r.price FROM bid AS l LEFT JOIN bid AS r "
                      "ON l.auction = r.auction AND r.ts >= l.ts;")
                  .code,
              "sql.sink-needs-inserts");
}

TEST_F(Planner, AJoinsUidFollowsItsCondition) {
    const auto uid = [](const std::string& query) {
        const PlannedJob job = plan(query);
        for (const JobNode& node : job.graph->nodes()) {
            if (node.uid.starts_with("join-")) return node.uid;
        }
        ADD_FAILURE() << "no join: " << query;
        return std::string();
    };
    const std::string on =
        uid("INSERT INTO out_all SELECT x.price, e.c FROM bid AS x JOIN ended AS e ON x.auction = e.a;");
    EXPECT_EQ(
        on,
        uid("INSERT INTO out_all SELECT y.price, z.c + 1 FROM bid AS y JOIN ended AS z ON y.auction = z.a;"));
    EXPECT_NE(on,
              uid("INSERT INTO out_all SELECT x.price, e.c FROM bid AS x, ended AS e WHERE x.bidder = e.a;"));
    EXPECT_NE(on, uid("INSERT INTO out_all SELECT x.price, e.c FROM bid AS x JOIN ended AS e ON x.auction = "
                      "e.a WHERE x.price > 5;"));
}

}  // namespace
}  // namespace millrace::sql
