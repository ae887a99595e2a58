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
#include "formats/json/json_steps.h"

namespace millrace {

// `kernel` is for tests, the fuzz target and benchmarks, which compare; nullptr keeps to the plain way.
std::unique_ptr<Decoder> makeJsonDecoder(const Schema& schema, const std::vector<ColumnPath>& projection,
                                         const JsonOptions& options,
                                         json::Kernel kernel = json::kernels().front().run);

}  // namespace millrace
