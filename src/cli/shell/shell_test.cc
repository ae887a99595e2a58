// What the shell is made of, without a terminal; tests/e2e/shell_test.py has one.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>

#include "base/error.h"
#include "batch/batch.h"
#include "cli/shell/completer.h"
#include "cli/shell/history_file.h"
#include "cli/shell/live_table.h"
#include "cli/shell/shell_settings.h"
#include "cli/shell/statement_text.h"
#include "cluster/registry.h"

namespace millrace::cli {
namespace {

TEST(StatementText, IsWholeWithItsSemicolon) {
    for (const char* whole :
         {"", "  \n", "SELECT 1;", "SELECT 1; SELECT 2;\n", "\\help", "SELECT ';' ;", "SELECT `a;b`;",
          "SELECT 1; -- a comment", "SELECT CASE WHEN a THEN b END;",
          "EXECUTE STATEMENT SET BEGIN INSERT INTO a SELECT 1; INSERT INTO b SELECT 2; END;",
          "BEGIN STATEMENT SET; INSERT INTO a SELECT 1; END;",
          "SELECT 1; EXECUTE STATEMENT SET BEGIN INSERT INTO a SELECT 1; END;"})
        EXPECT_TRUE(isWhole(whole)) << whole;
    for (const char* part :
         {"SELECT 1", "SELECT ';", "SELECT ';\n'", "SELECT `a;", "SELECT 1 -- ;", "SELECT 1 /* ;",
          "SELECT 1; SELECT", "EXECUTE STATEMENT SET BEGIN INSERT INTO a SELECT 1;", "BEGIN STATEMENT SET;",
          "EXECUTE STATEMENT SET BEGIN INSERT INTO a SELECT CASE WHEN b THEN 1 END;",
          "SELECT 1; EXECUTE STATEMENT SET BEGIN INSERT INTO a SELECT 1;"})
        EXPECT_FALSE(isWhole(part)) << part;
}

TEST(StatementText, KnowsTheShellsCommands) {
    for (const char* quit : {"QUIT;", "quit", " exit ;\n", "\\q", "\\quit"})
        EXPECT_EQ(shellCommandOf(quit), ShellCommand::Quit) << quit;
    EXPECT_EQ(shellCommandOf("HELP;"), ShellCommand::Help);
    EXPECT_EQ(shellCommandOf("\\help"), ShellCommand::Help);
    EXPECT_EQ(shellCommandOf("\\what"), ShellCommand::Help);
    EXPECT_EQ(shellCommandOf("clear;"), ShellCommand::Clear);
    EXPECT_EQ(shellCommandOf(" ; "), ShellCommand::Nothing);
    for (const char* sql : {"q;", "SELECT 1;", "HELP ME;"})
        EXPECT_EQ(shellCommandOf(sql), std::nullopt) << sql;
}

class CompleterTest : public ::testing::Test {
  protected:
    CompleterTest() {
        sql::SessionOptions options;
        options.registry = registry_;
        session_ = std::make_unique<sql::Session>(options);
        run("CREATE TABLE orders (id BIGINT, customer STRING, `group` STRING) WITH ('connector' = "
            "'blackhole');"
            "CREATE TABLE clicks (url STRING) WITH ('connector' = 'datagen');"
            "CREATE VIEW big AS SELECT url AS address FROM clicks;");
    }
    void run(const std::string& text) {
        const auto script = session_->parse(text);
        for (size_t i = 0; i < sql::Session::statementCount(*script); ++i)
            session_->execute(*script, i);
    }
    // The cursor is at the '|'.
    Completion at(std::string text) {
        const size_t cursor = text.find('|');
        text.erase(cursor, 1);
        return Completer(*session_, *registry_).complete(text, cursor);
    }
    std::vector<std::string> names(const std::string& text) {
        std::vector<std::string> all;
        for (const auto& candidate : at(text).candidates)
            all.push_back(candidate.text);
        return all;
    }
    bool offers(const std::string& text, const std::string& name) {
        const auto all = names(text);
        return std::find(all.begin(), all.end(), name) != all.end();
    }

