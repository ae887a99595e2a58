// Sort: ORDER BY, with OFFSET and LIMIT, over bounded input: rows are held until the input ends, changes
// folded, and then emitted in order, insert-only. Rows that the keys do not tell apart are ordered by all
// their columns, so that the answer does not depend on the order of arrival. With a limit and insert-only
// input, only so many rows are held. Runs in one subtask. State: list "rows", each row as encodeRow() writes
// it.
#pragma once

#include <optional>
#include <vector>

#include "operators/stateful_operator.h"

namespace millrace {

struct SortOrder {
    size_t column = 0;
    bool descending = false;
    bool nulls_first = true;
};

class Sort final : public StatefulOperator {
  public:
    Sort(Schema schema, std::vector<SortOrder> order, int64_t offset, std::optional<int64_t> fetch,
         bool input_retracts);
    std::string name() const override;
    const Schema& outputSchema() const override { return schema_; }
    std::vector<KeptState> keeps() const override;
    std::unique_ptr<OperatorState> open(OperatorContext& context) const override;
    void process(OperatorState& state, size_t input, const Batch& batch, OperatorContext& context,
                 Output& output) const override;
    void beforeBarrier(OperatorState& state, OperatorContext& context, Output& output) const override;
    void onEndOfInput(OperatorState& state, OperatorContext& context, Output& output) const override;

  private:
    struct State;
    Schema schema_;
    std::vector<SortOrder> order_;
    int64_t offset_;
    std::optional<int64_t> fetch_;
    bool input_retracts_;
};

}  // namespace millrace
