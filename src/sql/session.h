// The face of the SQL room: a session holds a catalog and settings, and turns SQL text into jobs.
//
//   Session session(options);
//   for (Script script = session.parse(text); ...)            -- `millrace sql`: statement by statement
//   PlannedJob job = session.compileApplication(text);        -- an application: the whole text is one job
//   std::vector<Problem> problems = session.validate(text);   -- nothing is run or kept
//
// An application's text is a sequence of statements. SET, CREATE and DROP take effect in order; all INSERTs
// and statement sets together become ONE job, as if they stood in one statement set (a cluster runs one job).
// A SELECT whose rows nobody could see is an error there.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/configuration.h"
#include "base/error.h"
#include "runtime/connector.h"
#include "sql/bind/logical_plan.h"

namespace millrace::sql {

struct Script;

// Everything that is wrong with a text. what() is all problems, each rendered with its line and caret.
class SqlError : public UserError {
  public:
    SqlError(std::vector<Problem> problems, std::string_view text, std::string_view text_name = {});
    const std::vector<Problem>& problems() const { return problems_; }

  private:
    std::vector<Problem> problems_;
};

// What can stand behind a table: src/connectors and src/formats as the caller linked them in. Outlives the
// session.
struct ConnectorRegistry {
    std::vector<ConnectorDescriptor> connectors;
    std::map<std::string, std::vector<OptionDescription>> formats;  // name -> its options, full keys
    // Of formats whose records have a schema of their own: the columns of a table that names none, by the
    // options of its records (the format's, and the topic as "message.topic").
    using FormatColumns = std::function<Schema(const std::map<std::string, std::string>& options)>;
    std::map<std::string, FormatColumns> format_columns;
};

// A line of SHOW JOBS.
struct SessionJob {
    std::string id, name, status;  // status as the Flink REST API calls it: "FINISHED"
    int64_t start_ms = 0;
};

struct SessionOptions {
    std::shared_ptr<const ConnectorRegistry> registry;
    Configuration configuration;                    // what SET starts from
    std::map<std::string, std::string> parameters;  // fill ${name} and ${group.key}
    std::string text_name;                          // leads places in messages: a file's name
    std::function<std::vector<SessionJob>()> jobs;  // that were run for the session; absent: none are
};

// The rows of SHOW, DESCRIBE, SET; EXPLAIN is one column, one row.
struct ResultTable {
    std::vector<std::string> columns;
    std::vector<std::vector<std::string>> rows;
};

struct StatementResult {
    enum class Kind {
        Done,     // DDL, SET key: nothing to show but `message`
        Table,    // `table`
        Query,    // SELECT: run `plan`, whose only sink has no table, and show rows of `schema`
        Insert,   // INSERT or a statement set: run `plan`
        Analyze,  // EXPLAIN ANALYZE: run planMeasuredJob() of `plan` and show explainMeasured()
    };
    Kind kind = Kind::Done;
    std::string message;  // "Table 'flights' has been created."
    ResultTable table;
    LogicalPlan plan;
    Schema schema;
};

class Session {
  public:
    explicit Session(SessionOptions options);
    ~Session();

    // Substitutes and parses; SqlError lists every syntax error. Statements are executed by index, in order.
    std::shared_ptr<const Script> parse(std::string_view text) const;
    static size_t statementCount(const Script& script);
    StatementResult execute(const Script& script, size_t index);

    // A whole application; SqlError lists every problem of every statement.
    LogicalPlan compileApplication(std::string_view text);

    // Every problem of every statement, in order of place; empty if all is well. Leaves the session as it
    // was.
    std::vector<Problem> validate(std::string_view text) const;

    const Configuration& configuration() const;

  private:
    struct State;
    std::unique_ptr<State> state_;
    SessionOptions options_;
};

}  // namespace millrace::sql
