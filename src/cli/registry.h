// The connectors and formats of this binary, as a SQL session takes them.
#pragma once

#include <memory>

#include "sql/session.h"

namespace millrace::cli {

std::shared_ptr<const sql::ConnectorRegistry> connectorRegistry();

}  // namespace millrace::cli
