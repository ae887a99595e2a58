// How a table's definition maps to the generator's columns.
#pragma once

#include "connectors/nexmark/nexmark_generator.h"
#include "runtime/connector.h"

namespace millrace {

// The schema of the benchmark's tables: event_type, and a ROW for each kind of event.
Schema nexmarkSchema();
// The columns that the table is asked for; UserError where a column of the table is none of the generator's.
NexmarkOutput nexmarkOutput(const TableSpec& spec);
// Whether the filter is on event_type. Every kind's events come in each epoch, so that leaving out others
// does not hold up event time.
bool nexmarkAccepts(const TableSpec& spec, const ColumnFilter& filter);

}  // namespace millrace
