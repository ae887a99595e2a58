// ConstraintEnforcer: a NULL never reaches a NOT NULL column of a sink. As Flink's operator of that name
// (Flink documentation, "Configuration", table.exec.sink.not-null-enforcer): such a row fails the job, or is
// left out and counted.
#pragma once

#include <vector>

#include "runtime/operator.h"

namespace millrace {

enum class NotNullEnforcer : uint8_t {
    Error,  // UserError "data.null-in-not-null" that names the column
    Drop,   // the row is left out; the metric numNullRecordsDropped counts it
};

class ConstraintEnforcer final : public Operator {
  public:
    // `columns` of `schema` must not be NULL.
    ConstraintEnforcer(Schema schema, std::vector<size_t> columns, NotNullEnforcer mode);
    std::string name() const override;
    const Schema& outputSchema() const override { return schema_; }
    std::unique_ptr<OperatorState> open(OperatorContext& context) const override;
    void process(OperatorState& state, size_t input, const Batch& batch, OperatorContext& context,
                 Output& output) const override;

  private:
    struct State;
    Schema schema_;
    std::vector<size_t> columns_;
    NotNullEnforcer mode_;
};

}  // namespace millrace
