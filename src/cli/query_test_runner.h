// `millrace test`: runs .test files under every profile (docs/testing-sql.md).
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "sql/session.h"

namespace millrace::cli {

struct QueryTestOptions {
    std::vector<std::string> paths;  // files, and folders of them
    std::string profile;             // "" for all
    std::string junit_path;          // "" for no report
    std::shared_ptr<const sql::ConnectorRegistry> registry;
};

// Prints how each file went, and a last line `N passed, N failed`; returns the exit status.
int runQueryTests(const QueryTestOptions& options);

}  // namespace millrace::cli
