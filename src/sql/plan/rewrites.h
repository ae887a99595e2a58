// What the rules of rules/ made of a plan, for EXPLAIN. Private to plan/.
#pragma once

#include "sql/plan/rel.h"

namespace millrace::sql {

// optimise(), with a line for each rule that changed the plan, in the order in which they first did: the
// rule's name, which is its file's, and what it does.
std::vector<std::string> optimiseTelling(RelRoots& roots, const PlanOptions& options);

}  // namespace millrace::sql
