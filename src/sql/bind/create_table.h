// CREATE TABLE as written to a table's definition.
#pragma once

#include <vector>

#include "sql/bind/catalog.h"
#include "sql/bind/table_definition.h"
#include "sql/parse/ast.h"
#include "sql/session.h"

namespace millrace::sql {

// Adds what is wrong to `problems`, all of it; nullptr if there was anything.
TablePtr bindCreateTable(const CreateTable& statement, const Catalog& catalog,
                         const ConnectorRegistry* registry, std::vector<Problem>& problems);

}  // namespace millrace::sql
