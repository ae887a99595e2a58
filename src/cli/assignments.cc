#include "cli/assignments.h"

#include "base/error.h"

namespace millrace::cli {

std::map<std::string, std::string> parseAssignments(const std::string& option,
                                                    const std::vector<std::string>& arguments) {
    std::map<std::string, std::string> values;
    for (const std::string& argument : arguments) {
        const size_t equals = argument.find('=');
        if (equals == std::string::npos || equals == 0) {
            throw UserError("cli.bad-assignment", fmt::format("{} '{}' has no value", option, argument),
                            fmt::format("write {} name=value", option));
        }
        values[argument.substr(0, equals)] = argument.substr(equals + 1);
    }
    return values;
}

}  // namespace millrace::cli
