// From an application package to its one job.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "cluster/application_package.h"
#include "sql/plan/planner.h"

namespace millrace {

// Substitutes the properties, parses, binds and plans. Throws UserError (sql::SqlError with all problems,
// places named by file) for code that cannot run, and "application.controlled-settings" for SET of what the
// service controls.
sql::PlannedJob planApplication(const ApplicationPackage& package);

// Settings that belong to the service: an application that sets one does not start.
bool isControlledSetting(std::string_view key);

}  // namespace millrace
