// How deep and how wide queries may be: they plan, or say why not; nothing overflows the stack.
#include <gtest/gtest.h>

#include "sql/plan/planner.h"
#include "sql/session.h"

namespace millrace::sql {
namespace {

std::string times(size_t count, const std::string& text) {
    std::string all;
    for (size_t i = 0; i < count; ++i)
        all += text;
    return all;
}

// A query in which something is in itself `depth` times.
struct Form {
    const char* name;
    std::string (*nested)(size_t depth);
};

const std::vector<Form>& forms() {
    static const std::vector<Form> all = {
        {"queries in FROM",
         [](size_t n) { return times(n, "SELECT * FROM (") + "SELECT * FROM t" + times(n, ")"); }},
        {"sub-queries in WHERE",
         [](size_t n) {
             return times(n, "SELECT id FROM t WHERE id IN (") + "SELECT id FROM t" + times(n, ")");
         }},
        {"sub-queries as values",
         [](size_t n) {
             return times(n, "SELECT id + (") + "SELECT MAX(id) FROM t" + times(n, ") FROM t LIMIT 1");
         }},
        {"sub-queries below OR",
         [](size_t n) {
             return times(n, "SELECT id FROM t WHERE id = 1 OR id IN (") + "SELECT id FROM t" + times(n, ")");
         }},
        {"LATERAL queries",
         [](size_t n) {
             return times(n, "SELECT t.id FROM t, LATERAL (") + "SELECT id FROM t" + times(n, ") AS l");
         }},
        {"grouping sets",
         [](size_t n) {
             return "SELECT COUNT(*) FROM t GROUP BY " + times(n, "GROUPING SETS (") + "id" + times(n, ")");
         }},
        {"set operations",
         [](size_t n) { return times(n, "(SELECT id FROM t EXCEPT ") + "SELECT id FROM t" + times(n, ")"); }},
        {"parentheses",
         [](size_t n) { return "SELECT " + times(n, "(") + "id" + times(n, ")") + " FROM t"; }},
        {"CASE",
         [](size_t n) {
             return "SELECT " + times(n, "CASE WHEN id = 1 THEN ") + "1" + times(n, " END") + " FROM t";
         }},
        {"functions",
         [](size_t n) { return "SELECT " + times(n, "ABS(") + "id" + times(n, ")") + " FROM t"; }},
        {"aggregates over aggregates",
         [](size_t n) {
             return times(n, "SELECT MAX(id) AS id, COUNT(*) AS n FROM (") + "SELECT id FROM t" +
                    times(n, ") GROUP BY id");
         }},
    };
    return all;
}

class PlanningLimits : public ::testing::Test {
  protected:
    // "" if the query plans, else the first problem's code.
    static std::string outcome(const std::string& query) {
        Session session{SessionOptions{}};
        try {
            const auto script = session.parse(
                "CREATE VIEW t AS SELECT * FROM (VALUES (1, 'x'), (2, 'y')) AS v (id, v); " + query);
            session.execute(*script, 0);
            const StatementResult result = session.execute(*script, 1);
            EXPECT_FALSE(explain(result.plan, PlanOptions{}).empty());
        } catch (const UserError& error) {
            return error.code();
        }
        return "";
    }
};

TEST_F(PlanningLimits, WhatIsDeepPlansOrSaysThatItIsTooDeep) {
    for (const Form& form : forms()) {
        EXPECT_EQ(outcome(form.nested(40)), "") << form.name;
        for (const size_t depth : {100U, 250U}) {
            const std::string code = outcome(form.nested(depth));
            EXPECT_TRUE(code.empty() || code == "sql.too-deep" || code == "sql.too-large")
                << form.name << " " << depth << ": " << code;
        }
        for (const size_t depth : {1'000U, 50'000U})
            EXPECT_EQ(outcome(form.nested(depth)), "sql.too-deep") << form.name << " " << depth;
    }
}

TEST_F(PlanningLimits, WhatIsLongPlansOrSaysThatItIsTooLong) {
    std::string columns, sets, unions, joins = "t AS t0";
    for (int i = 0; i < 500; ++i)
        columns += fmt::format("{}id + {} AS c{}", i == 0 ? "" : ", ", i, i);
    EXPECT_EQ(outcome("SELECT " + columns + ", COUNT(*) FROM t GROUP BY id"), "");
    for (int i = 0; i < 300; ++i)
        sets += fmt::format("{}(id, id + {})", i == 0 ? "" : ", ", i);
    EXPECT_EQ(outcome("SELECT COUNT(*) FROM t GROUP BY GROUPING SETS (" + sets + ")"), "");
    for (int i = 0; i < 300; ++i)
        unions += " INTERSECT SELECT id FROM t";
    EXPECT_EQ(outcome("SELECT id FROM t" + unions), "");
    for (int i = 1; i < 100; ++i)
        joins += fmt::format(" JOIN t AS t{0} ON t{0}.id = t{1}.id", i, i - 1);
    EXPECT_EQ(outcome("SELECT t0.id FROM " + joins), "");
    EXPECT_EQ(outcome("SELECT id FROM t" + times(5'000, " EXCEPT SELECT id FROM t")), "sql.too-deep");
    EXPECT_EQ(outcome("SELECT id" + times(5'000, " + id") + " FROM t"), "sql.too-deep");
}

// A definition is read back from its text, which has more parentheses than what was written.
TEST_F(PlanningLimits, ADefinitionTooDeepToBeReadBackSaysSo) {
    Session session{SessionOptions{}};
    const auto codes = [&](const std::string& text) {
        std::vector<std::string> all;
        for (const Problem& problem : session.validate(text))
            all.push_back(problem.code);
        return all;
    };
    const std::string table =
        "CREATE TABLE t (id INT, x AS id" + times(400, " + id") + ") WITH ('connector' = 'x'); ";
    EXPECT_TRUE(codes(table).empty());
    for (const char* change : {"ALTER TABLE t ADD y INT", "CREATE TABLE u LIKE t"})
        EXPECT_EQ(codes(table + change), std::vector<std::string>{"sql.too-deep"}) << change;
}

}  // namespace
}  // namespace millrace::sql
