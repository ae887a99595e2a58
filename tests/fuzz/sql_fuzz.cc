// Rooms: sql connectors
// Any text is statements that bind, or a list of problems that each have a code, a message and a place in the
// text. What parses is written back as text that parses to the same. What can be planned is run, a while at
// least, on a disk in memory: it ends, goes on, or fails with a UserError.
#include <algorithm>
#include <cstdlib>
#include <set>
#include <string>

#include "base/error.h"
#include "base/log.h"
#include "connectors/connectors.h"
#include "formats/format.h"
#include "runtime/simulator/simulation.h"
#include "sql/parse/parser.h"
#include "sql/parse/to_sql.h"
#include "sql/plan/planner.h"
#include "sql/session.h"

namespace {

using namespace millrace;

constexpr const char* kTables =
    "CREATE TABLE t (a INT, b STRING NOT NULL, c DECIMAL(10, 2), d DOUBLE, e BOOLEAN, ts TIMESTAMP(3), r "
    "ROW<x INT, y STRING>, "
    "xs ARRAY<INT>, m MAP<STRING, INT>, dt DATE, WATERMARK FOR ts AS ts - INTERVAL '5' SECOND) WITH "
    "('connector' = 'filesystem', 'path' = '/in/t', 'format' = 'json');"
    "CREATE TABLE o (a BIGINT, b STRING) WITH ('connector' = 'filesystem', 'path' = '/in/o', 'format' = "
    "'csv');"
    "CREATE TABLE s (a BIGINT, b STRING) WITH ('connector' = 'filesystem', 'path' = '/out/s', 'format' = "
    "'json');"
    "CREATE VIEW v AS SELECT a, COUNT(*) AS n FROM t GROUP BY a;";

constexpr const char* kRowsOfT =
    R"({"a":1,"b":"x","c":1.50,"d":0.5,"e":true,"ts":"2026-03-01 00:00:00","r":{"x":1,"y":"p"},"xs":[1,2],"m":{"k":1},"dt":"2026-03-01"}
{"a":2,"b":"y","c":-2.25,"d":1e300,"e":false,"ts":"2026-03-01 00:00:07","r":{"x":null,"y":null},"xs":[],"m":{},"dt":"2024-02-29"}
{"a":null,"b":"","c":null,"d":null,"e":null,"ts":"2026-03-01 00:00:09.5","r":null,"xs":null,"m":null,"dt":null}
{"a":1,"b":"a longer string that is not inline","c":99999999.99,"d":-0.0,"e":true,"ts":"2026-03-01 00:01:00","r":{"x":7,"y":"q"},"xs":[null,3],"m":{"k":null,"l":2},"dt":"1969-12-31"}
)";
constexpr const char* kRowsOfO = "1,x\n3,z\n,\n2147483648,y\n";

// Connectors that touch nothing but the disk that they are given.
const std::shared_ptr<const sql::ConnectorRegistry>& registryForFuzzing() {
    static const auto all = [] {
        const std::set<std::string> harmless{"filesystem", "datagen", "nexmark", "blackhole"};
        auto made = std::make_shared<sql::ConnectorRegistry>();
        for (const ConnectorDescriptor& connector : connectorDescriptors()) {
            if (harmless.contains(connector.name)) made->connectors.push_back(connector);
        }
        for (const FormatDescriptor& format : formatDescriptors())
            made->formats[format.name] = format.options;
        return std::shared_ptr<const sql::ConnectorRegistry>(made);
    }();
    return all;
}

const ConnectorDescriptor& blackhole() {
    for (const ConnectorDescriptor& connector : registryForFuzzing()->connectors) {
        if (connector.name == "blackhole") return connector;
    }
    std::abort();
}

std::shared_ptr<const Sink> sinkOfSelect(const Schema& schema) {
    TableSpec table;
    table.name = "result";
    table.schema = schema;
    table.options = {{"connector", "blackhole"}};
    return blackhole().make_sink(table);
}

void runPlan(const sql::LogicalPlan& plan, const Configuration& configuration) {
    const std::shared_ptr<const JobGraph> graph =
        sql::planJob(plan, {registryForFuzzing(), configuration, sinkOfSelect}).graph;
    FaultPlan calm;
    calm.faults_max = 0;
    calm.parallelism_max = 2;
    calm.savepoints = false;
    calm.turns_max = 3'000;
    calm.starts_max = 1;
    Simulation simulation(1, calm);
    FileSystem& files = simulation.files();
    for (const auto& [folder, rows] : {std::pair{"/in/t", kRowsOfT}, std::pair{"/in/o", kRowsOfO}}) {
        files.createFolders(folder);
        files.create(joinPath(folder, "rows"))->append(rows);
    }
    const SimulationResult result = simulation.run([&] {
        auto run = std::make_shared<JobGraph>(*graph);
        run->configuration.set("restart-strategy.type", "none");
        run->configuration.set("millrace.checker", "true");
        return run;
    });
    if (result.broken) {
        std::fprintf(stderr, "%s\n", result.failure.c_str());
        std::abort();
    }
}

void execute(sql::Session& session, const std::string& text) {
    try {
        const auto script = session.parse(text);
        for (size_t i = 0; i < sql::Session::statementCount(*script); ++i) {
            const sql::StatementResult result = session.execute(*script, i);
            if (result.kind == sql::StatementResult::Kind::Query ||
                result.kind == sql::StatementResult::Kind::Insert)
                runPlan(result.plan, session.configuration());
        }
    } catch (const UserError& error) {
        if (error.code().empty()) std::abort();
    }
}

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
    configureLog({.level = LogLevel::Error, .path = "/dev/null"});
    sql::SessionOptions options;
    options.registry = registryForFuzzing();
    options.parameters = {{"name", "a"}, {"group.key", "x'y"}};
    sql::Session session(options);
    const auto tables = session.parse(kTables);
    for (size_t i = 0; i < sql::Session::statementCount(*tables); ++i)
        session.execute(*tables, i);
    for (const Problem& problem : session.validate(text))
        checkProblem(problem, text);
    checkRoundTrip(text);
    execute(session, text);
    return 0;
}
