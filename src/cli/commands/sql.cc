// millrace sql: runs statements in order and shows what they give.
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <iterator>
#include <optional>

#include "base/clock.h"
#include "base/file_system.h"
#include "base/log.h"
#include "cli/assignments.h"
#include "cli/collect_sink.h"
#include "cli/command.h"
#include "cli/job_failure.h"
#include "cli/row_printer.h"
#include "cluster/registry.h"
#include "runtime/job.h"
#include "sql/plan/planner.h"

namespace millrace {

namespace {

struct SqlOptions {
    std::string file;
    std::string text;
    std::vector<std::string> parameters;
    std::vector<std::string> settings;
    std::string output = "table";
    std::string statistics;
};

std::atomic<bool> interrupted{false};

void onInterrupt(int) { interrupted = true; }

// What the process has used so far, of all cores.
double cpuSeconds() {
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    const auto seconds = [](const timeval& time) {
        return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
    };
    return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

// The most memory that the process has had. Not getrusage's, which starts from what the process before exec
// had.
int64_t peakMemoryBytes() {
    std::ifstream status("/proc/self/status");
    for (std::string line; std::getline(status, line);) {
        if (line.starts_with("VmHWM:")) return std::strtoll(line.c_str() + 6, nullptr, 10) * 1024;
    }
    return 0;
}

// What a job cost, as one line of JSON in a file.
class JobStatistics {
  public:
    explicit JobStatistics(const std::string& path) : path_(path) {}

    void note(const Job& job) {
        if (!path_.empty()) state_bytes_ = std::max(state_bytes_, job.details().state_bytes);
    }
    void write(const Job& job) {
        if (path_.empty()) return;
        note(job);
        const double seconds = static_cast<double>(systemClock().monotonicNanos() - started_ns_) / 1e9;
        std::ofstream out(path_, std::ios::app);
        out << fmt::format(
            "{{\"seconds\":{:.6f},\"cpu_seconds\":{:.6f},\"state_bytes\":{},\"peak_rss_bytes\":{}}}\n",
            seconds, cpuSeconds() - cpu_before_, state_bytes_, peakMemoryBytes());
        if (!out.flush()) throw UserError("io.failed", fmt::format("cannot write to '{}'", path_));
    }

  private:
    const std::string& path_;
    const int64_t started_ns_ = systemClock().monotonicNanos();
    const double cpu_before_ = cpuSeconds();
    int64_t state_bytes_ = 0;
};

// Runs the job to its end; on Ctrl-C it is cancelled. What it came to, or nothing if it was.
std::optional<JobDetails> runToEnd(const std::shared_ptr<const JobGraph>& graph,
                                   const std::string& statistics_path) {
    JobStatistics statistics(statistics_path);
    const auto job = Job::start(graph, JobOptions{});
    for (;;) {
        statistics.note(*job);
        switch (job->waitForEnd(100)) {
            case JobStatus::Finished:
                statistics.write(*job);
                return job->details();
            case JobStatus::Canceled:
                return std::nullopt;
            case JobStatus::Failed: {
                const JobDetails details = job->details();
                throw failureOf(details);
            }
            default:
                if (interrupted) job->cancel();
        }
    }
}

class SqlRun {
  public:
    explicit SqlRun(const SqlOptions& options) : options_(options), registry_(linkedConnectors()) {
        sql::SessionOptions session;
        session.registry = registry_;
        session.parameters = cli::parseAssignments("--param", options.parameters);
        session.configuration.set("restart-strategy.type", "none");
        session.configuration.merge(Configuration(cli::parseAssignments("--set", options.settings)));
        session.text_name = options.file;
        // A person watches: results, and the error that ends it. Failures that a restart mends are worth a
        // line.
        const bool restarts = session.configuration.find("restart-strategy.type") != "none";
        configureLog({.level = restarts ? LogLevel::Warn : LogLevel::Off});
        session_ = std::make_unique<sql::Session>(std::move(session));
    }

    int run(const std::string& text) {
        const auto script = session_->parse(text);
        for (size_t i = 0; i < sql::Session::statementCount(*script); i++) {
            const sql::StatementResult result = session_->execute(*script, i);
            switch (result.kind) {
                case sql::StatementResult::Kind::Done:
                    if (isatty(STDERR_FILENO) != 0 && !result.message.empty())
                        fmt::print(stderr, "{}\n", result.message);
                    break;
                case sql::StatementResult::Kind::Table:
                    printTable(result.table);
                    break;
                case sql::StatementResult::Kind::Insert:
                    if (!runToEnd(sql::planJob(result.plan, planOptions(nullptr)).graph, options_.statistics))
                        return 130;
                    break;
                case sql::StatementResult::Kind::Query:
                    if (!query(result)) return 130;
                    break;
                case sql::StatementResult::Kind::Analyze:
                    if (!analyze(result)) return 130;
                    break;
            }
        }
        return 0;
    }

  private:
    using Receive = std::function<void(const Batch&)>;

    sql::PlanOptions planOptions(Receive receive) const {
        sql::PlanOptions options;
        options.registry = registry_;
        options.configuration = session_->configuration();
        options.select_sink = [receive = std::move(receive)](const Schema& schema) {
            return cli::makeCollectSink(schema, receive);
        };
        return options;
    }

    bool query(const sql::StatementResult& result) {
        std::unique_ptr<cli::RowPrinter> printer;
        sql::PlanOptions options = planOptions([&](const Batch& batch) { printer->receive(batch); });
        // Operators combine the changes of a batch; who asks for every change gets those of every row.
        constexpr const char* kRowsMax = "millrace.batch.rows-max";
        if (options_.output == "changelog" && !options.configuration.has(kRowsMax))
            options.configuration.set(kRowsMax, "1");
        const auto job = sql::planJob(result.plan, options);
        printer = cli::makeRowPrinter(options_.output, result.schema, job.graph->bounded(), stdout);
        const bool finished = runToEnd(job.graph, options_.statistics).has_value();
        printer->finish();
        return finished;
    }

    bool analyze(const sql::StatementResult& result) {
        const sql::PlannedJob job = sql::planMeasuredJob(result.plan, planOptions(nullptr));
        const auto details = runToEnd(job.graph, options_.statistics);
        if (details) fmt::print("{}\n", sql::explainMeasured(job, *details));
        return details.has_value();
    }

    // EXPLAIN is one text; SHOW and the like are small tables.
    void printTable(const sql::ResultTable& table) {
        if (table.columns == std::vector<std::string>{"result"} && table.rows.size() == 1) {
            fmt::print("{}\n", table.rows.front().front());
            return;
        }
        std::vector<Field> fields;
        fields.reserve(table.columns.size());
        for (const std::string& column : table.columns)
            fields.push_back({column, LogicalType::string()});
        const Schema schema(std::move(fields));
        const auto printer = cli::makeRowPrinter(options_.output, schema, true, stdout);
        BatchBuilder builder(schema);
        for (const auto& row : table.rows) {
            std::vector<Value> values;
            values.reserve(row.size());
            for (const std::string& cell : row)
                values.push_back(Value::string(cell));
            builder.appendRow(values);
        }
        printer->receive(builder.finish());
        printer->finish();
    }

    const SqlOptions& options_;
    std::shared_ptr<const sql::ConnectorRegistry> registry_;
    std::unique_ptr<sql::Session> session_;
};

std::string textOf(const SqlOptions& options) {
    if (!options.text.empty()) return options.text;
    if (!options.file.empty()) return readFile(localFileSystem(), options.file);
    if (isatty(STDIN_FILENO) != 0) {
        throw UserError("cli.no-sql", "there is no SQL to run",
                        "give -f FILE or -e TEXT, or pipe the SQL in");
    }
    return {std::istreambuf_iterator<char>(std::cin), std::istreambuf_iterator<char>()};
}

}  // namespace

Command describeCommandsSql() {
    Command command;
    command.name = "sql";
    command.documentation = "Runs SQL statements in order and prints the rows of every SELECT";
    command.declare = [](CLI::App& app) {
        auto options = std::make_shared<SqlOptions>();
        auto* file = app.add_option("-f,--file", options->file, "a file of SQL");
        app.add_option("-e,--execute", options->text, "SQL text")->excludes(file);
        app.add_option("--param", options->parameters, "name=value: fills ${name} in the text")
            ->allow_extra_args(false);
        app.add_option("--set", options->settings, "key=value: a setting, as SET would")
            ->allow_extra_args(false);
        app.add_option("--output", options->output, "table, json, csv or changelog")
            ->check(CLI::IsMember({"table", "json", "csv", "changelog"}));
        app.add_option("--statistics", options->statistics,
                       "a file: for each job that ends, a line of JSON is appended that says what it cost");
        return [options]() -> int {
            struct sigaction action = {};
            action.sa_handler = onInterrupt;
            action.sa_flags = static_cast<int>(SA_RESETHAND);  // the second one ends the process
            sigaction(SIGINT, &action, nullptr);
            sigaction(SIGTERM, &action, nullptr);
            return SqlRun(*options).run(textOf(*options));
        };
    };
    return command;
}

}  // namespace millrace
