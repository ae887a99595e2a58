// Reads a bounded source to its end at once, outside the job's own reading: tables that are looked up are
// held whole (Flink's full caching).
#pragma once

#include <vector>

#include "runtime/source.h"

namespace millrace {

std::vector<Batch> scanSource(const Source& source, OperatorContext& context);

}  // namespace millrace
