// JSON records to batches. Two ways through a record give the same answer:
//
// * The plain one parses with simdjson (on-demand), fields in any order.
// * The fast one expects what the last records looked like: the same field names, spelled and spaced the same
//   way, in the same order. It compares the bytes between the values and reads the values where they must be;
//   at the first surprise the row is rolled back, the other shapes that were met are tried, and then the
//   record goes the plain way, which also learns the new shape. So it never decides that a record is
//   malformed, and everything it accepts the plain one accepts.
#pragma once

#include <memory>
#include <vector>

#include "formats/format.h"
#include "formats/json/json_options.h"

namespace millrace {

// `speculative` false keeps to the plain way (tests and the fuzz target compare the two).
std::unique_ptr<Decoder> makeJsonDecoder(const Schema& schema, const std::vector<ColumnPath>& projection,
                                         const JsonOptions& options, bool speculative = true);

}  // namespace millrace
