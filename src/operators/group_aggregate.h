// GroupAggregate: GROUP BY whose result is updated by every batch.
//
// State: table "group-aggregate", one row a group: the keys, the number of rows it holds (only where the
// input has retractions) and the accumulators. What was last emitted is not kept: it is computed from the
// accumulators before they change. DISTINCT aggregates keep their values beside it (distinct_values.h).
//
// A batch makes at most one change a group: +I for a new one, -U and +U if its result changed (only +U where
// nothing downstream needs -U), -D when its last row was retracted, nothing if its result is what it was. A
// retraction for a group that does not exist is ignored, as in Flink (it happens after state has expired).
// Groups come in the order of their first row in the batch.
//
// Without keys there is one group in all, held by subtask 0. If it has no rows when the input ends, it is
// emitted as +I (COUNT 0, the rest NULL): the answer for empty input by the SQL standard and in Flink's batch
// mode. While input goes on, nothing is emitted for no rows, as in Flink's streaming mode.
//
// As the second of two phases it merges what LocalGroupAggregate has made of batches; its state is the same.
//
// Without terms it is SELECT DISTINCT: over insert-only input, so is its output.
#pragma once

#include "operators/aggregation.h"
#include "operators/distinct_values.h"
#include "operators/stateful_operator.h"

namespace millrace {

struct GroupAggregateParameters {
    Schema input;
    std::vector<size_t> keys;
    std::vector<AggregateTerm> terms;
    bool input_retracts = false;
    bool merges = false;                // the input is LocalGroupAggregate's: its terms are merging ones, and
    std::optional<size_t> rows_column;  // where its rows retract, this says how many a row stands for
    bool generates_update_before = true;
    Duration ttl;   // table.exec.state.ttl
    Schema output;  // the keys, then the terms
    std::string text;
};

class GroupAggregate final : public StatefulOperator {
  public:
    explicit GroupAggregate(GroupAggregateParameters parameters);
    ~GroupAggregate() override;

    std::string name() const override {
        return (p_.merges ? "GlobalGroupAggregate(" : "GroupAggregate(") + p_.text + ")";
    }
    const Schema& outputSchema() const override { return p_.output; }
    std::vector<KeptState> keeps() const override;
    std::unique_ptr<OperatorState> open(OperatorContext& context) const override;
    void process(OperatorState& state, size_t input, const Batch& batch, OperatorContext& context,
                 Output& output) const override;
    void onEndOfInput(OperatorState& state, OperatorContext& context, Output& output) const override;

  private:
    struct State;
    void findGroups(State& state, const Batch& batch) const;
    void dropLeadingRetractions(State& state) const;
    std::vector<ColumnPtr> results(const State& state) const;
    void emitChanges(State& state, const Batch& batch, const std::vector<ColumnPtr>& before,
                     const std::vector<ColumnPtr>& after, Output& output) const;

    GroupAggregateParameters p_;
    Aggregation aggregation_;
    DistinctValues distinct_;
    bool
        always_changes_;  // whatever a batch brings changes its group's result, whose former one nobody needs
};

}  // namespace millrace
