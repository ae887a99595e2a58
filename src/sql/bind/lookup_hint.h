// SELECT /*+ LOOKUP('table' = 'c', 'async' = 'true', ...) */: how Flink asks the table of a lookup join. Here
// a table is read whole and held, Flink's FULL cache: there is nothing to wait for, and, as there, no retry.
// So hints are checked by Flink's rules (LookupJoinHintOptions) and change nothing.
#pragma once

#include <vector>

#include "sql/bind/scope.h"
#include "sql/parse/ast.h"

namespace millrace::sql {

// Of a SELECT's hints those that are LOOKUP. UserError "sql.bad-hint" at options that Flink refuses, and at a
// table that is none of `from`.
void checkLookupHints(const std::vector<Hint>& hints, const Scope& from);

}  // namespace millrace::sql
