// CREATE TABLE ... LIKE: what the new table takes from the other one (Flink: MergeTableLikeUtil).
#pragma once

#include "sql/bind/create_table.h"

namespace millrace::sql {

// The table that LIKE names. UserError "sql.unknown-table", or "sql.wrong-kind" for a view.
CreateTable baseOf(const LikeClause& like, const Catalog& catalog);
// The statement's elements and the base's together, as its LIKE options say: INCLUDING takes a feature and
// fails where both have it, OVERWRITING prefers the statement's, EXCLUDING leaves the base's out. Without an
// option, OPTIONS are OVERWRITING and all else is INCLUDING. Physical columns always come along, first.
TableElements mergedWithBase(const CreateTable& statement, const CreateTable& base);

}  // namespace millrace::sql
