// IntersectExcept: INTERSECT [ALL] and EXCEPT [ALL] of changing tables. NULLs are equal to one another.
//
// State: table "set-operation", one row for each distinct row of the inputs, with how often each input has
// it. How often the result has it follows from that:
//
//   INTERSECT  once, if every input has it          INTERSECT ALL  as often as the input that has it least
//   EXCEPT     once, if only the first one has it   EXCEPT ALL     as often as the first one has it more
//
// What changes about it goes out at the end of a batch as +I or -D, once for each time; a row that comes and
// goes within a batch is no change. Over inputs that only insert, so does INTERSECT. A retraction of what is
// not there is ignored (it happens after state has expired).
#pragma once

#include "operators/stateful_operator.h"

namespace millrace {

enum class SetOperationKind : uint8_t { Intersect, Except };

struct IntersectExceptParameters {
    SetOperationKind kind = SetOperationKind::Intersect;
    bool all = false;
    size_t inputs = 2;  // EXCEPT has two
    Duration ttl;       // table.exec.state.ttl
    Schema output;      // every input has these columns, nullability aside
    std::string text;
};

class IntersectExcept final : public StatefulOperator {
  public:
    explicit IntersectExcept(IntersectExceptParameters parameters);
    ~IntersectExcept() override;

    std::string name() const override;
    const Schema& outputSchema() const override { return p_.output; }
    size_t inputCount() const override { return p_.inputs; }
    std::vector<KeptState> keeps() const override;
    std::unique_ptr<OperatorState> open(OperatorContext& context) const override;
    void process(OperatorState& state, size_t input, const Batch& batch, OperatorContext& context,
                 Output& output) const override;

  private:
    struct State;
    int64_t copies(const State& state, const std::byte* row) const;

    IntersectExceptParameters p_;
    std::vector<size_t> columns_;  // all
};

}  // namespace millrace
