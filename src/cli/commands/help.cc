// millrace help [COMMAND]
#include <CLI/CLI.hpp>

#include "base/error.h"
#include "cli/command.h"

namespace millrace {

Command describeCommandsHelp() {
    Command command;
    command.name = "help";
    command.documentation = "Shows how to use a command";
    command.declare = [](CLI::App& app) {
        auto name = std::make_shared<std::string>();
        app.add_option("COMMAND", *name, "one of the commands; all of them are listed without");
        return [name, &app]() -> int {
            const CLI::App& all = *app.get_parent();
            if (name->empty()) {
                // Not all.help(): that is the help of the command that runs.
                fmt::print("{}",
                           all.get_formatter()->make_help(&all, all.get_name(), CLI::AppFormatMode::Normal));
                return 0;
            }
            std::vector<std::string> names;
            for (const CLI::App* one : all.get_subcommands({})) {
                if (one->get_name() == *name) {
                    fmt::print("{}", one->help());
                    return 0;
                }
                names.push_back(one->get_name());
            }
            const std::string nearest = nearestName(*name, names);
            throw UserError(
                "cli.unknown-command", fmt::format("there is no command '{}'", *name),
                nearest.empty() ? "`millrace help` lists them" : fmt::format("did you mean '{}'?", nearest));
        };
    };
    return command;
}

}  // namespace millrace
