// Rooms: sql
// Any text is statements that bind, or a list of problems that each have a code, a message and a place in the
// text. What parses is written back as text that parses to the same.
#include <algorithm>
#include <cstdlib>
#include <string>

#include "base/error.h"
#include "sql/parse/parser.h"
#include "sql/parse/to_sql.h"
#include "sql/session.h"

namespace {

using namespace millrace;

constexpr const char* kTables =
    "CREATE TABLE t (a INT, b STRING NOT NULL, c DECIMAL(10, 2), d DOUBLE, e BOOLEAN, ts TIMESTAMP(3), r "
    "ROW<x INT, y STRING>, "
    "xs ARRAY<INT>, m MAP<STRING, INT>, dt DATE, WATERMARK FOR ts AS ts - INTERVAL '5' SECOND) WITH "
    "('connector' = 'x');"
    "CREATE TABLE o (a BIGINT, b STRING) WITH ('connector' = 'x');"
    "CREATE VIEW v AS SELECT a, COUNT(*) AS n FROM t GROUP BY a;";

void checkProblem(const Problem& problem, const std::string& text) {
    const int lines = static_cast<int>(std::count(text.begin(), text.end(), '\n')) + 1;
    if (problem.code.empty() || problem.message.empty() || problem.where.line > lines) std::abort();
    renderProblem(problem, text);
}

void checkRoundTrip(const std::string& text) {
    sql::QueryPtr query;
    try {
        query = sql::parseQuery(sql::SourceText(text, {}));
    } catch (const UserError&) {
        return;
    }
    const std::string once = sql::toSql(*query);
    try {
        if (sql::toSql(*sql::parseQuery(sql::SourceText(once, {}))) != once) std::abort();
    } catch (const UserError& error) {
        // Written out with all its parentheses, a query may be too deep, and nothing else.
        if (error.code() != "sql.too-deep" && once.find("${") == std::string::npos) std::abort();
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    if (size > 20'000) return 0;
    const std::string text(reinterpret_cast<const char*>(data), size);
    sql::SessionOptions options;
    options.parameters = {{"name", "a"}, {"group.key", "x'y"}};
    sql::Session session(options);
    const auto tables = session.parse(kTables);
    for (size_t i = 0; i < sql::Session::statementCount(*tables); ++i)
        session.execute(*tables, i);
    for (const Problem& problem : session.validate(text))
        checkProblem(problem, text);
    checkRoundTrip(text);
    return 0;
}
