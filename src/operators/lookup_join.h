// LookupJoin: JOIN ... FOR SYSTEM_TIME AS OF a processing-time attribute (Flink: LookupJoinRunner). Each row
// meets the rows that its table holds as it comes. The table is read whole when the operator opens, and
// again, before a batch, once the reload interval is over. Row kinds pass unchanged; nothing is kept in the
// job's state.
#pragma once

#include "operators/join_rows.h"
#include "runtime/source.h"

namespace millrace {

struct LookupJoinParameters {
    JoinShape shape;  // Inner or Left; the right input is the table
    // Columns of the two inputs that are computed, behind those that come.
    std::vector<ExpressionPtr> computed[2];
    std::shared_ptr<const Source> table;
    Duration reload_interval;  // 0: never
    std::string text;
};

class LookupJoin final : public Operator {
  public:
    explicit LookupJoin(LookupJoinParameters parameters);
    ~LookupJoin() override;

    std::string name() const override { return "LookupJoin(" + p_.text + ")"; }
    const Schema& outputSchema() const override { return p_.shape.output; }
    std::unique_ptr<OperatorState> open(OperatorContext& context) const override;
    void process(OperatorState& state, size_t input, const Batch& batch, OperatorContext& context,
                 Output& output) const override;

  private:
    struct State;
    void load(State& state, OperatorContext& context) const;

    LookupJoinParameters p_;
};

}  // namespace millrace
