// A subcommand of the binary: one file in src/cli/commands, ending in `Command describeCommands<Name>()`.
#pragma once

#include <functional>
#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace millrace {

struct Command {
    std::string name;
    std::string documentation;
    // Declares the options on its own App and returns what runs once they are parsed: the exit status. A
    // UserError that it throws is shown to the person, and the exit status is 1.
    std::function<std::function<int()>(CLI::App&)> declare;
};

const std::vector<Command>& commands();  // collected by the build

}  // namespace millrace
