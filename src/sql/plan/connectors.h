// From a table's definition to its connector's source or sink. Private to plan/, but
// for SHOW PARTITIONS.
#pragma once

#include "sql/plan/nodes/scan.h"
#include "sql/plan/planner.h"

namespace millrace::sql {

// The physical and the metadata columns of a table, in order: those of its storedSchema().
std::vector<const TableColumn*> storedColumns(const TableDefinition& table);
// UserErrors lead to the place in the statement where the table is used.
std::shared_ptr<const Source> makeTableSource(const Rel& rel, const ScanRel& scan,
                                              const PlanOptions& options);
// What the table's connector can do for a query; a connector that is not there can do nothing.
bool takesFields(const TableDefinition& table, const PlanOptions& options);
bool acceptsFilter(const TableDefinition& table, const ColumnFilter& filter, const PlanOptions& options);
// Whether the rows of the table say how they change.
bool readsChanges(const TableDefinition& table, const PlanOptions& options);
bool readsUpserts(const TableDefinition& table, const PlanOptions& options);
// The values of the partition keys, of each partition there is, sorted.
std::vector<std::vector<std::string>> partitionsOf(const TableDefinition& table, const PlanOptions& options,
                                                   const TextSpan& where);
std::shared_ptr<const Sink> makeTableSink(const LogicalSink& sink, const PlanOptions& options);
// Columns of `from` cast to the types of `to`; nothing if none has to be. Metadata columns of `table` may be
// declared with other types than their connector gives them.
std::vector<ExpressionPtr> metadataCasts(const TableDefinition& table, const Schema& from, const Schema& to);

}  // namespace millrace::sql
