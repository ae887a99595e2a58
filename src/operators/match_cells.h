// Values that an expression of MATCH_RECOGNIZE takes from the rows of a match: of one row of a variable, or
// of an aggregate function over all of them. Computed for many matches at a time.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "operators/aggregation.h"
#include "runtime/operator.h"

namespace millrace {

struct MatchCell {
    enum class Kind : uint8_t { First, Last, Aggregate } kind = Kind::Last;
    std::optional<uint32_t> variable;  // of its rows; absent: of all rows of the match
    size_t column = 0;                 // First, Last
    int64_t offset = 0;                // First: rows on; Last: rows back
    AggregateTerm aggregate;
    LogicalType type;
};

// The rows of a match, in their order.
struct MatchedRows {
    std::vector<uint32_t> rows;  // of the batch that the columns are in
    std::vector<uint32_t> variables;
};

class MatchCells {
  public:
    MatchCells(std::vector<MatchCell> cells, const OperatorContext& context);
    ~MatchCells();

    // The column of cell `cell`, a row a match; `batch` has the columns that cells read.
    ColumnPtr compute(size_t cell, const Batch& batch, std::span<const MatchedRows> matches);

  private:
    std::vector<MatchCell> cells_;
    std::vector<size_t> term_of_;  // of each cell that is an aggregate
    Aggregation aggregation_;
    std::unique_ptr<StateBackend> scratch_;
    KeyedTable* accumulators_ = nullptr;
};

}  // namespace millrace
