// millrace help [COMMAND]
#include <CLI/CLI.hpp>

#include "base/error.h"
#include "cli/command.h"

namespace millrace {

namespace {

const CLI::App& commandNamed(const CLI::App& app, const std::string& word) {
    std::vector<std::string> names;
    for (const CLI::App* one : app.get_subcommands([](const CLI::App*) { return true; })) {
        if (one->get_name() == word) return *one;
        names.push_back(one->get_name());
    }
    const std::string nearest = nearestName(word, names);
    throw UserError(
        "cli.unknown-command", fmt::format("there is no command '{}'", word),
        nearest.empty() ? "`millrace help` lists them" : fmt::format("did you mean '{}'?", nearest));
}

}  // namespace

Command describeCommandsHelp() {
    Command command;
    command.name = "help";
    command.documentation = "Shows how to use a command";
    command.declare = [](CLI::App& app) {
        auto words = std::make_shared<std::vector<std::string>>();
        app.add_option("COMMAND", *words, "one of the commands, in one word or more; all are listed without");
        return [words, &app]() -> int {
            const CLI::App* shown = app.get_parent();
            if (words->empty()) {
                // Not shown->help(): that is the help of the command that runs.
                fmt::print("{}", shown->get_formatter()->make_help(shown, shown->get_name(),
                                                                   CLI::AppFormatMode::Normal));
                return 0;
            }
            std::string above;
            for (const std::string& word : *words) {
                above += (above.empty() ? "" : " ") + shown->get_name();
                shown = &commandNamed(*shown, word);
            }
            fmt::print("{}", shown->help(above));
            return 0;
        };
    };
    return command;
}

}  // namespace millrace
