// What this binary has linked in to stand behind a table: every connector and format of the tree.
#pragma once

#include <memory>

#include "sql/session.h"

namespace millrace {

std::shared_ptr<const sql::ConnectorRegistry> linkedConnectors();

}  // namespace millrace
