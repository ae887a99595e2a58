#include "sql/session.h"

#include <gtest/gtest.h>

#include <ctime>

#include "sql/plan/planner.h"

namespace millrace::sql {
namespace {

constexpr const char* kTables = R"(
CREATE TABLE flights (
    origin STRING NOT NULL,
    delay INT,
    distance DECIMAL(10, 2),
    raw STRING,
    person ROW<name STRING, age INT>,
    ts TIMESTAMP(3),
    p AS PROCTIME(),
    twice AS delay * 2,
    WATERMARK FOR ts AS ts - INTERVAL '5' SECOND
) WITH ('connector' = 'datagen');
CREATE TABLE out (origin STRING, n BIGINT) WITH ('connector' = 'print');
)";

class SessionTest : public ::testing::Test {
  protected:
    SessionTest() : session_(SessionOptions{}) { run(kTables); }

    StatementResult run(const std::string& text) {
        const auto script = session_.parse(text);
        StatementResult last;
        for (size_t i = 0; i < Session::statementCount(*script); ++i)
            last = session_.execute(*script, i);
        return last;
    }

    std::string plan(const std::string& text) { return run(text).plan.explain(); }
    std::string schema(const std::string& text) { return run(text).schema.toString(); }

    Problem problem(const std::string& text) {
        const std::vector<Problem> problems = session_.validate(text);
        EXPECT_EQ(problems.size(), 1U) << text;
        return problems.empty() ? Problem{} : problems.front();
    }
    void expectProblem(const std::string& text, const std::string& code, const std::string& message,
                       const std::string& hint, const std::string& at) {
        const Problem found = problem(text);
        EXPECT_EQ(found.code, code) << text;
        EXPECT_NE(found.message.find(message), std::string::npos) << text << "\n" << found.message;
        EXPECT_NE(found.hint.find(hint), std::string::npos) << text << "\n" << found.hint;
        // The place is where the first `at` of the text stands.
        ASSERT_TRUE(found.where.known()) << text;
        const size_t offset = text.find(at);
        ASSERT_NE(offset, std::string::npos);
        EXPECT_EQ(found.where.column, static_cast<int>(offset) + 1) << text << "\n"
                                                                    << renderProblem(found, text);
    }

