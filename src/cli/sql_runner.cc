#include "cli/sql_runner.h"

#include <sys/resource.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>

#include "base/clock.h"
#include "base/log.h"
#include "cli/assignments.h"
#include "cli/collect_sink.h"
#include "cli/job_failure.h"
#include "cluster/registry.h"
#include "functions/time_zone.h"
#include "operators/function_context.h"
#include "sql/plan/planner.h"

namespace millrace::cli {

namespace {

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

sql::PlanOptions planOptions(const sql::Session& session,
                             std::shared_ptr<const sql::ConnectorRegistry> registry,
                             std::function<void(const Batch&)> receive) {
    sql::PlanOptions options;
    options.registry = std::move(registry);
    options.configuration = session.configuration();
    options.select_sink = [receive = std::move(receive)](const Schema& schema) {
        return makeCollectSink(schema, receive);
    };
    return options;
}

Batch inLocalTime(const Batch& batch, const std::string& zone) {
    std::vector<ColumnPtr> columns;
    for (const ColumnPtr& column : batch.columns())
        columns.push_back(millrace::inLocalTime(column, zone));
    return batch.withColumns(std::move(columns));
}

// EXPLAIN is one text; SHOW and the like are small tables.
void printTable(const sql::ResultTable& table, const SqlRunner::Shown& shown) {
    if (table.columns == std::vector<std::string>{"result"} && table.rows.size() == 1) {
        fmt::print("{}\n", table.rows.front().front());
        return;
    }
    std::vector<Field> fields;
    fields.reserve(table.columns.size());
    for (const std::string& column : table.columns)
        fields.push_back({column, LogicalType::string()});
    const Schema schema(std::move(fields));
    const auto printer = shown.printer(schema, true);
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

}  // namespace

SqlRunner::SqlRunner(const SqlRunnerOptions& options, const std::atomic<bool>& interrupted)
    : interrupted_(interrupted), statistics_(options.statistics), registry_(linkedConnectors()) {
    sql::SessionOptions session;
    session.registry = registry_;
    session.parameters = parseAssignments("--param", options.parameters);
    session.configuration.set("restart-strategy.type", "none");
    session.configuration.merge(Configuration(parseAssignments("--set", options.settings)));
    session.text_name = options.text_name;
    session.jobs = [this] { return jobs_; };
    // A person watches: results, and the error that ends it. Failures that a restart mends are worth a line.
    const bool restarts = session.configuration.find("restart-strategy.type") != "none";
    configureLog({.level = restarts ? LogLevel::Warn : LogLevel::Off});
    session_ = std::make_unique<sql::Session>(std::move(session));
}

SqlRunner::~SqlRunner() = default;

bool SqlRunner::run(const std::string& text, const std::function<Shown()>& shown) {
    const auto script = session_->parse(text);
    for (size_t i = 0; i < sql::Session::statementCount(*script); i++) {
        const sql::StatementResult result = session_->execute(*script, i);
        if (!execute(result, shown())) return false;
    }
    return true;
}

bool SqlRunner::execute(const sql::StatementResult& result, const Shown& shown) {
    switch (result.kind) {
        case sql::StatementResult::Kind::Done:
            shown.message(result.message);
            return true;
        case sql::StatementResult::Kind::Table:
            printTable(result.table, shown);
            return true;
        case sql::StatementResult::Kind::Insert:
            return runToEnd(sql::planJob(result.plan, planOptions(*session_, registry_, nullptr)).graph)
                .has_value();
        case sql::StatementResult::Kind::Query:
            return query(result, shown);
        case sql::StatementResult::Kind::Analyze:
            return analyze(result);
    }
    return true;
}

// Runs the job to its end, or until it is interrupted. What it came to, or nothing if it was.
std::optional<JobDetails> SqlRunner::runToEnd(const std::shared_ptr<const JobGraph>& graph,
                                              RowPrinter* printer) {
    JobStatistics statistics(statistics_);
    const auto job = Job::start(graph, JobOptions{});
    const JobDetails begun = job->details();
    jobs_.push_back({begun.job_id, begun.name, "", begun.start_ms});
    for (;;) {
        statistics.note(*job);
        const JobStatus status = job->waitForEnd(100);
        jobs_.back().status = toString(status);
        switch (status) {
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
                if (printer != nullptr) printer->refresh();
                if (interrupted_) job->cancel();
        }
    }
}

bool SqlRunner::query(const sql::StatementResult& result, const Shown& shown) {
    std::unique_ptr<RowPrinter> printer;
    const std::string zone = localTimeZone(session_->configuration());
    sql::PlanOptions options = planOptions(*session_, registry_, [&](const Batch& batch) {
        printer->receive(printer->showsLocalTime() ? inLocalTime(batch, zone) : batch);
    });
    // Operators combine the changes of a batch; who asks for every change gets those of every row.
    constexpr const char* kRowsMax = "millrace.batch.rows-max";
    if (shown.every_change && !options.configuration.has(kRowsMax)) options.configuration.set(kRowsMax, "1");
    const auto job = sql::planJob(result.plan, options);
    printer = shown.printer(result.schema, job.graph->bounded());
    const bool finished = runToEnd(job.graph, printer.get()).has_value();
    finished ? printer->finish() : printer->stop();
    return finished;
}

bool SqlRunner::analyze(const sql::StatementResult& result) {
    const sql::PlannedJob job = sql::planMeasuredJob(result.plan, planOptions(*session_, registry_, nullptr));
    const auto details = runToEnd(job.graph);
    if (details) fmt::print("{}\n", sql::explainMeasured(job, *details));
    return details.has_value();
}

}  // namespace millrace::cli
