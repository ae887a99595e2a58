// millrace test: .test files under every profile.
#include <CLI/CLI.hpp>

#include "base/log.h"
#include "cli/command.h"
#include "cli/query_test_runner.h"
#include "cluster/registry.h"

namespace millrace {

Command describeCommandsTest() {
    Command command;
    command.name = "test";
    command.documentation = "Runs .test files, or folders of them, under every profile";
    command.declare = [](CLI::App& app) {
        auto options = std::make_shared<cli::QueryTestOptions>();
        app.add_option("FILE", options->paths, "files and folders")->required();
        app.add_option("--profile", options->profile, "run under this profile alone");
        app.add_option("--junit", options->junit_path, "write a JUnit report to this file");
        return [options]() -> int {
            configureLog({.level = LogLevel::Error});  // tests provoke what would be warned of
            options->registry = linkedConnectors();
            return cli::runQueryTests(*options);
        };
    };
    return command;
}

}  // namespace millrace
