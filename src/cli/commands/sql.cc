// millrace sql: runs statements in order and shows what they give; on a terminal without any, the shell.
#include <signal.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <atomic>
#include <cstdio>

#include "cli/command.h"
#include "cli/row_printer.h"
#include "cli/script_file.h"
#include "cli/shell/shell.h"
#include "cli/sql_runner.h"

namespace millrace {

namespace {

struct SqlOptions {
    std::string file;
    std::string text;
    std::string output = "table";
    cli::SqlRunnerOptions runner;
};

std::atomic<bool> interrupted{false};

void onInterrupt(int) { interrupted = true; }

std::string textOf(const SqlOptions& options) {
    if (!options.text.empty()) return options.text;
    if (!options.file.empty()) return cli::readScript(options.file);
    if (isatty(STDIN_FILENO) != 0) {
        throw UserError(
            "cli.no-sql", "there is no SQL to run",
            "give -f FILE or -e TEXT, or pipe the SQL in; the shell needs a terminal for its answers, too");
    }
    return cli::readScript("-");
}

int runText(const SqlOptions& options) {
    struct sigaction action = {};
    action.sa_handler = onInterrupt;
    action.sa_flags = static_cast<int>(SA_RESETHAND);  // the second one ends the process
    sigaction(SIGINT, &action, nullptr);
    sigaction(SIGTERM, &action, nullptr);
    cli::SqlRunner::Shown shown{[&](const Schema& schema, bool bounded) {
                                    return cli::makeRowPrinter(options.output, schema, bounded, stdout);
                                },
                                options.output == "changelog",
                                [](const std::string& message) {
                                    if (isatty(STDERR_FILENO) != 0 && !message.empty())
                                        fmt::print(stderr, "{}\n", message);
                                }};
    const std::string text = textOf(options);
    return cli::SqlRunner(options.runner, interrupted).run(text, [&] { return shown; }) ? 0 : 130;
}

}  // namespace

Command describeCommandsSql() {
    Command command;
    command.name = "sql";
    command.documentation =
        "Runs SQL statements in order and prints the rows of every SELECT; on a terminal, a shell";
    command.declare = [](CLI::App& app) {
        auto options = std::make_shared<SqlOptions>();
        auto* file = app.add_option("-f,--file", options->file, "a file of SQL; - is standard input");
        auto* text = app.add_option("-e,--execute", options->text, "SQL text")->excludes(file);
        app.add_option("--param", options->runner.parameters, "name=value: fills ${name} in the text")
            ->allow_extra_args(false);
        app.add_option("--set", options->runner.settings, "key=value: a setting, as SET would")
            ->allow_extra_args(false);
        auto* output = app.add_option("--output", options->output, "table, json, csv or changelog")
                           ->check(CLI::IsMember({"table", "json", "csv", "changelog"}));
        app.add_option("--statistics", options->runner.statistics,
                       "a file: for each job that ends, a line of JSON is appended that says what it cost");
        return [=]() -> int {
            options->runner.text_name = options->file;
            const bool asked = file->count() + text->count() > 0;
            if (!asked && isatty(STDIN_FILENO) != 0 && isatty(STDOUT_FILENO) != 0)
                return cli::runShell(options->runner, output->count() > 0 ? options->output : "");
            return runText(*options);
        };
    };
    return command;
}

}  // namespace millrace
