// Calc: an optional condition, then a projection. Row kinds pass unchanged.
#pragma once

#include <vector>

#include "expr/expression.h"
#include "runtime/operator.h"

namespace millrace {

class Calc final : public Operator {
  public:
    // `condition` may be nullptr; `output` has a field for each expression of `projection`.
    Calc(ExpressionPtr condition, std::vector<ExpressionPtr> projection, Schema output);

    std::string name() const override;
    const Schema& outputSchema() const override { return output_; }
    std::unique_ptr<OperatorState> open(OperatorContext& context) const override;
    void process(OperatorState& state, size_t input, const Batch& batch, OperatorContext& context,
                 Output& output) const override;

  private:
    struct State;
    ExpressionPtr condition_;
    std::vector<ExpressionPtr> projection_;
    Schema output_;
    std::vector<ExpressionPtr> computed_;  // those of the projection that are more than a column
};

}  // namespace millrace
