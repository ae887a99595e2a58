// The vectorised executor: evaluates expressions over a batch, or over the selected rows of one. Common
// sub-expressions are evaluated once; only columns that are used are touched. Holds scratch memory, so one
// per subtask.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "batch/batch.h"
#include "expr/expression.h"

namespace millrace {

class ExpressionExecutor {
  public:
    explicit ExpressionExecutor(const std::vector<ExpressionPtr>& expressions);
    ~ExpressionExecutor();
    ExpressionExecutor(ExpressionExecutor&&) noexcept;

    // One column an expression, over all rows, or over `selection` (gathered first).
    std::vector<ColumnPtr> evaluate(const FunctionContext& context, const Batch& batch);
    std::vector<ColumnPtr> evaluate(const FunctionContext& context, const Batch& batch,
                                    std::span<const uint32_t> selection);
    // The rows for which the first expression, BOOLEAN, is TRUE; what comes back are the others' columns over
    // these rows.
    std::vector<ColumnPtr> filter(const FunctionContext& context, const Batch& batch, Selection& out);
    // The rows for which the (only, BOOLEAN) expression is TRUE.
    void select(const FunctionContext& context, const Batch& batch, Selection& out);

  private:
    struct Program;
    std::unique_ptr<Program> program_;
};

// One expression over no columns.
Value evaluateConstant(const ExpressionPtr& expression, const FunctionContext& context);

}  // namespace millrace
