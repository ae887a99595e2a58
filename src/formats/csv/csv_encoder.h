// Batches to CSV lines, as Flink's csv format (Jackson's generator) writes them.
#pragma once

#include <memory>

#include "formats/csv/csv_options.h"
#include "formats/format.h"

namespace millrace {

std::unique_ptr<Encoder> makeCsvEncoder(const Schema& schema, const CsvOptions& options);

}  // namespace millrace
