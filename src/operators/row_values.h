// Columns into state rows, many rows at a time.
#pragma once

#include <span>
#include <vector>

#include "batch/row_layout.h"

namespace millrace {

// Field `field` of rows[i] becomes row selection[i] of `column` (row i if the selection is empty); what the
// field held before is released.
void storeColumn(const RowLayout& layout, size_t field, const Column& column,
                 std::span<const uint32_t> selection, std::span<std::byte* const> rows, RowHeap& heap);

// Sets different[i] where row i of the two columns is not the same: NULL is itself, and so is NaN.
void markDifferent(const Column& left, const Column& right, std::vector<uint8_t>& different);

// Fields of state for the columns of a schema: nullable, whatever the columns say.
Schema nullableSchema(const Schema& schema);

}  // namespace millrace
