// Files of SQL that commands are given.
#pragma once

#include <string>

namespace millrace::cli {

// The whole text: of a file, of a pipe as a shell makes of `<(...)`, or of standard input, which is "-".
// UserError "io.not-found", "io.failed".
std::string readScript(const std::string& path);

}  // namespace millrace::cli