    Session session_;
};

TEST_F(SessionTest, ColumnsAreResolvedAndNamed) {
    EXPECT_EQ(schema("SELECT origin, f.delay, delay + 1, delay AS d, twice FROM flights AS f"),
              "(origin STRING NOT NULL, delay INT, EXPR$2 INT, d INT, twice INT)");
    EXPECT_EQ(schema("SELECT origin, origin, origin FROM flights"),
              "(origin STRING NOT NULL, origin0 STRING NOT NULL, origin1 STRING NOT NULL)");
    EXPECT_EQ(schema("SELECT t.* FROM (VALUES (1, 'a'), (2, 'bcd')) AS t (n, w)"),
              "(n INT NOT NULL, w VARCHAR(3) NOT NULL)");
    EXPECT_EQ(
        schema("SELECT 1, 1.50, 0.05, 1e3, 'abc', 3000000000, TRUE, DATE '2026-03-01'"),
        "(EXPR$0 INT NOT NULL, EXPR$1 DECIMAL(3, 2) NOT NULL, EXPR$2 DECIMAL(3, 2) NOT NULL, EXPR$3 DOUBLE "
        "NOT NULL, "
        "EXPR$4 CHAR(3) NOT NULL, EXPR$5 BIGINT NOT NULL, EXPR$6 BOOLEAN NOT NULL, EXPR$7 DATE NOT NULL)");
    EXPECT_EQ(schema("SELECT COUNT(*), SUM(delay), origin FROM flights GROUP BY origin"),
              "(EXPR$0 BIGINT NOT NULL, EXPR$1 INT, origin STRING NOT NULL)");
}

TEST_F(SessionTest, PlansAreWhatTheTextSays) {
    EXPECT_EQ(plan("SELECT origin, delay FROM flights WHERE delay > 10 AND origin <> 'SFO'"),
              "Sink(table=[*select*], fields=[origin, delay])\n"
              "  Project(origin=[origin], delay=[delay])\n"
              "    Filter(condition=[(delay > 10) AND (origin <> 'SFO')])\n"
              "      WatermarkAssigner(rowtime=[ts], watermark=[ts - INTERVAL '+0 00:00:05.000'])\n"
              "        Project(origin=[origin], delay=[delay], distance=[distance], raw=[raw], "
              "person=[person], ts=[ts], p=[PROCTIME()], "
              "twice=[delay * 2])\n"
              "          TableScan(table=[default_catalog.default_database.flights], fields=[origin, delay, "
              "distance, raw, person, ts])\n");
}

TEST_F(SessionTest, WindowsGroupByTheirBounds) {
    const StatementResult result =
        run("SELECT window_start, window_end, origin, COUNT(*) AS n, AVG(delay) FILTER (WHERE delay > 0) "
            "FROM TABLE(HOP(TABLE flights, "
            "DESCRIPTOR(ts), INTERVAL '10' SECOND, INTERVAL '1' MINUTE)) GROUP BY origin, window_start, "
            "window_end");
    EXPECT_EQ(result.schema.toString().substr(0, 90),
              "(window_start TIMESTAMP(3) NOT NULL, window_end TIMESTAMP(3) NOT NULL, origin STRING NOT N");
    const LogicalNode* node = result.plan.sinks.front().get();
    while (!is<LogicalAggregate>(*node))
        node = node->input().get();
    const auto& aggregate = as<LogicalAggregate>(*node);
    ASSERT_NE(aggregate.window(), nullptr);
    EXPECT_EQ(aggregate.window()->toString(), "HOP(size=[1 min], slide=[10 s])");
    EXPECT_EQ(aggregate.keys().size(), 3U);
    EXPECT_TRUE(aggregate.calls()[1].filter.has_value());

    // window_time is a time attribute, so a window stands on a window; window_start alone makes no window
    // aggregation.
    EXPECT_NE(plan("SELECT window_start, window_end, SUM(n) FROM TABLE(TUMBLE((SELECT window_time, COUNT(*) "
                   "AS n FROM "
                   "TABLE(TUMBLE(TABLE flights, DESCRIPTOR(ts), INTERVAL '1' SECOND)) GROUP BY window_start, "
                   "window_end, window_time), "
                   "DESCRIPTOR(window_time), INTERVAL '1' MINUTE)) GROUP BY window_start, window_end")
                  .find("window=[TUMBLE(size=[1 min])]"),
              std::string::npos);
    EXPECT_EQ(plan("SELECT window_start, COUNT(*) FROM TABLE(TUMBLE(TABLE flights, DESCRIPTOR(ts), INTERVAL "
                   "'1' SECOND)) GROUP BY "
                   "window_start")
                  .find("select=[COUNT(*)], window="),
              std::string::npos);
    expectProblem(
        "SELECT * FROM TABLE(TUMBLE((SELECT CAST(ts AS STRING) AS ts FROM flights), DESCRIPTOR(ts), "
        "INTERVAL '1' SECOND))",
        "sql.no-time-attribute", "'ts' is no time attribute", "WATERMARK", "ts), INTERVAL");
    expectProblem(
        "SELECT * FROM TABLE(HOP(TABLE flights, DESCRIPTOR(ts), INTERVAL '7' SECOND, INTERVAL '1' MINUTE))",
        "sql.bad-argument", "whole multiple", "", "INTERVAL '1'");
    expectProblem("SELECT * FROM TABLE(TUMBEL(TABLE flights, DESCRIPTOR(ts), INTERVAL '7' SECOND))",
                  "sql.unknown-function", "TUMBEL", "did you mean 'TUMBLE'?", "TUMBEL");
    expectProblem("SELECT * FROM TABLE(TUMBLE(TABLE flights, DESCRIPTOR(ts)))", "sql.bad-argument",
                  "needs its argument SIZE", "TUMBLE(TABLE", "TUMBLE");
}

TEST_F(SessionTest, ProcessingTimeIsAnAttributeToo) {
    const StatementResult result =
        run("SELECT COUNT(*) FROM TABLE(TUMBLE(TABLE flights, DESCRIPTOR(p), INTERVAL '1' MINUTE)) GROUP BY "
            "window_start, window_end");
    const LogicalNode* node = result.plan.sinks.front().get();
    while (!is<LogicalWindowTable>(*node))
        node = node->input().get();
    EXPECT_EQ(as<LogicalWindowTable>(*node).window()->time, TimeAttribute::Proctime);
}

TEST_F(SessionTest, GroupingIsChecked) {
    EXPECT_EQ(schema("SELECT delay + 1, UPPER(origin), MAX(delay) - MIN(delay) FROM flights GROUP BY "
                     "UPPER(origin), delay + 1 HAVING "
                     "COUNT(*) > 1"),
              "(EXPR$0 INT, EXPR$1 STRING NOT NULL, EXPR$2 INT)");
    expectProblem("SELECT delay, COUNT(*) FROM flights GROUP BY origin", "sql.not-grouped", "column 'delay'",
                  "GROUP BY", "delay");
    expectProblem("SELECT COUNT(*) FROM flights WHERE COUNT(*) > 1", "sql.misplaced-aggregate",
                  "cannot stand in WHERE", "HAVING", "COUNT(*) > 1");
    expectProblem("SELECT MAX(COUNT(*)) FROM flights", "sql.misplaced-aggregate", "inside another",
                  "sub-query", "COUNT");
    expectProblem("SELECT delay + 1 AS later, COUNT(*) FROM flights GROUP BY later\n", "sql.unknown-column",
                  "'later'", "alias of SELECT", "later\n");
    expectProblem("SELECT * FROM flights GROUP BY origin", "sql.not-grouped", "column 'delay'", "", "*");
}

TEST_F(SessionTest, EveryProblemHasItsPlace) {
    expectProblem("SELECT origim FROM flights", "sql.unknown-column", "no column 'origim'",
                  "did you mean 'origin'?", "origim");
    expectProblem("SELECT x.origin FROM flights AS f", "sql.unknown-column", "no column 'x'", "", "x.origin");
    expectProblem("SELECT f.orign FROM flights AS f", "sql.unknown-column", "no column 'orign'",
                  "did you mean 'origin'?", "orign");
    expectProblem("SELECT * FROM flight", "sql.unknown-table", "'flight'", "did you mean 'flights'?",
                  "flight");
    expectProblem("SELECT a FROM flights", "sql.unknown-column", "no column 'a'",
                  "columns here: origin, delay", "a FROM");
    expectProblem("SELECT 1 FROM db.flights", "sql.unknown-database", "'db'", "default_database", "db");
    expectProblem("SELECT UPPR(origin) FROM flights", "sql.unknown-function", "'UPPR'",
                  "did you mean 'UPPER'?", "UPPR");
    expectProblem("SELECT COUNT(delay, *) FROM flights", "sql.syntax", "unexpected '*'", "", "*");
    expectProblem("SELECT origin FROM flights WHERE delay", "sql.type-mismatch",
                  "WHERE must be BOOLEAN, but this is INT", "", "delay");
    expectProblem("SELECT CASE WHEN TRUE THEN 1 ELSE DATE '2026-01-01' END", "sql.type-mismatch",
                  "no common type: INT NOT NULL, DATE", "CAST", "CASE");
    expectProblem("SELECT CAST(TRUE AS DATE)", "sql.bad-cast", "BOOLEAN NOT NULL cannot be cast to DATE", "",
                  "CAST");
    expectProblem("SELECT DATE '2026-13-01'", "sql.bad-literal", "'2026-13-01' is not a date",
                  "DATE '2026-03-01'", "DATE");
    expectProblem("SELECT INTERVAL '1:70' HOUR TO MINUTE", "sql.bad-literal", "'1:70'", "", "INTERVAL");
    expectProblem("SELECT origin FROM flights UNION ALL SELECT 1, 2", "sql.column-count",
                  "UNION of queries with 1 and 2", "", "SELECT 1, 2");
    expectProblem("SELECT origin FROM flights UNION ALL SELECT TRUE", "sql.type-mismatch",
                  "column 1 of UNION", "CAST", "SELECT origin");
    expectProblem("INSERT INTO out SELECT origin FROM flights", "sql.column-count",
                  "the query has 1 columns, but 2 are written: origin, n", "", "out");
    expectProblem("INSERT INTO out SELECT origin, raw FROM flights", "sql.type-mismatch",
                  "column 'n' of 'out' is BIGINT", "CAST it AS BIGINT", "out");
    expectProblem("INSERT INTO out (orign) SELECT origin FROM flights", "sql.unknown-column",
                  "no column 'orign'", "did you mean 'origin'?", "orign");
    expectProblem("INSERT INTO ou SELECT 1", "sql.unknown-table", "'ou'", "did you mean 'out'?", "ou ");
    expectProblem("CREATE TABLE out (a INT)", "sql.duplicate-name", "a table 'out' exists already", "DROP",
                  "out");
    expectProblem("DROP VIEW flights", "sql.wrong-kind", "'flights' is a table", "DROP TABLE flights",
                  "flights");
    expectProblem("CREATE TABLE t (a INT, WATERMARK FOR a AS a)", "sql.bad-watermark", "column 'a' is INT",
                  "TO_TIMESTAMP(a)", "a AS");
    expectProblem("CREATE TABLE t (a TIMESTAMP(6), WATERMARK FOR a AS a)", "sql.bad-watermark",
                  "TIMESTAMP(6)", "TIMESTAMP(3)", "a AS");
    expectProblem("CREATE TABLE t (a INT, b AS a + 1, c AS b + 1)", "sql.unknown-column",
                  "'b' is a computed column", "", "b + 1");
    expectProblem("CREATE TABLE t (a INT, a STRING)", "sql.duplicate-name", "'a' is there twice", "",
                  "a STRING");
    expectProblem("CREATE TABLE t (a DECIMAL(50, 2))", "sql.bad-type", "between 1 and 38, not 50", "",
                  "DECIMAL");
    expectProblem("CREATE TABLE t (a TIMESTAMP(10))", "sql.bad-type", "between 0 and 9, not 10", "",
                  "TIMESTAMP");
}

TEST_F(SessionTest, WhatIsNotSupportedSaysSo) {
    for (const char* text :
         {"CREATE TEMPORARY TABLE t WITH ('connector' = 'x') AS SELECT 1",
          "CREATE TABLE t (a INT) DISTRIBUTED BY HASH (a) INTO 2 BUCKETS", "TRUNCATE TABLE flights",
          "CREATE FUNCTION f AS 'a.B'", "SHOW PROCEDURES",
          "SELECT * FROM flights AS f, LATERAL (SELECT 1 AS x FROM flights AS g WHERE g.delay + f.delay "
          "> 1 LIMIT 1) AS l",
          "SELECT SUM((SELECT 1)) FROM flights"}) {
        EXPECT_EQ(problem(text).code, "sql.not-supported") << text;
        EXPECT_TRUE(problem(text).where.known()) << text;
    }
}

TEST_F(SessionTest, ValidateFindsEverythingAndKeepsNothing) {
    const std::string text =
        "CREATE TABLE broken (a INTT);\n"
        "CREATE TABLE fine (a INT, b AS nothing, c AS nobody) WITH ('connector' = 'print');\n"
        "SELECT a FROM broken;\n"
        "SELECT FROM fine;\n"
        "CREATE VIEW v AS SELECT zzz FROM flights;\n"
        "SELECT * FROM v;\n"
        "INSERT INTO out SELECT origin, ${n} FROM flights;\n"
        "BEGIN STATEMENT SET; INSERT INTO out SELECT q, 1 FROM flights; INSERT INTO out SELECT origin, w "
        "FROM flights; END;";
    std::vector<std::string> found;
    for (const Problem& problem : session_.validate(text))
        found.push_back(fmt::format("{} {}:{}", problem.code, problem.where.line, problem.where.column));
    EXPECT_EQ(found, (std::vector<std::string>{"sql.unknown-type 1:24", "sql.unknown-column 2:32",
                                               "sql.unknown-column 2:46", "sql.syntax 4:8",
                                               "sql.unknown-column 5:25", "sql.unfilled-placeholder 7:32",
                                               "sql.unknown-column 8:45", "sql.unknown-column 8:95"}));
    EXPECT_EQ(run("SHOW TABLES").table.rows.size(), 2U);
}

TEST_F(SessionTest, AnApplicationIsOneJob) {
    EXPECT_EQ(session_
                  .compileApplication("SET 'a' = 'b'; INSERT INTO out SELECT origin, 1 FROM flights; EXECUTE "
                                      "STATEMENT SET BEGIN INSERT INTO "
                                      "out SELECT 'x', 2; INSERT INTO out VALUES ('y', 3); END;")
                  .sinks.size(),
              3U);
    EXPECT_EQ(session_.configuration().find("a"), "b");
    EXPECT_THROW(session_.compileApplication("SELECT 1"), SqlError);
    try {
        session_.compileApplication("SET 'a' = 'c'");
        FAIL();
    } catch (const SqlError& error) {
        EXPECT_EQ(error.problems().front().code, "sql.nothing-to-run");
    }
}

TEST_F(SessionTest, ExplainAnalyzeIsToBeRunAndReadBySomebody) {
    const StatementResult result = run("EXPLAIN ANALYZE SELECT origin FROM flights");
    EXPECT_EQ(result.kind, StatementResult::Kind::Analyze);
    EXPECT_EQ(result.plan.sinks.size(), 1U);
    EXPECT_EQ(run("EXPLAIN ANALYZE INSERT INTO out SELECT origin, 1 FROM flights").kind,
              StatementResult::Kind::Analyze);
    Session application{SessionOptions{}};
    try {
        application.compileApplication(std::string(kTables) +
                                       "INSERT INTO out SELECT origin, 1 FROM flights;"
                                       "EXPLAIN ANALYZE INSERT INTO out SELECT origin, 2 FROM flights;");
        FAIL() << "an application cannot show anything";
    } catch (const SqlError& error) {
        ASSERT_EQ(error.problems().size(), 1U);
        EXPECT_EQ(error.problems().front().code, "sql.select-without-reader");
    }
}

TEST_F(SessionTest, ViewsAreQueries) {
    run("CREATE TEMPORARY VIEW late AS SELECT origin, delay FROM flights WHERE delay > 60; CREATE VIEW named "
        "(o, d) AS SELECT * FROM late");
    EXPECT_EQ(schema("SELECT * FROM named"), "(o STRING NOT NULL, d INT)");
    EXPECT_EQ(schema("WITH late AS (SELECT 1 AS x) SELECT * FROM late"),
              "(x INT NOT NULL)");  // hides the view
    EXPECT_EQ(schema("WITH late AS (SELECT 1 AS x) SELECT * FROM named"), "(o STRING NOT NULL, d INT)");
}

TEST_F(SessionTest, CanonicalTextIgnoresNames) {
    const auto canonical = [&](const std::string& text) {
        return run(text).plan.sinks.front()->input()->canonical();
    };
    EXPECT_EQ(canonical("SELECT origin AS a, COUNT(*) AS n FROM flights GROUP BY origin"),
              canonical("SELECT f.origin, COUNT(*) FROM (SELECT * FROM flights) AS f GROUP BY f.origin"));
    EXPECT_NE(canonical("SELECT origin, COUNT(*) FROM flights GROUP BY origin"),
              canonical("SELECT origin, COUNT(delay) FROM flights GROUP BY origin"));
}

TEST_F(SessionTest, ShowAndDescribe) {
    EXPECT_EQ(run("SHOW TABLES LIKE 'f%'").table.rows, (std::vector<std::vector<std::string>>{{"flights"}}));
    const ResultTable described = run("DESCRIBE flights").table;
    EXPECT_EQ(described.rows[5], (std::vector<std::string>{"ts", "TIMESTAMP(3) *ROWTIME*", "TRUE", "", "",
                                                           "(`ts` - INTERVAL '5' SECOND)"}));
    EXPECT_EQ(described.rows[7][4], "AS (`delay` * 2)");
    const std::string ddl = run("SHOW CREATE TABLE flights").table.rows[0][0];
    run("DROP TABLE flights");
    run(ddl);
    EXPECT_EQ(run("SHOW CREATE TABLE flights").table.rows[0][0], ddl);
    run("SET 'x' = 'y'");
    EXPECT_EQ(run("SET").table.rows.size(), 1U);
    run("RESET");
    EXPECT_EQ(run("SET").table.rows.size(), 0U);
}

TEST_F(SessionTest, ViewsOfViewsAreBounded) {
    run("CREATE VIEW v0 AS SELECT origin FROM flights");
    std::string views;
    for (int i = 1; i < 40; ++i)
        views +=
            fmt::format("CREATE VIEW v{} AS SELECT * FROM v{} UNION ALL SELECT * FROM v{};", i, i - 1, i - 1);
    EXPECT_EQ(session_.validate(views).front().code, "sql.too-large");
    std::string chain;
    for (int i = 1; i < 2000; ++i)
        chain += fmt::format("CREATE VIEW v{} AS SELECT origin || 'x' AS origin FROM v{};", i, i - 1);
    EXPECT_EQ(session_.validate(chain).front().code, "sql.too-large");
}

TEST_F(SessionTest, TwoHundredStatementsAreQuick) {
    std::string text;
    for (int i = 0; i < 200; ++i) {
        text += fmt::format(
            "INSERT INTO out SELECT origin, COUNT(*) FROM (SELECT origin, delay * {} AS d FROM flights WHERE "
            "delay > {} AND raw LIKE "
            "'%x%') GROUP BY origin, d HAVING SUM(d) > 10;\n",
            i, i);
    }
    const std::clock_t start = std::clock();  // of this process: others may be busy
    EXPECT_EQ(session_.compileApplication(text).sinks.size(), 200U);
    EXPECT_LT(static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC, 1.0);
}

}  // namespace
}  // namespace millrace::sql
