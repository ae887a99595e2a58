// "name=value" arguments.
#pragma once

#include <map>
#include <string>
#include <vector>

namespace millrace::cli {

// UserError "cli.bad-assignment" names the option and the argument without '='.
std::map<std::string, std::string> parseAssignments(const std::string& option,
                                                    const std::vector<std::string>& arguments);

}  // namespace millrace::cli
