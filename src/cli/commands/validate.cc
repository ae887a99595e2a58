// millrace validate: every error of a file, without running anything.
#include <CLI/CLI.hpp>
#include <cstdio>

#include "cli/assignments.h"
#include "cli/command.h"
#include "cli/script_file.h"
#include "cluster/registry.h"

namespace millrace {

Command describeCommandsValidate() {
    Command command;
    command.name = "validate";
    command.documentation =
        "Parses, binds and plans a file of SQL without running it, and reports every error";
    command.declare = [](CLI::App& app) {
        auto file = std::make_shared<std::string>();
        auto parameters = std::make_shared<std::vector<std::string>>();
        app.add_option("FILE", *file, "the SQL; - is standard input")->required();
        app.add_option("--param", *parameters, "name=value: fills ${name} in the text")
            ->allow_extra_args(false);
        return [=]() -> int {
            const std::string text = cli::readScript(*file);
            sql::SessionOptions options;
            options.registry = linkedConnectors();
            options.parameters = cli::parseAssignments("--param", *parameters);
            options.text_name = *file;
            const std::vector<Problem> problems = sql::Session(options).validate(text);
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
