// CSV records to batches, after RFC 4180 with Flink's options: quoted fields may hold line ends, and a record
// ends at LF or CRLF.
#pragma once

#include <memory>
#include <vector>

#include "formats/csv/csv_options.h"
#include "formats/format.h"

namespace millrace {

std::unique_ptr<Decoder> makeCsvDecoder(const Schema& schema, const std::vector<size_t>& projection,
                                        const CsvOptions& options);

}  // namespace millrace
