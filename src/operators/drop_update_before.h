// DropUpdateBefore: makes a changelog one by key. Where every -U is followed by the +U of the same key, it is
// left out. Where a filter may have let only one of the two pass, it becomes -D: the row that follows, if
// there is one, puts the key back.
#pragma once

#include "runtime/operator.h"

namespace millrace {

class DropUpdateBefore final : public Operator {
  public:
    enum class Mode : uint8_t { Drop, AsDelete };
    DropUpdateBefore(Schema schema, Mode mode) : schema_(std::move(schema)), mode_(mode) {}
    std::string name() const override;
    const Schema& outputSchema() const override { return schema_; }
    std::unique_ptr<OperatorState> open(OperatorContext& context) const override;
    void process(OperatorState& state, size_t input, const Batch& batch, OperatorContext& context,
                 Output& output) const override;

  private:
    Schema schema_;
    Mode mode_;
};

}  // namespace millrace
