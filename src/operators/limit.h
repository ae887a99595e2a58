// Limit: of insert-only rows, those from `offset` on, at most `fetch`. Which rows these are is up to the
// order in which they come. Runs in one subtask. State: list "passed", the number of rows seen.
#pragma once

#include <optional>

#include "runtime/operator.h"

namespace millrace {

class Limit final : public Operator {
  public:
    Limit(Schema schema, int64_t offset, std::optional<int64_t> fetch);
    std::string name() const override;
    const Schema& outputSchema() const override { return schema_; }
    std::unique_ptr<OperatorState> open(OperatorContext& context) const override;
    void process(OperatorState& state, size_t input, const Batch& batch, OperatorContext& context,
                 Output& output) const override;
    void beforeBarrier(OperatorState& state, OperatorContext& context, Output& output) const override;

  private:
    struct State;
    Schema schema_;
    int64_t offset_;
    std::optional<int64_t> fetch_;
};

}  // namespace millrace
