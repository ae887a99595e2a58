#include "sql/session.h"

#include <algorithm>

#include "sql/parse/parser.h"
#include "sql/statements.h"

namespace millrace::sql {

struct Script {
    Script(std::string_view text, const std::map<std::string, std::string>& parameters)
        : source(text, parameters), parsed(parseStatements(source)) {}

    SourceText source;
    ParseResult parsed;
};

struct Session::State : SessionState {};

namespace {

std::string renderAll(const std::vector<Problem>& problems, std::string_view text,
                      std::string_view text_name) {
    std::string out;
    for (const Problem& problem : problems) {
        if (!out.empty()) out += "\n";
        out += renderProblem(problem, text, text_name);
    }
    return out;
}

// The first problem's code, and the text of all.
Problem summary(const std::vector<Problem>& problems, std::string_view text, std::string_view text_name) {
    MILLRACE_CHECK(!problems.empty());
    Problem problem = problems.front();
    problem.message = renderAll(problems, text, text_name);
    return problem;
}

void sortByPlace(std::vector<Problem>& problems) {
    std::stable_sort(problems.begin(), problems.end(), [](const Problem& a, const Problem& b) {
        return std::pair(a.where.line, a.where.column) < std::pair(b.where.line, b.where.column);
    });
}

// Problems that only repeat that an earlier definition failed.
void dropFollowUps(std::vector<Problem>& problems) {
    if (problems.size() < 2) return;
    std::vector<Problem> own;
    std::copy_if(problems.begin(), problems.end(), std::back_inserter(own),
                 [](const Problem& problem) { return problem.code != "sql.follow-up"; });
    if (!own.empty()) problems = std::move(own);
}

void noteFailed(const ParseResult& parsed, SessionState& state) {
    for (const std::string& name : parsed.failed_definitions) {
        state.catalog.addBroken(name);
    }
}

}  // namespace

SqlError::SqlError(std::vector<Problem> problems, std::string_view text, std::string_view text_name)
    : UserError(summary(problems, text, text_name)), problems_(std::move(problems)) {}

Session::Session(SessionOptions options) : state_(std::make_unique<State>()), options_(std::move(options)) {
    state_->configuration = options_.configuration;
    state_->initial = options_.configuration;
    state_->registry = options_.registry;
    state_->jobs = options_.jobs;
}

Session::~Session() = default;

const Configuration& Session::configuration() const { return state_->configuration; }

std::shared_ptr<const Script> Session::parse(std::string_view text) const {
    auto script = std::make_shared<const Script>(text, options_.parameters);
    if (!script->parsed.problems.empty()) throw SqlError(script->parsed.problems, text, options_.text_name);
    return script;
}

size_t Session::statementCount(const Script& script) { return script.parsed.statements.size(); }

StatementResult Session::execute(const Script& script, size_t index) {
    MILLRACE_CHECK(index < script.parsed.statements.size());
    std::vector<Problem> problems;
    StatementResult result = executeStatement(script.parsed.statements[index], *state_, problems);
    if (!problems.empty()) throw SqlError(std::move(problems), script.source.original(), options_.text_name);
    return result;
}

LogicalPlan Session::compileApplication(std::string_view text) {
    const Script script(text, options_.parameters);
    std::vector<Problem> problems = script.parsed.problems;
    LogicalPlan plan;
    noteFailed(script.parsed, *state_);
    for (const Statement& statement : script.parsed.statements) {
        if (std::holds_alternative<QueryStatement>(statement.node)) {
            problems.push_back({"sql.select-without-reader",
                                "an application's SELECT has nobody to read its rows",
                                "INSERT INTO a table; one with the connector 'print' shows rows in the log",
                                statement.span});
            continue;
        }
        StatementResult result = executeStatement(statement, *state_, problems);
        if (result.kind == StatementResult::Kind::Analyze) {
            problems.push_back({"sql.select-without-reader",
                                "an application's EXPLAIN ANALYZE has nobody to read it",
                                "run it with `millrace sql`", statement.span});
            continue;
        }
        for (auto& sink : result.plan.sinks)
            plan.sinks.push_back(std::move(sink));
    }
    if (problems.empty() && plan.sinks.empty()) {
        problems.push_back(
            {"sql.nothing-to-run", "the application has no INSERT, so there is nothing to run", "", {}});
    }
    dropFollowUps(problems);
    sortByPlace(problems);
    if (!problems.empty()) throw SqlError(std::move(problems), text, options_.text_name);
    return plan;
}

std::vector<Problem> Session::validate(std::string_view text) const {
    const Script script(text, options_.parameters);
    std::vector<Problem> problems = script.parsed.problems;
    SessionState state = *state_;
    noteFailed(script.parsed, state);
    for (const Statement& statement : script.parsed.statements)
        executeStatement(statement, state, problems);
    dropFollowUps(problems);
    sortByPlace(problems);
    return problems;
}

}  // namespace millrace::sql