    std::shared_ptr<const sql::ConnectorRegistry> registry_ = linkedConnectors();
    std::unique_ptr<sql::Session> session_;
};

using Names = std::vector<std::string>;

TEST_F(CompleterTest, Keywords) {
    EXPECT_EQ(names("SEL|"), Names{"SELECT"});
    EXPECT_EQ(names("sel|"), Names{"select"});
    EXPECT_EQ(at("  SEL|").begin, 2u);
    EXPECT_EQ(at("SEL|").candidates[0].suffix, " ");
    EXPECT_EQ(names("\\h|"), Names{"\\help"});
    EXPECT_EQ(at("\\h|").begin, 0u);
    EXPECT_EQ(names("SELECT 1; DESCR|"), (Names{"DESCRIBE", "DESCRIPTOR"}));
    EXPECT_TRUE(names("SELECT zzz|").empty());
}

TEST_F(CompleterTest, TablesColumnsAndFunctions) {
    EXPECT_EQ(names("SELECT * FROM |"), (Names{"big", "clicks", "orders"}));
    EXPECT_EQ(names("SELECT * FROM o|"), Names{"orders"});
    EXPECT_EQ(names("INSERT INTO c|"), Names{"clicks"});
    EXPECT_EQ(names("SELECT | FROM orders"), (Names{"`group`", "customer", "id"}));
    EXPECT_EQ(names("SELECT o.| FROM orders AS o, clicks"), (Names{"`group`", "customer", "id"}));
    EXPECT_EQ(names("SELECT c.u| FROM orders o JOIN clicks c ON TRUE"), Names{"url"});
    EXPECT_EQ(names("SELECT addr| FROM big"), Names{"address"});
    EXPECT_EQ(names("SELECT custo|"), Names{"customer"});
    EXPECT_FALSE(offers("SELECT custo| FROM clicks", "customer"));
    EXPECT_TRUE(names("SELECT x.| FROM orders").empty());
    EXPECT_TRUE(offers("SELECT REGEXP_EX|", "REGEXP_EXTRACT"));
    EXPECT_EQ(at("SELECT REGEXP_EXTRA|").candidates[0].suffix, "(");
    EXPECT_FALSE(offers("SELECT cust|; SELECT 1 FROM big;", "address"));
}

TEST_F(CompleterTest, Options) {
    EXPECT_EQ(names("CREATE TABLE t (a INT) WITH ('conn|"), Names{"connector"});
    EXPECT_EQ(at("CREATE TABLE t (a INT) WITH ('conn|").candidates[0].suffix, "'");
    EXPECT_EQ(at("CREATE TABLE t (a INT) WITH ('conn|'").candidates[0].suffix, "");
    EXPECT_EQ(names("CREATE TABLE t (a INT) WITH ('connector' = 'data|"), Names{"datagen"});
    EXPECT_TRUE(offers("CREATE TABLE t (a INT) WITH ('connector' = 'datagen', 'rows|", "rows-per-second"));
    EXPECT_FALSE(offers("CREATE TABLE t (a INT) WITH ('connector' = 'datagen', '|", "path"));
    EXPECT_TRUE(offers("CREATE TABLE t (a INT) WITH ('connector' = 'filesystem', 'format' = '|", "json"));
    EXPECT_TRUE(offers("CREATE TABLE t (a INT) WITH ('connector' = 'filesystem', 'format' = 'json', 'json|",
                       "json.ignore-parse-errors"));
    EXPECT_EQ(names("SET 'sql-client.execution.re|"), Names{"sql-client.execution.result-mode"});
    EXPECT_EQ(names("SET 'sql-client.execution.result-mode' = 't|"), (Names{"table", "tableau"}));
    EXPECT_TRUE(names("SELECT 'SEL|").empty());
}

TEST(ShellSettings, AreFlinks) {
    Configuration configuration;
    EXPECT_EQ(ShellSettings::from(configuration).result_mode, ResultMode::Table);
    configuration.set("sql-client.execution.result-mode", "Tableau");
    configuration.set("sql-client.display.print-time-cost", "false");
    configuration.set("sql-client.execution.max-table-result.rows", "7");
    const ShellSettings settings = ShellSettings::from(configuration);
    EXPECT_EQ(settings.result_mode, ResultMode::Tableau);
    EXPECT_FALSE(settings.print_time_cost);
    EXPECT_EQ(settings.table_rows_max, 7u);
    configuration.set("sql-client.execution.result-mode", "chart");
    EXPECT_THROW(ShellSettings::from(configuration), UserError);
    configuration.set("sql-client.execution.result-mode", "table");
    configuration.set("sql-client.execution.max-table-result.rows", "0");
    EXPECT_THROW(ShellSettings::from(configuration), UserError);
}

TEST(HistoryFile, KeepsStatementsForItsOwner) {
    const std::string folder = ::testing::TempDir() + "millrace-history";
    std::filesystem::remove_all(folder);
    const std::string path = folder + "/deep/sql_history";
    HistoryFile file(path);
    EXPECT_TRUE(file.load().empty());
    const std::vector<std::string> texts = {"SELECT 1;", "SELECT\n  'a\\n';", "SELECT 'ä';"};
    for (const std::string& text : texts)
        file.append(text);
    EXPECT_EQ(HistoryFile(path).load(), texts);
    struct stat status {};
    ASSERT_EQ(stat(path.c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777, 0600u);
    for (size_t i = 0; i < HistoryFile::kKept; ++i)
        file.append(std::to_string(i));
    EXPECT_EQ(HistoryFile(path).load().front(), "0");
    EXPECT_EQ(HistoryFile(path).load().size(), HistoryFile::kKept);
    std::filesystem::remove_all(folder);
    HistoryFile("").append("nothing");
    EXPECT_TRUE(HistoryFile("").load().empty());
    HistoryFile("/proc/none/history").append("no reason to fail");
}

std::string shown(size_t rows_max, bool stopped,
                  const std::vector<std::pair<RowKind, std::string>>& changes) {
    const Schema schema({{"name", LogicalType::string()}});
    std::FILE* const out = std::tmpfile();
    const auto table = makeLiveTable(schema, rows_max, out);
    for (const auto& [kind, name] : changes) {
        BatchBuilder builder(schema);
        builder.appendRow(std::vector<Value>{Value::string(name)}, kind);
        table->receive(builder.finish());
    }
    stopped ? table->stop() : table->finish();
    std::string text(static_cast<size_t>(std::ftell(out)), '\0');
    std::rewind(out);
    EXPECT_EQ(std::fread(text.data(), 1, text.size(), out), text.size());
    std::fclose(out);
    return text;
}

TEST(LiveTable, ShowsWhatTheChangesCameTo) {
    using enum RowKind;
    EXPECT_EQ(shown(100, false, {}), "name\n----\n(0 rows)\n");
    EXPECT_EQ(shown(100, false, {{Insert, "a"}, {Insert, "b"}, {UpdateBefore, "a"}, {UpdateAfter, "ab"}}),
              "name\n----\nb\nab\n(2 rows)\n");
    EXPECT_EQ(shown(100, false, {{Insert, "a"}, {Insert, "a"}, {Delete, "a"}}), "name\n----\na\n(1 row)\n");
    // What a terminal would obey is not written to it.
    EXPECT_EQ(shown(100, false, {{Insert, "x\x1b[2Jy\n"}}), "name\n-------\nx.[2Jy.\n(1 row)\n");
    EXPECT_EQ(shown(2, false, {{Insert, "a"}, {Insert, "b"}, {Insert, "c"}, {Delete, "a"}, {Delete, "b"}}),
              "name\n----\nc\n(1 row, 1 older ones not kept)\n");
    std::vector<std::pair<RowKind, std::string>> many;
    for (int i = 0; i < 100; ++i)
        many.emplace_back(Insert, std::to_string(i));
    const std::string frame = shown(1000, true, many);
    EXPECT_TRUE(frame.ends_with("98\n99\n(100 rows)\n")) << frame;
    EXPECT_NE(frame.find("... 81 above"), std::string::npos) << frame;
}

}  // namespace
}  // namespace millrace::cli
