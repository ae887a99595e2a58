// The rows of a query as a table on a terminal that changes while the query runs: every change is applied to
// the table, and what fits the screen is drawn over what was there. Once the query has ended, all of it
// stands there; of one that was stopped, what fits.
#pragma once

#include <cstdio>
#include <memory>

#include "cli/row_printer.h"

namespace millrace::cli {

// Of more rows than `rows_max` the oldest give way.
std::unique_ptr<RowPrinter> makeLiveTable(const Schema& schema, size_t rows_max, std::FILE* out);

}  // namespace millrace::cli
