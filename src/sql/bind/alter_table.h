// ALTER TABLE: the definition that a table has afterwards. What it stood for before is read back from the
// text of its CREATE TABLE, so that columns and watermark are bound as they would be had it been written so.
#pragma once

#include "sql/bind/create_table.h"

namespace millrace::sql {

// Any change but RENAME TO. UserError for what cannot be changed so; what is wrong with the new definition
// goes to `problems`, and nullptr comes back.
TablePtr bindAlterTable(const AlterObject& statement, const TableDefinition& table, const Catalog& catalog,
                        const ConnectorRegistry* registry, std::vector<Problem>& problems);

}  // namespace millrace::sql
