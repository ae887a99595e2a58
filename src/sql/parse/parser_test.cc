#include "sql/parse/parser.h"

#include <gtest/gtest.h>

#include "sql/parse/to_sql.h"

namespace millrace::sql {
namespace {

SourceText plain(std::string_view text) { return SourceText(text, {}); }

std::string expressionText(std::string_view text) { return toSql(*parseExpression(plain(text))); }

// What is written back must parse to the same tree, which writes the same text.
void expectRoundTrip(std::string_view text) {
    const SourceText source = plain(text);
    std::string once;
    try {
        once = toSql(*parseQuery(source));
        EXPECT_EQ(toSql(*parseQuery(plain(once))), once) << text;
    } catch (const UserError& error) {
        ADD_FAILURE() << renderProblem(error.problem(), text) << "\nwritten back: " << once;
    }
}

Problem onlyProblem(std::string_view text) {
    const ParseResult result = parseStatements(plain(text));
    EXPECT_EQ(result.problems.size(), 1U) << text;
    return result.problems.empty() ? Problem{} : result.problems.front();
}

std::string rendered(std::string_view text) { return renderProblem(onlyProblem(text), text); }

TEST(Parser, PrecedenceIsFlinks) {
    EXPECT_EQ(expressionText("1 + 2 * 3 - 4"), "((1 + (2 * 3)) - 4)");
    EXPECT_EQ(expressionText("a OR b AND NOT c = d"), "(`a` OR (`b` AND (NOT (`c` = `d`))))");
    EXPECT_EQ(expressionText("a + 1 BETWEEN 2 AND 3 + 4 AND b"),
              "(((`a` + 1) BETWEEN 2 AND (3 + 4)) AND `b`)");
    EXPECT_EQ(expressionText("a = b IS NULL"), "((`a` = `b`) IS NULL)");
    EXPECT_EQ(expressionText("a || b || 'c' LIKE '%x'"), "(((`a` || `b`) || 'c') LIKE '%x')");
    EXPECT_EQ(expressionText("x NOT IN (1, 2) OR y NOT LIKE 'a!%' ESCAPE '!'"),
              "((NOT (`x` IN (1, 2))) OR (NOT (`y` LIKE 'a!%' ESCAPE '!')))");
    EXPECT_EQ(expressionText("-2 - - -3"), "(-2 - (- -3))");
    EXPECT_EQ(expressionText("- a * b"), "((- `a`) * `b`)");
    EXPECT_EQ(expressionText("a.b[1].c"), "((`a`.`b`)[1]).`c`");
    EXPECT_EQ(expressionText("a AND b AND c AND d"), "(`a` AND `b` AND `c` AND `d`)");
    EXPECT_EQ(expressionText("a IS NOT DISTINCT FROM b"), "(`a` IS NOT DISTINCT FROM `b`)");
    EXPECT_EQ(expressionText("(a, b) = ROW(1, 2)"), "((`a`, `b`) = ROW(1, 2))");
}

TEST(Parser, LiteralsAndSpecialForms) {
    EXPECT_EQ(expressionText("INTERVAL -'1' DAY"), "INTERVAL -'1' DAY");
    EXPECT_EQ(expressionText("INTERVAL '10' MINUTES"), "INTERVAL '10' MINUTE");
    EXPECT_EQ(expressionText("INTERVAL '1 02:03' DAY(3) TO MINUTE"), "INTERVAL '1 02:03' DAY TO MINUTE");
    EXPECT_EQ(expressionText("TIMESTAMP '2026-03-01 00:00:00'"), "TIMESTAMP '2026-03-01 00:00:00'");
    EXPECT_EQ(expressionText("X'00fF'"), "X'00FF'");
    EXPECT_EQ(expressionText("'it''s' || `we``ird`"), "('it''s' || `we``ird`)");
    EXPECT_EQ(expressionText("EXTRACT(YEAR FROM d)"), "EXTRACT(YEAR FROM `d`)");
    EXPECT_EQ(expressionText("TRIM(BOTH 'x' FROM s)"), "TRIM(BOTH 'x' FROM `s`)");
    EXPECT_EQ(expressionText("TRIM(s)"), "TRIM(`s`)");
    EXPECT_EQ(expressionText("TRIM(LEADING FROM s)"), "TRIM(LEADING ' ' FROM `s`)");
    EXPECT_EQ(expressionText("SUBSTRING(s FROM 2 FOR 3)"), "SUBSTRING(`s`, 2, 3)");
    EXPECT_EQ(expressionText("OVERLAY(s PLACING 'x' FROM 2)"), "OVERLAY(`s`, 'x', 2)");
    EXPECT_EQ(expressionText("POSITION('a' IN s)"), "POSITION('a' IN `s`)");
    EXPECT_EQ(expressionText("CEIL(ts TO HOUR)"), "CEIL(`ts` TO HOUR)");
    EXPECT_EQ(expressionText("TIMESTAMPADD(MINUTE, 5, ts)"), "TIMESTAMPADD(MINUTE, 5, `ts`)");
    EXPECT_EQ(expressionText("LEFT(s, 2)"), "LEFT(`s`, 2)");
    EXPECT_EQ(expressionText("CURRENT_TIMESTAMP"), "CURRENT_TIMESTAMP");
    EXPECT_EQ(expressionText("COUNT(DISTINCT a) FILTER (WHERE b > 1)"),
              "`COUNT`(DISTINCT `a`) FILTER (WHERE (`b` > 1))");
    EXPECT_EQ(expressionText("CAST(a AS DECIMAL(10, 2))"), "CAST(`a` AS DECIMAL(10, 2))");
    EXPECT_EQ(expressionText("TRY_CAST(a AS ROW<x INT NOT NULL, y ARRAY<MAP<STRING, INT>>>)"),
              "TRY_CAST(`a` AS ROW<`x` INT NOT NULL, `y` ARRAY<MAP<STRING, INT>>>)");
    EXPECT_EQ(expressionText("JSON_VALUE(j, '$.a' RETURNING INT NULL ON EMPTY DEFAULT 3 ON ERROR)"),
              "JSON_VALUE(`j`, '$.a' RETURNING INT NULL ON EMPTY DEFAULT 3 ON ERROR)");
    EXPECT_EQ(expressionText("JSON_OBJECT('a' VALUE 1, KEY 'b' VALUE 2 ABSENT ON NULL)"),
              "JSON_OBJECT(KEY 'a' VALUE 1, KEY 'b' VALUE 2 ABSENT ON NULL)");
    EXPECT_EQ(expressionText("ARRAY[1, 2][1] + CARDINALITY(MAP['a', 1])"),
              "((ARRAY[1, 2])[1] + `CARDINALITY`(MAP['a', 1]))");
}

TEST(Parser, TypesInEverySpelling) {
    for (const char* type : {"BOOLEAN",
                             "TINYINT",
                             "SMALLINT",
                             "INT",
                             "BIGINT",
                             "FLOAT",
                             "DOUBLE",
                             "DECIMAL(38, 18)",
                             "CHAR(3)",
                             "VARCHAR(10)",
                             "STRING",
                             "BINARY(2)",
                             "VARBINARY(4)",
                             "BYTES",
                             "DATE",
                             "TIME(3)",
                             "TIMESTAMP(3)",
                             "TIMESTAMP_LTZ(3)",
                             "INTERVAL DAY TO SECOND",
                             "INTERVAL YEAR TO MONTH",
                             "ARRAY<INT NOT NULL>",
                             "MULTISET<STRING>",
                             "MAP<STRING, ROW<`a` INT, `b` STRING 'note'>>"}) {
        EXPECT_EQ(expressionText(fmt::format("CAST(x AS {})", type)), fmt::format("CAST(`x` AS {})", type));
    }
    EXPECT_EQ(expressionText("CAST(x AS TIMESTAMP(3) WITH LOCAL TIME ZONE)"),
              "CAST(`x` AS TIMESTAMP_LTZ(3))");
    EXPECT_EQ(expressionText("CAST(x AS DOUBLE PRECISION)"), "CAST(`x` AS DOUBLE)");
    EXPECT_EQ(expressionText("CAST(x AS ROW(a INT))"), "CAST(`x` AS ROW<`a` INT>)");
    EXPECT_EQ(expressionText("CAST(x AS INT ARRAY NOT NULL)"), "CAST(`x` AS ARRAY<INT> NOT NULL)");
}

TEST(Parser, QueriesRoundTrip) {
    for (const char* text : {
             "SELECT 1",
             "SELECT DISTINCT a, t.*, b AS c FROM db.t AS t WHERE a > 1 GROUP BY a, (b, c) HAVING COUNT(*) > "
             "2",
             "SELECT * FROM a JOIN b ON a.x = b.x LEFT OUTER JOIN c USING (y, z), d CROSS JOIN e NATURAL "
             "JOIN f",
             "SELECT * FROM (a FULL JOIN b ON TRUE) RIGHT JOIN (SELECT 1) AS c (n) ON n = 1",
             "SELECT * FROM o JOIN r FOR SYSTEM_TIME AS OF o.proctime AS r ON o.c = r.c",
             "SELECT * FROM t, LATERAL TABLE(split(t.a)) AS s (w), UNNEST(t.xs) WITH ORDINALITY AS u (x, i)",
             "SELECT * FROM TABLE(TUMBLE(TABLE t, DESCRIPTOR(ts), INTERVAL '1' MINUTE))",
             "SELECT * FROM HOP(DATA => TABLE t, TIMECOL => DESCRIPTOR(ts), SLIDE => INTERVAL '1' SECOND, "
             "SIZE => INTERVAL '2' SECOND)",
             "SELECT * FROM TABLE(SESSION(TABLE t PARTITION BY (a, b), DESCRIPTOR(ts), INTERVAL '5' "
             "MINUTES))",
             "SELECT * FROM TABLE(SESSION(TABLE t PARTITION BY a, DESCRIPTOR(ts), INTERVAL '5' MINUTES))",
             "SELECT a FROM t GROUP BY GROUPING SETS ((a, b), a, ()), ROLLUP (a, b), CUBE ((a, b), c)",
             "SELECT SUM(x) OVER (PARTITION BY a ORDER BY ts DESC NULLS LAST RANGE BETWEEN INTERVAL '1' HOUR "
             "PRECEDING AND CURRENT "
             "ROW), ROW_NUMBER() OVER w FROM t WINDOW w AS (ORDER BY ts ROWS UNBOUNDED PRECEDING)",
             "SELECT 1 UNION ALL SELECT 2 UNION ALL SELECT 3 UNION SELECT 4 EXCEPT SELECT 5 INTERSECT SELECT "
             "6",
             "WITH a (x) AS (SELECT 1), b AS (VALUES (1, 'a'), (2, 'b')) SELECT * FROM a, b ORDER BY x DESC "
             "LIMIT 10 OFFSET 5",
             "SELECT * FROM t ORDER BY a OFFSET 2 ROWS FETCH FIRST 3 ROWS ONLY",
             "(SELECT 1 ORDER BY 1) UNION ALL (SELECT 2 LIMIT 1)",
             "SELECT CASE a WHEN 1 THEN 'x' ELSE 'y' END, CASE WHEN a > b THEN 1 END FROM t",
             "SELECT * FROM t WHERE EXISTS (SELECT 1 FROM u WHERE u.a = t.a) AND b IN (SELECT b FROM v) AND "
             "c > ALL (SELECT 1)",
             "SELECT (SELECT MAX(a) FROM t) + 1, ((SELECT 1)), ((SELECT 1) + 2) * 3",
             "SELECT /*+ STATE_TTL('t' = '1d') */ * FROM t /*+ OPTIONS('path' = 'x') */ AS u",
             "SELECT LISTAGG(a, ',') WITHIN GROUP (ORDER BY b), LAST_VALUE(a) IGNORE NULLS OVER (ORDER BY b) "
             "FROM t",
             "SELECT a -- a comment\n, b /* another */ FROM t",
             "TABLE t",
         }) {
        expectRoundTrip(text);
    }
}

template <class Node>
Node parsed(std::string_view text) {
    ParseResult result = parseStatements(plain(text));
    for (const Problem& problem : result.problems)
        ADD_FAILURE() << renderProblem(problem, text);
    EXPECT_EQ(result.statements.size(), 1U);
    return std::get<Node>(std::move(result.statements.at(0).node));
}

TEST(Parser, CreateTable) {
    const auto table = parsed<CreateTable>(R"(
        CREATE TEMPORARY TABLE IF NOT EXISTS c.d.t (
            id BIGINT NOT NULL COMMENT 'the id',
            price DECIMAL(10, 2),
            topic STRING METADATA FROM 'topic-name' VIRTUAL,
            ts AS TO_TIMESTAMP(raw) COMMENT 'time',
            raw STRING,
            WATERMARK FOR ts AS ts - INTERVAL '5' SECOND,
            CONSTRAINT pk PRIMARY KEY (id) NOT ENFORCED
        ) COMMENT 'a table' PARTITIONED BY (id) WITH ('connector' = 'print', 'path' = 'it''s')
        LIKE base (INCLUDING ALL OVERWRITING OPTIONS);)");
    EXPECT_TRUE(table.temporary);
    EXPECT_TRUE(table.if_not_exists);
    EXPECT_EQ(table.name.toString(), "c.d.t");
    ASSERT_EQ(table.columns.size(), 5U);
    EXPECT_EQ(table.columns[0].type->nullable, false);
    EXPECT_EQ(table.columns[0].comment, "the id");
    EXPECT_TRUE(table.columns[2].metadata);
    EXPECT_EQ(table.columns[2].metadata_from, "topic-name");
    EXPECT_TRUE(table.columns[2].is_virtual);
    EXPECT_EQ(toSql(*table.columns[3].computed), "`TO_TIMESTAMP`(`raw`)");
    EXPECT_EQ(toSql(*table.watermark->expression), "(`ts` - INTERVAL '5' SECOND)");
    EXPECT_EQ(table.primary_key->columns.at(0).name, "id");
    EXPECT_EQ(table.partitioned_by.at(0).name, "id");
    EXPECT_EQ(table.options.at(1).value, "it's");
    EXPECT_EQ(table.like->options.at(1).merge, "OVERWRITING");
}

TEST(Parser, OtherStatements) {
    EXPECT_TRUE(parsed<CreateView>("CREATE TEMPORARY VIEW v (a COMMENT 'x', b) AS SELECT 1, 2").temporary);
    EXPECT_EQ(parsed<CreateFunction>("CREATE TEMPORARY SYSTEM FUNCTION f AS 'a.B' LANGUAGE JAVA").class_name,
              "a.B");
    EXPECT_EQ(parsed<DropObject>("DROP VIEW IF EXISTS v").kind, ObjectKind::View);
    EXPECT_EQ(parsed<Insert>("INSERT INTO t PARTITION (day = '1') (a, b) SELECT 1, 2").columns.size(), 2U);
    EXPECT_EQ(parsed<Insert>("INSERT INTO t VALUES (1, 2), (3, 4)").columns.size(), 0U);
    EXPECT_EQ(parsed<StatementSet>(
                  "EXECUTE STATEMENT SET BEGIN INSERT INTO a SELECT 1; INSERT INTO b SELECT 2; END;")
                  .inserts.size(),
              2U);
    EXPECT_EQ(parsed<StatementSet>("BEGIN STATEMENT SET; INSERT INTO a SELECT 1; END").inserts.size(), 1U);
    EXPECT_EQ(parsed<SetOption>("SET 'a.b' = 'c'").option->value, "c");
    EXPECT_EQ(parsed<SetOption>("SET a.b-c = 10 s").option->key, "a.b-c");
    EXPECT_EQ(parsed<SetOption>("SET a.b-c = 10 s").option->value, "10 s");
    EXPECT_FALSE(parsed<SetOption>("SET").option.has_value());
    EXPECT_EQ(parsed<ResetOption>("RESET 'a'").option->key, "a");
    EXPECT_TRUE(std::holds_alternative<Insert>(
        parsed<Explain>("EXPLAIN PLAN FOR INSERT INTO t SELECT 1").statement->node));
    EXPECT_TRUE(std::holds_alternative<StatementSet>(
        parsed<Explain>("EXPLAIN STATEMENT SET BEGIN INSERT INTO a SELECT 1; INSERT INTO b SELECT 2; END")
            .statement->node));
    EXPECT_EQ(parsed<Explain>("EXPLAIN CHANGELOG_MODE, ESTIMATED_COST SELECT 1").details.size(), 2U);
    EXPECT_FALSE(parsed<Explain>("EXPLAIN SELECT 1").analyze);
    EXPECT_TRUE(parsed<Explain>("EXPLAIN ANALYZE INSERT INTO t SELECT 1").analyze);
    EXPECT_EQ(parsed<Show>("SHOW FUNCTIONS LIKE 'A%'").like, "A%");
    EXPECT_EQ(parsed<Show>("SHOW CREATE TABLE t").what, "CREATE TABLE");
    EXPECT_EQ(parsed<Describe>("DESC t").table.toString(), "t");
    EXPECT_EQ(parsed<UnsupportedStatement>("ALTER MODEL m RENAME TO n").what, "ALTER MODEL");
    EXPECT_EQ(parsed<UnsupportedStatement>("UPDATE t SET a = 1").what, "UPDATE");
    EXPECT_EQ(parsed<CreateCatalog>("CREATE CATALOG IF NOT EXISTS c WITH ('type' = 'x')").options.at(0).value,
              "x");
    EXPECT_EQ(parsed<CreateDatabase>("CREATE DATABASE c.d COMMENT 'x'").name.toString(), "c.d");
    EXPECT_TRUE(parsed<DropObject>("DROP DATABASE IF EXISTS d CASCADE").cascade);
    EXPECT_EQ(parsed<Use>("USE CATALOG c").kind, ObjectKind::Catalog);
    EXPECT_EQ(parsed<Use>("USE catalog").name.toString(), "catalog");
    EXPECT_EQ(parsed<Describe>("DESCRIBE CATALOG c").kind, ObjectKind::Catalog);
    EXPECT_TRUE(parsed<CreateTable>("REPLACE TABLE t AS SELECT 1").must_exist);
}

TEST(Parser, Alter) {
    const auto change = [](const std::string& text) { return std::move(parsed<AlterObject>(text).change); };
    const auto columns = std::get<AlterColumns>(
        change("ALTER TABLE IF EXISTS t ADD (a INT FIRST, b AS a + 1 AFTER a, PRIMARY KEY (a) NOT ENFORCED, "
               "WATERMARK FOR c AS c)"));
    EXPECT_TRUE(columns.columns.at(0).first);
    EXPECT_EQ(columns.columns.at(1).after->name, "a");
    EXPECT_TRUE(columns.watermark && columns.primary_key && !columns.modify);
    EXPECT_TRUE(std::get<AlterColumns>(change("ALTER TABLE t MODIFY a BIGINT COMMENT 'x'")).modify);
    EXPECT_EQ(std::get<DropColumns>(change("ALTER TABLE t DROP (a, b)")).columns.size(), 2U);
    EXPECT_TRUE(std::holds_alternative<DropPrimaryKey>(change("ALTER TABLE t DROP PRIMARY KEY")));
    EXPECT_TRUE(std::holds_alternative<DropPrimaryKey>(change("ALTER TABLE t DROP CONSTRAINT k")));
    EXPECT_TRUE(std::holds_alternative<DropWatermark>(change("ALTER TABLE t DROP WATERMARK")));
    EXPECT_EQ(std::get<RenameColumn>(change("ALTER TABLE t RENAME a TO b")).to.name, "b");
    EXPECT_EQ(std::get<RenameObject>(change("ALTER TABLE t RENAME TO u")).to.toString(), "u");
    EXPECT_EQ(std::get<ResetObjectOptions>(change("ALTER TABLE t RESET ('a', 'b')")).keys.size(), 2U);
    EXPECT_TRUE(std::holds_alternative<RedefineView>(change("ALTER VIEW v AS SELECT 1")));
}

TEST(Parser, AStatementsTextIsItsOwn) {
    const ParseResult result = parseStatements(plain(" SELECT 1 ; -- note\n SELECT 2;"));
    ASSERT_EQ(result.statements.size(), 2U);
    EXPECT_EQ(result.statements[0].text, "SELECT 1");
    EXPECT_EQ(result.statements[1].text, "SELECT 2");
    EXPECT_EQ(result.statements[1].span.line, 2);
}

TEST(Parser, ErrorsShowThePlaceAndWhatWasMeant) {
    EXPECT_EQ(rendered("SELECT a FORM t"),
              "error[sql.syntax]: unexpected 't'\n"
              " --> 1:15\n"
              "  |\n"
              "1 | SELECT a FORM t\n"
              "  |               ^\n"
              "  help: did you mean FROM instead of 'FORM' at 1:10?\n");
    EXPECT_EQ(rendered("SELCT a FROM t"),
              "error[sql.syntax]: 'SELCT' does not begin a statement\n"
              " --> 1:1\n"
              "  |\n"
              "1 | SELCT a FROM t\n"
              "  | ^^^^^\n"
              "  help: did you mean SELECT?\n");
    EXPECT_EQ(rendered("SELECT a FROM t\nWHERE (a = 1 GROUP BY a"),
              "error[sql.syntax]: unexpected 'GROUP'\n"
              " --> 2:14\n"
              "  |\n"
              "2 | WHERE (a = 1 GROUP BY a\n"
              "  |              ^^^^^\n"
              "  help: GROUP is a reserved word; as a name, write it in back-quotes: `GROUP`\n");
    EXPECT_EQ(rendered("CREATE TABLE t (a INTT)"),
              "error[sql.unknown-type]: 'INTT' is not a type\n"
              " --> 1:19\n"
              "  |\n"
              "1 | CREATE TABLE t (a INTT)\n"
              "  |                   ^^^^\n"
              "  help: did you mean INT?\n");
    EXPECT_EQ(rendered("SELECT * FROM order"),
              "error[sql.syntax]: expected a table, but ORDER is a reserved word\n"
              " --> 1:15\n"
              "  |\n"
              "1 | SELECT * FROM order\n"
              "  |               ^^^^^\n"
              "  help: as a name, write it in back-quotes: `order`\n");
    EXPECT_EQ(rendered("SELECT 'abc"),
              "error[sql.syntax]: a string is not closed\n"
              " --> 1:8\n"
              "  |\n"
              "1 | SELECT 'abc\n"
              "  |        ^\n"
              "  help: close it with '; inside, ' is written twice\n");
    EXPECT_EQ(rendered("SELECT \"a\" FROM t").substr(0, 44),
              "error[sql.syntax]: unexpected character '\"'\n");
    EXPECT_EQ(rendered("SELECT 1abc").substr(0, 61),
              "error[sql.syntax]: '1abc' is neither a number nor a name\n -->");
    EXPECT_EQ(onlyProblem("SELECT 1 /* abc").message, "a comment is not closed");
    EXPECT_EQ(onlyProblem("CREATE TABLE t (a INT, PRIMARY KEY (a))").message,
              "a primary key must be declared NOT ENFORCED");
    EXPECT_EQ(onlyProblem("CREATE TABLE t (a INT) WITH ('a' = 'b', 'a' = 'c')").message,
              "option 'a' is given twice");
    EXPECT_EQ(onlyProblem("SELECT * FROM t WITH").message, "unexpected 'WITH'");
    EXPECT_EQ(onlyProblem("SELECT a,").message, "unexpected the end of the text, expected an expression");
    EXPECT_EQ(onlyProblem("EXECUTE STATEMENT SET BEGIN END").message, "the statement set is empty");
    EXPECT_EQ(onlyProblem("BEGIN STATEMENT SET; INSERT INTO t SELECT 1;").message,
              "the statement set is not closed");
    EXPECT_EQ(onlyProblem("SELECT * FROM t MATCH_RECOGNIZE (ORDER BY r PATTERN ((A B)+))").code,
              "sql.not-supported");
}

TEST(Parser, GoesOnBehindTheNextSemicolon) {
    const ParseResult result =
        parseStatements(plain("SELECT 1 2; SELECT 3; SELECT ,;\nDROP NOTHING x; SELECT 4;"));
    EXPECT_EQ(result.statements.size(), 2U);
    ASSERT_EQ(result.problems.size(), 3U);
    EXPECT_EQ(result.problems[0].where.column, 10);
    EXPECT_EQ(result.problems[1].where.column, 30);
    EXPECT_EQ(result.problems[2].where.line, 2);
    const ParseResult set = parseStatements(
        plain("BEGIN STATEMENT SET; INSERT INTO a SELECT; INSERT b; INSERT INTO c SELECT 1; END;"));
    EXPECT_EQ(set.problems.size(), 2U);
}

TEST(Parser, DepthIsBounded) {
    const std::string parentheses = "SELECT " + std::string(10'000, '(') + "1" + std::string(10'000, ')');
    EXPECT_EQ(onlyProblem(parentheses).code, "sql.too-deep");
    std::string sum = "SELECT 1";
    for (int i = 0; i < 10'000; ++i)
        sum += " + 1";
    EXPECT_EQ(onlyProblem(sum).code, "sql.too-deep");
    std::string queries;
    for (int i = 0; i < 10'000; ++i)
        queries += "SELECT * FROM (";
    EXPECT_EQ(onlyProblem(queries).code, "sql.too-deep");
    std::string types = "CREATE TABLE t (a ";
    for (int i = 0; i < 10'000; ++i)
        types += "ARRAY<";
    EXPECT_EQ(onlyProblem(types).code, "sql.too-deep");
    for (const char* repeated :
         {"NOT ", "- ", "CASE WHEN ", "f(", "x => f(y => ", "EXPLAIN ", "a[", "(SELECT "}) {
        std::string text = "SELECT ";
        for (int i = 0; i < 10'000; ++i)
            text += repeated;
        EXPECT_FALSE(parseStatements(plain(text)).problems.empty());
    }
    // Long lists are not deep.
    std::string any = "SELECT a = 0";
    for (int i = 1; i < 10'000; ++i)
        any += fmt::format(" OR a = {}", i);
    EXPECT_TRUE(parseStatements(plain(any)).problems.empty());
    std::string nested = "1";
    for (int i = 0; i < 100; ++i)
        nested = fmt::format("(a + {})", nested);
    EXPECT_TRUE(parseStatements(plain("SELECT " + nested)).problems.empty());
}

TEST(SourceText, FillsPlaceholdersAndKeepsPlaces) {
    const std::map<std::string, std::string> parameters = {
        {"table", "flights"}, {"group.key", "O'Hare"}, {"long", "a + b + c"}};
    const std::string_view text =
        "SELECT ${long} FROM ${table}\nWHERE x = '${group.key}' AND -- ${nothing}\n y = ${ table } extra";
    const SourceText source(text, parameters);
    EXPECT_EQ(source.text(),
              "SELECT a + b + c FROM flights\nWHERE x = 'O''Hare' AND -- ${nothing}\n y = flights extra");
    EXPECT_TRUE(source.problems().empty());
    const auto at = [&](std::string_view piece) {
        const size_t begin = source.text().find(piece);
        return source.span(begin, begin + piece.size());
    };
    EXPECT_EQ(at("SELECT"), (TextSpan{1, 1, 6}));
    EXPECT_EQ(at("+ b"), (TextSpan{1, 8, 7}));  // inside the value: the placeholder
    EXPECT_EQ(at("FROM"), (TextSpan{1, 16, 4}));
    EXPECT_EQ(at("WHERE"), (TextSpan{2, 1, 5}));
    EXPECT_EQ(at("AND"), (TextSpan{2, 26, 3}));
    EXPECT_EQ(at("extra"), (TextSpan{3, 17, 5}));

    const SourceText unfilled("SELECT ${tabel}, ${nowhere}, ${", parameters);
    ASSERT_EQ(unfilled.problems().size(), 3U);
    EXPECT_EQ(unfilled.problems()[0].hint, "did you mean ${table}?");
    EXPECT_EQ(unfilled.problems()[1].where, (TextSpan{1, 18, 10}));
    EXPECT_EQ(unfilled.problems()[2].code, "sql.bad-placeholder");
}

TEST(SourceText, CountsCharactersNotBytes) {
    const SourceText source("SELECT 'dée', x y z", {});
    const size_t begin = source.text().find("y z");
    EXPECT_EQ(source.span(begin, begin + 1), (TextSpan{1, 17, 1}));
}

}  // namespace
}  // namespace millrace::sql
