// Union: the rows of several inputs with the same columns, as they come. The runtime combines the watermarks.
#pragma once

#include "runtime/operator.h"

namespace millrace {

class Union final : public Operator {
  public:
    Union(size_t inputs, Schema schema, std::string text)
        : inputs_(inputs), schema_(std::move(schema)), text_(std::move(text)) {}
    std::string name() const override { return "Union(" + text_ + ")"; }
    const Schema& outputSchema() const override { return schema_; }
    size_t inputCount() const override { return inputs_; }
    std::unique_ptr<OperatorState> open(OperatorContext& context) const override;
    void process(OperatorState& state, size_t input, const Batch& batch, OperatorContext& context,
                 Output& output) const override;

  private:
    size_t inputs_;
    Schema schema_;
    std::string text_;
};

}  // namespace millrace
