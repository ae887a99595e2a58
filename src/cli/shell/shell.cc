#include "cli/shell/shell.h"

#include <fmt/format.h>
#include <signal.h>

#include <atomic>
#include <clocale>
#include <cstdio>
#include <cstdlib>

#include "base/clock.h"
#include "base/error.h"
#include "cli/shell/completer.h"
#include "cli/shell/line_editor.h"
#include "cli/shell/live_table.h"
#include "cli/shell/shell_settings.h"
#include "cli/shell/statement_text.h"

namespace millrace::cli {

namespace {

constexpr const char* kHelp =
    R"(Statements end with ';' and may have several lines. Tab completes, the arrow keys go
through the text and the statements before, Ctrl-R searches them, Ctrl-C stops a query
or throws away what was typed, Ctrl-D leaves.

  HELP;  \help        this text
  QUIT;  \quit  \q    leaves (or EXIT;)
  CLEAR; \clear       clears the screen

  SHOW TABLES;  SHOW FUNCTIONS;  DESCRIBE t;  EXPLAIN SELECT ...;  EXPLAIN ANALYZE SELECT ...;

  SET 'sql-client.execution.result-mode' = 'table';      a table that changes in place
                                         = 'changelog';  every change: +I -U +U -D
                                         = 'tableau';    rows as they come
  SET 'sql-client.display.print-time-cost' = 'false';    no times
)";

std::atomic<bool> interrupted{false};
std::atomic<bool> ended{false};

void onInterrupt(int) { interrupted = true; }
void onEnd(int) {
    ended = true;
    interrupted = true;
}

void handleSignals() {
    struct sigaction action = {};
    action.sa_handler = onInterrupt;
    sigaction(SIGINT, &action, nullptr);
    action.sa_handler = onEnd;
    sigaction(SIGTERM, &action, nullptr);
    sigaction(SIGHUP, &action, nullptr);
}

// libedit needs to know the terminal's characters; without a locale they are UTF-8.
void chooseCharacters() {
    const char* const chosen = std::setlocale(LC_CTYPE, "");
    if (chosen == nullptr || std::string_view(chosen) == "C" || std::string_view(chosen) == "POSIX")
        std::setlocale(LC_CTYPE, "C.UTF-8");
}

class Shell {
  public:
    Shell(const SqlRunnerOptions& options, const std::string& output)
        : runner_(options, interrupted),
          output_(output),
          completer_(runner_.session(), runner_.registry()),
          editor_(
              {"millrace> ", historyPath(), isWhole,
               [this](std::string_view text, size_t cursor) { return completer_.complete(text, cursor); }},
              interrupted, ended) {}

    int run() {
        fmt::print("Millrace {}. HELP; says what there is, Ctrl-D leaves.\n", MILLRACE_VERSION);
        while (!ended) {
            const auto text = editor_.read();
            if (!text) break;
            const auto command = shellCommandOf(*text);
            if (command == ShellCommand::Quit) {
                editor_.remember(*text);
                break;
            }
            if (command == ShellCommand::Help) fmt::print("{}", kHelp);
            if (command == ShellCommand::Clear) fmt::print("\x1b[H\x1b[2J");
            if (command != ShellCommand::Nothing) editor_.remember(*text);
            if (!command) execute(*text);
            std::fflush(stdout);
        }
        return ended ? 130 : 0;
    }

  private:
    void execute(const std::string& text) {
        interrupted = false;
        const int64_t started_ns = systemClock().monotonicNanos();
        try {
            const bool finished = runner_.run(text, [this] { return shown(); });
            if (!finished) fmt::print("Stopped.\n");
            if (ShellSettings::from(runner_.session().configuration()).print_time_cost)
                fmt::print("Time: {}\n", duration(systemClock().monotonicNanos() - started_ns));
        } catch (const sql::SqlError& error) {
            std::fputs(error.what(), stdout);
        } catch (const UserError& error) {
            std::fputs(renderProblem(error.problem()).c_str(), stdout);
        }
        interrupted = false;
    }

    static std::string duration(int64_t ns) {
        const double ms = static_cast<double>(ns) / 1e6;
        return ms < 1000 ? fmt::format("{:.1f} ms", ms) : fmt::format("{:.2f} s", ms / 1000);
    }

    SqlRunner::Shown shown() {
        const ShellSettings settings = ShellSettings::from(runner_.session().configuration());
        const bool changelog =
            output_.empty() ? settings.result_mode == ResultMode::Changelog : output_ == "changelog";
        const auto printer = [=, this](const Schema& schema, bool bounded) -> std::unique_ptr<RowPrinter> {
            if (!output_.empty()) return makeRowPrinter(output_, schema, bounded, stdout);
            switch (settings.result_mode) {
                case ResultMode::Table:
                    return makeLiveTable(schema, settings.table_rows_max, stdout);
                case ResultMode::Changelog:
                    return makeRowPrinter("changelog", schema, bounded, stdout);
                case ResultMode::Tableau:
                    break;
            }
            return makeRowPrinter("table", schema, false, stdout);  // rows as they come, whatever the input
        };
        return {printer, changelog,
                [](const std::string& message) { fmt::print("{}\n", message.empty() ? "Done." : message); }};
    }

    SqlRunner runner_;
    const std::string output_;
    Completer completer_;
    LineEditor editor_;
};

}  // namespace

int runShell(const SqlRunnerOptions& options, const std::string& output) {
    chooseCharacters();
    handleSignals();
    return Shell(options, output).run();
}

}  // namespace millrace::cli
