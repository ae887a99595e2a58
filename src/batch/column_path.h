// Columns of a schema, and fields within them.
#pragma once

#include <cstddef>
#include <vector>

#include "types/logical_type.h"

namespace millrace {

class Schema;

// A column, or a field within it: indexes from the outside in, all but the last of ROWs. The value of a field
// is NULL where a ROW around it is.
using ColumnPath = std::vector<size_t>;
// Name and type of what is there: "person_id" for the field `id` of the column `person`.
Field fieldAt(const Schema& schema, const ColumnPath& path);
Schema schemaOf(const Schema& schema, const std::vector<ColumnPath>& paths);
std::vector<ColumnPath> wholeColumns(const Schema& schema);

}  // namespace millrace
