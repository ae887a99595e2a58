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
// The same of fields from `first_field` on, one a column.
void storeColumns(const RowLayout& layout, size_t first_field, std::span<const ColumnPtr> columns,
                  std::span<const uint32_t> selection, std::span<std::byte* const> rows, RowHeap& heap);

// A column of rows that are in state or in a batch: field `field` of rows[i], or, where that is nullptr, row
// selection[i] of `column`. Strings of the batch are shared, and those of state where `heap`, theirs, lends
// them; else they are copied.
ColumnPtr loadOrGather(const RowLayout& layout, size_t field, std::span<const std::byte* const> rows,
                       const ColumnPtr& column, std::span<const uint32_t> selection, RowHeap& heap);

// Rows of two columns of one type as if they lay one behind the other: row i of `second` is row
// first->size() + i.
ColumnPtr gatherOfTwo(const ColumnPtr& first, const ColumnPtr& second, std::span<const uint32_t> selection);

// Sets different[i] where row i of the two columns is not the same: NULL is itself, and so is NaN.
void markDifferent(const Column& left, const Column& right, std::vector<uint8_t>& different);

// Fields of state for the columns of a schema: nullable, whatever the columns say.
Schema nullableSchema(const Schema& schema);

}  // namespace millrace
