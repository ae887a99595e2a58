// The binary: parses the command line, runs one subcommand, and tells a person what went wrong.
//
// Exit status: 0 all is well; 1 what was asked for failed, for a reason that is shown; 2 the command line is
// wrong; 70 an invariant of ours is broken.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <exception>
#include <functional>

#include "base/error.h"
#include "cli/command.h"
#include "sql/session.h"

int main(int argc, char** argv) {
    using namespace millrace;
    CLI::App app("Millrace: streaming SQL applications, managed.", "millrace");
    app.require_subcommand(1);
    app.set_version_flag("--version", MILLRACE_VERSION);
    std::function<int()> chosen;
    for (const Command& command : commands()) {
        CLI::App* sub = app.add_subcommand(command.name, command.documentation);
        const auto body = command.declare(*sub);
        sub->callback([&chosen, body] { chosen = body; });
    }
    try {
        app.parse(argc, argv);
        return chosen();
    } catch (const CLI::ParseError& error) {
        const int status = app.exit(error);
        return status == 0 ? 0 : 2;
    } catch (const sql::SqlError& error) {
        std::fputs(error.what(), stderr);
        return 1;
    } catch (const UserError& error) {
        std::fputs(renderProblem(error.problem()).c_str(), stderr);
        return 1;
    } catch (const std::exception& error) {
        std::fprintf(stderr, "internal error: %s\nThis is a defect of Millrace, not of what you gave it.\n",
                     error.what());
        return 70;
    }
}
