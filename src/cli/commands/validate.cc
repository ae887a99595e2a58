// millrace validate: every error of a file, without running anything.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>

#include "base/file_system.h"
#include "cli/assignments.h"
#include "cli/collect_sink.h"
#include "cli/command.h"
#include "cluster/registry.h"
#include "sql/plan/planner.h"

namespace millrace {

namespace {

// What only planning finds: connectors that cannot be used so, updates into a sink that takes inserts.
// Statements that do not bind were reported before; those after them are planned with what did bind.
std::vector<Problem> planningProblems(const std::string& text, const sql::SessionOptions& options) {
    std::vector<Problem> problems;
    sql::Session session(options);
    sql::PlanOptions plan_options;
    plan_options.registry = options.registry;
    plan_options.select_sink = [](const Schema& schema) {
        return cli::makeCollectSink(schema, [](const Batch&) {});
    };
    try {
        const auto script = session.parse(text);
        for (size_t i = 0; i < sql::Session::statementCount(*script); i++) {
            try {
                const sql::StatementResult result = session.execute(*script, i);
                if (result.plan.sinks.empty()) continue;
                plan_options.configuration = session.configuration();
                sql::planJob(result.plan, plan_options);
            } catch (const sql::SqlError&) {
            } catch (const UserError& error) {
                problems.push_back(error.problem());
            }
        }
    } catch (const sql::SqlError&) {
    }
    return problems;
}

bool sameProblem(const Problem& left, const Problem& right) {
    return left.code == right.code && left.message == right.message && left.where == right.where;
}

std::vector<Problem> allProblems(const std::string& text, const sql::SessionOptions& options) {
    std::vector<Problem> problems = sql::Session(options).validate(text);
    for (Problem& found : planningProblems(text, options)) {
        const bool known = std::any_of(problems.begin(), problems.end(),
                                       [&](const Problem& one) { return sameProblem(one, found); });
        if (!known) problems.push_back(std::move(found));
    }
    std::stable_sort(problems.begin(), problems.end(), [](const Problem& left, const Problem& right) {
        return std::pair(left.where.line, left.where.column) <
               std::pair(right.where.line, right.where.column);
    });
    return problems;
}

}  // namespace

Command describeCommandsValidate() {
    Command command;
    command.name = "validate";
    command.documentation =
        "Parses, binds and plans a file of SQL without running it, and reports every error";
    command.declare = [](CLI::App& app) {
        auto file = std::make_shared<std::string>();
        auto parameters = std::make_shared<std::vector<std::string>>();
        app.add_option("FILE", *file, "the SQL")->required();
        app.add_option("--param", *parameters, "name=value: fills ${name} in the text")
            ->allow_extra_args(false);
        return [=]() -> int {
            const std::string text = readFile(localFileSystem(), *file);
            sql::SessionOptions options;
            options.registry = linkedConnectors();
            options.parameters = cli::parseAssignments("--param", *parameters);
            options.text_name = *file;
            const std::vector<Problem> problems = allProblems(text, options);
            for (const Problem& problem : problems) {
                std::fputs((renderProblem(problem, text, *file) + "\n").c_str(), stderr);
            }
            if (problems.empty()) {
                fmt::print("{}: no errors\n", *file);
            } else {
                fmt::print(stderr, "{}: {} {}\n", *file, problems.size(),
                           problems.size() == 1 ? "error" : "errors");
            }
            return problems.empty() ? 0 : 1;
        };
    };
    return command;
}

}  // namespace millrace
