// What `millrace sql` does with statements: runs them in order in one session, jobs to their end, and shows
// what they give.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cli/row_printer.h"
#include "runtime/job.h"
#include "sql/session.h"

namespace millrace::cli {

struct SqlRunnerOptions {
    std::vector<std::string> parameters;  // name=value
    std::vector<std::string> settings;    // key=value
    std::string text_name;                // leads places in messages
    std::string statistics;               // a file that a line of JSON is appended to for every job
};

class SqlRunner {
  public:
    // How the rows of a SELECT are shown. Made when its plan is known, and refreshed while the job runs.
    using MakePrinter = std::function<std::unique_ptr<RowPrinter>(const Schema& schema, bool bounded)>;

    // Once `interrupted` is set, the job that runs is cancelled. It outlives the runner.
    SqlRunner(const SqlRunnerOptions& options, const std::atomic<bool>& interrupted);
    ~SqlRunner();

    struct Shown {
        MakePrinter printer;
        bool every_change = false;  // those of every row, not of every batch
        std::function<void(const std::string&)> message;
    };
    // False if it was interrupted. Throws what is wrong: SqlError, or the job's failure.
    bool run(const std::string& text, const std::function<Shown()>& shown);

    sql::Session& session() { return *session_; }
    const sql::ConnectorRegistry& registry() const { return *registry_; }

  private:
    std::optional<JobDetails> runToEnd(const std::shared_ptr<const JobGraph>& graph,
                                       RowPrinter* printer = nullptr);
    bool query(const sql::StatementResult& result, const Shown& shown);
    bool analyze(const sql::StatementResult& result);
    bool execute(const sql::StatementResult& result, const Shown& shown);

    const std::atomic<bool>& interrupted_;
    std::string statistics_;
    std::shared_ptr<const sql::ConnectorRegistry> registry_;
    std::vector<sql::SessionJob> jobs_;  // that were run, the newest last
    std::unique_ptr<sql::Session> session_;
};

}  // namespace millrace::cli
