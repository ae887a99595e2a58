// Formats whose records have a schema of their own, which tells the columns of a table that names none.
#pragma once

#include <vector>

#include "base/error.h"
#include "sql/parse/ast.h"
#include "sql/session.h"

namespace millrace::sql {

// The physical columns of a table that declares none. UserError "sql.no-columns" if its format cannot tell
// them, or none is known without a registry.
Schema columnsOfFormat(const ConnectorRegistry* registry, const std::vector<OptionItem>& options,
                       const TextSpan& table_span);

}  // namespace millrace::sql
