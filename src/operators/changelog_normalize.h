// ChangelogNormalize: of an upsert stream (+I, +U and -D by key, the latter with nothing but the key) the
// changelog with whole rows: +I, -U, +U, -D.
//
// State: table "changelog-normalize": the keys and the rest of the row that stands for them.
//
// A batch makes at most one change a key: what its last row says, against the row in state. A deletion of a
// key that is not there is dropped; so is, without a time to live, a row that changes nothing.
#pragma once

#include <vector>

#include "operators/stateful_operator.h"

namespace millrace {

struct ChangelogNormalizeParameters {
    Schema input;  // the output's columns, too
    std::vector<size_t> keys;
    bool generates_update_before = true;
    Duration ttl;  // table.exec.state.ttl
};

class ChangelogNormalize final : public StatefulOperator {
  public:
    explicit ChangelogNormalize(ChangelogNormalizeParameters parameters);

    std::string name() const override;
    const Schema& outputSchema() const override { return p_.input; }
    std::vector<KeptState> keeps() const override;
    std::unique_ptr<OperatorState> open(OperatorContext& context) const override;
    void process(OperatorState& state, size_t input, const Batch& batch, OperatorContext& context,
                 Output& output) const override;

  private:
    struct State;
    void findGroups(State& state, const Batch& batch) const;
    void findChanges(State& state, const Batch& batch) const;

    ChangelogNormalizeParameters p_;
    std::vector<size_t> values_;  // input columns that are no keys
};

}  // namespace millrace
