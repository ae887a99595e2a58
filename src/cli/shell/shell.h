// The SQL shell: `millrace sql` on a terminal.
#pragma once

#include <string>

#include "cli/sql_runner.h"

namespace millrace::cli {

// Reads statements and runs them until Ctrl-D or QUIT; the exit status. `output` is a form of
// makeRowPrinter() for all results, or "": as the session's settings say.
int runShell(const SqlRunnerOptions& options, const std::string& output);

}  // namespace millrace::cli
