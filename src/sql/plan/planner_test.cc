#include "sql/plan/planner.h"

#include <gtest/gtest.h>

#include <set>

#include "runtime/job.h"
#include "sql/session.h"

namespace millrace::sql {
namespace {

class TestSource final : public Source {
  public:
    explicit TestSource(const TableSpec& spec) : table_(spec.name) {
        schema_ = spec.projectedSchema();
        bounded_ = spec.options.contains("bounded");
        for (const ColumnFilter& filter : spec.filters) {
            filters_ += ", " + spec.schema[filter.column].name + " in";
            for (const Value& value : filter.values)
                filters_ += fmt::format(" {}", value.asInt64());
        }
    }
    std::string name() const override {
        std::string columns;
        for (const Field& field : schema_)
            columns += (columns.empty() ? "" : ", ") + field.name;
        return "TableSourceScan(table=[" + table_ + "]" + filters_ + ", fields=[" + columns + "])";
    }
    const Schema& outputSchema() const override { return schema_; }
    Boundedness boundedness() const override {
        return bounded_ ? Boundedness::Bounded : Boundedness::Unbounded;
    }
    std::unique_ptr<SplitEnumerator> createEnumerator(const std::optional<std::string>&) const override {
        throw InternalError("not to be run");
    }
    std::unique_ptr<SourceReader> createReader(SourceReaderContext&) const override {
        throw InternalError("not to be run");
    }

  private:
    std::string table_;
    Schema schema_;
    std::string filters_;
    bool bounded_ = false;
};

class TestSink final : public Sink {
  public:
    TestSink(std::string table, Schema schema, ChangelogMode mode)
        : table_(std::move(table)), schema_(std::move(schema)), mode_(mode) {}
    std::string name() const override { return "Sink(table=[" + table_ + "])"; }
    const Schema& inputSchema() const override { return schema_; }
    ChangelogMode accepts() const override { return mode_; }
    std::unique_ptr<SinkWriter> createWriter(SinkWriterContext&, std::vector<std::string>) const override {
        throw InternalError("not to be run");
    }

