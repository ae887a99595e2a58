// The rows of a query as a table on a terminal that changes while the query runs: every change is applied to
// the table, and what fits the screen is drawn over what was there. Once the query has ended, all of it
// stands there.
#pragma once

#include <cstdio>
#include <memory>

#include "cli/row_printer.h"

namespace millrace::cli {

struct LiveTableOptions {
    size_t rows_max = 1'000'000;  // the oldest give way
    bool bounded = false;  // all rows are printed at the end; of others those that are left on the screen
};

std::unique_ptr<RowPrinter> makeLiveTable(const Schema& schema, const LiveTableOptions& options,
                                          std::FILE* out);

}  // namespace millrace::cli
