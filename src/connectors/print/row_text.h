// Rows as Flink's print connector shows them: Row.toString() of Java values, "+I[1, 2020-01-01T00:00, null]".
#pragma once

#include <string>

#include "batch/batch.h"

namespace millrace {

void appendRowText(const Batch& batch, size_t row, const Schema& schema, std::string& out);

}  // namespace millrace
