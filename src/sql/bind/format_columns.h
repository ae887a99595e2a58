// Formats whose records have a schema of their own, which tells the columns of a table that names none.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "base/error.h"
#include "sql/parse/ast.h"
#include "types/logical_type.h"

namespace millrace::sql {

// Of the options of the table's records: those of the format, with the topic as "message.topic".
using FormatColumns = std::function<Schema(const std::map<std::string, std::string>& options)>;

// Said once, by whoever links the formats in; for every session of the process.
void setFormatColumns(std::map<std::string, FormatColumns> formats);

// The physical columns of a table that declares none. UserError "sql.no-columns" if its format cannot tell
// them.
Schema columnsOfFormat(const std::vector<OptionItem>& options, const TextSpan& table_span);

}  // namespace millrace::sql
