// From a table's definition to its connector's source or sink. Private to plan/.
#pragma once

#include "sql/plan/nodes/scan.h"
#include "sql/plan/planner.h"

namespace millrace::sql {

// UserErrors lead to the place in the statement where the table is used.
std::shared_ptr<const Source> makeTableSource(const Rel& rel, const ScanRel& scan,
                                              const PlanOptions& options);
// What the table's connector can do for a query; a connector that is not there can do nothing.
bool takesFields(const TableDefinition& table, const PlanOptions& options);
bool acceptsFilter(const TableDefinition& table, const ColumnFilter& filter, const PlanOptions& options);
// Whether the rows of the table say how they change.
bool readsChanges(const TableDefinition& table, const PlanOptions& options);
std::shared_ptr<const Sink> makeTableSink(const LogicalSink& sink, const PlanOptions& options);

}  // namespace millrace::sql