  private:
    std::string table_;
    Schema schema_;
    ChangelogMode mode_;
};

ConnectorDescriptor connector(const std::string& name, ChangelogMode mode) {
    ConnectorDescriptor descriptor;
    descriptor.name = name;
    descriptor.options = {{"bounded", "boolean", "false", "whether it ends"}};
    descriptor.make_source = [](const TableSpec& spec) { return std::make_shared<TestSource>(spec); };
    descriptor.make_sink = [mode](const TableSpec& spec) {
        return std::make_shared<TestSink>(spec.name, spec.schema, mode);
    };
    return descriptor;
}

// One that takes fields of ROWs and filters on its column `kind`.
ConnectorDescriptor generator() {
    ConnectorDescriptor descriptor = connector("generator", ChangelogMode::All);
    descriptor.nested_projection = [](const TableSpec&) { return true; };
    descriptor.accepts_filter = [](const TableSpec& spec, const ColumnFilter& filter) {
        return spec.schema[filter.column].name == "kind";
    };
    return descriptor;
}

constexpr const char* kTables = R"sql(
CREATE TABLE events (kind INT, a ROW<id BIGINT, at TIMESTAMP(3), more ROW<x INT, y INT>>,
                     b ROW<id BIGINT, at TIMESTAMP(3)>,
                     ts AS CASE WHEN kind = 0 THEN a.at ELSE b.at END,
                     WATERMARK FOR ts AS ts - INTERVAL '4' SECOND) WITH ('connector' = 'generator');
CREATE VIEW as_a AS SELECT a.id, a.more.x, ts FROM events WHERE kind = 0;
CREATE VIEW as_b AS SELECT b.id, ts FROM events WHERE kind = 1;
CREATE TABLE bid (auction BIGINT, bidder BIGINT, price BIGINT, channel STRING, ts TIMESTAMP(3), extra STRING,
                  WATERMARK FOR ts AS ts - INTERVAL '4' SECOND) WITH ('connector' = 'all');
CREATE TABLE ended (a BIGINT, b STRING, c BIGINT) WITH ('connector' = 'all', 'bounded' = 'true');
CREATE TABLE out_all (k BIGINT, n BIGINT) WITH ('connector' = 'all');
CREATE TABLE out_inserts (k BIGINT, n BIGINT) WITH ('connector' = 'inserts');
CREATE TABLE out_upserts (k BIGINT, n BIGINT, PRIMARY KEY (k) NOT ENFORCED) WITH ('connector' = 'upserts');
)sql";

class Planner : public ::testing::Test {
  protected:
    static PlanOptions options() {
        auto registry = std::make_shared<ConnectorRegistry>();
        registry->connectors = {connector("all", ChangelogMode::All),
                                connector("inserts", ChangelogMode::InsertOnly),
                                connector("upserts", ChangelogMode::Upsert), generator()};
        PlanOptions options;
        options.registry = registry;
        return options;
    }
    static PlannedJob plan(const std::string& statements) {
        SessionOptions session_options;
        session_options.registry = options().registry;
        Session session(session_options);
        const auto logical = session.compileApplication(kTables + statements);
        PlanOptions plan_options = options();
        plan_options.configuration = session.configuration();
        return planJob(logical, plan_options);
    }
    static std::string text(const std::string& statements) { return plan(statements).physical_plan; }
    // The uids of the operators that keep state.
    static std::set<std::string> stateful(const std::string& statements) {
        std::set<std::string> uids;
        const PlannedJob job = plan(statements);
        for (const JobNode& node : job.graph->nodes()) {
            if (node.uid.find("aggregate") != std::string::npos) uids.insert(node.uid);
        }
        return uids;
    }
    static Problem problem(const std::string& statements) {
        try {
            plan(statements);
        } catch (const UserError& error) {
            return error.problem();
        }
        ADD_FAILURE() << "planned: " << statements;
        return {};
    }
};

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

// The state's name and fields are those of one phase: a job may change from one to the other.
TEST_F(Planner, WindowsAreAggregatedInTwoPhasesWhereThereAreSeveralSlots) {
    const std::string insert =
        "INSERT INTO out_inserts SELECT auction, COUNT(*) FROM TABLE(TUMBLE(TABLE bid, DESCRIPTOR(ts), "
        "INTERVAL '10' SECOND)) GROUP BY auction, window_start, window_end;";
    const std::string two = text("SET 'parallelism.default' = '2';" + insert);
    EXPECT_NE(two.find(R"(
   +- GlobalWindowAggregate(groupBy=[auction], window=[TUMBLE(slice_end=[$slice_end], size=[10 s])], select=[auction, window_start, window_end, COUNT(*)]), changelogMode=[I]
      +- Exchange(distribution=[hash[auction]]), changelogMode=[I]
         +- LocalWindowAggregate(groupBy=[auction], window=[TUMBLE(time=[ts], size=[10 s])], select=[auction, window_start, window_end, COUNT(*)]), changelogMode=[I]
)"),
              std::string::npos)
        << two;
    const auto phases = [&](const std::string& set) {
        return text(set + insert).find("LocalWindowAggregate") == std::string::npos ? 1 : 2;
    };
    EXPECT_EQ(phases(""), 1);
    EXPECT_EQ(phases("SET 'table.optimizer.agg-phase-strategy' = 'TWO_PHASE';"), 2);
    EXPECT_EQ(
        phases("SET 'parallelism.default' = '2'; SET 'table.optimizer.agg-phase-strategy' = 'ONE_PHASE';"),
        1);
    EXPECT_EQ(problem("SET 'table.optimizer.agg-phase-strategy' = 'THREE';" + insert).code,
              "config.bad-value");

    const std::string uid = *stateful(insert).begin();
    EXPECT_TRUE(stateful("SET 'parallelism.default' = '2';" + insert).contains(uid));
}

// Where one of the groups gets most rows at a time, and where it is asked for.
TEST_F(Planner, GroupsAreAggregatedInTwoPhasesWhereTheyAreFew) {
    const auto phases = [&](const std::string& set, const std::string& select) {
        const std::string plan =
            text("SET 'parallelism.default' = '2';" + set + "INSERT INTO out_upserts " + select);
        const bool local = plan.find("LocalGroupAggregate(") != std::string::npos;
        EXPECT_EQ(local, plan.find("GlobalGroupAggregate(") != std::string::npos) << plan;
        return local ? 2 : 1;
    };
    const std::string by_auction = "SELECT auction, COUNT(*) FROM bid GROUP BY auction;";
    const std::string distinct = "SELECT auction, COUNT(DISTINCT price) FROM bid GROUP BY auction;";
    const std::string by_day =
        "SELECT CAST(DATE_FORMAT(ts, 'yyyyMMdd') AS BIGINT), COUNT(DISTINCT price) FROM bid "
        "GROUP BY CAST(DATE_FORMAT(ts, 'yyyyMMdd') AS BIGINT);";
    const std::string in_all = "SELECT CAST(1 AS BIGINT), COUNT(*) FROM bid;";
    const std::string mini_batch = "SET 'table.exec.mini-batch.enabled' = 'true';";
    const std::string split = "SET 'table.optimizer.distinct-agg.split.enabled' = 'true';";
    EXPECT_EQ(phases("", by_auction), 1);
    EXPECT_EQ(phases(split, by_auction), 1);
    EXPECT_EQ(phases(mini_batch, by_auction), 2);
    EXPECT_EQ(phases("", distinct), 1);
    EXPECT_EQ(phases(split, distinct), 2);
    EXPECT_EQ(phases("", by_day), 2);
    EXPECT_EQ(phases("", in_all), 2);
    EXPECT_EQ(phases("SET 'table.optimizer.agg-phase-strategy' = 'ONE_PHASE';" + mini_batch, in_all), 1);
    EXPECT_EQ(phases("SET 'table.optimizer.agg-phase-strategy' = 'TWO_PHASE';", by_auction), 2);
    // Values that may be forgotten, and accumulators that do not take back.
    EXPECT_EQ(phases("SET 'table.exec.state.ttl' = '1 h';", by_day), 1);
    EXPECT_EQ(
        phases(mini_batch,
               "SELECT n, VAR_POP(auction) FROM (SELECT auction, COUNT(*) AS n FROM bid GROUP BY auction) "
               "GROUP BY n;"),
        2);  // the inner one alone

    const std::string insert = "INSERT INTO out_upserts " + by_auction;
    const std::set<std::string> uids = stateful(insert);
    for (const std::string& uid : uids)
        EXPECT_TRUE(stateful("SET 'parallelism.default' = '2';" + mini_batch + insert).contains(uid)) << uid;
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
