// TemporalJoin: each row of the left input meets the version of the right table that held at the row's event
// time (Flink: TemporalRowTimeJoinOperator). A row goes out, as the kind of change that it is, once the
// watermark has passed its time, joined with the latest version of its key that is not later than it, or, of
// a LEFT join, padded if there is none, if it had been deleted by then, or if the pair does not meet the
// condition. Of rows of equal key and time the last version to arrive counts. So a left row that is taken
// back, at the time that it has, takes back what it was joined with. Of a key, changes that the watermark
// passes together go out in the order in which they came.
//
// The right input is a table by key: +I and +U are versions, -D ends one, all at their row's time; -U says
// nothing. A key that is NULL meets nothing.
//
// State: table "temporal-join": rows of either side (operators/ordered_rows.h) by key and time, with NULLs
// for the other side's columns and, if the left input changes, the kinds of its rows. Left rows go when they
// are sent; of the versions that the watermark has passed the latest one stays, unless it is a deletion. Left
// rows that come late meet that, if it is not later than they are.
#pragma once

#include "expr/expression.h"
#include "operators/join_type.h"
#include "operators/stateful_operator.h"

namespace millrace {

struct TemporalJoinParameters {
    JoinType type = JoinType::Inner;  // or Left
    Schema inputs[2];
    std::vector<size_t> keys[2];  // as many, of the same physical types
    size_t time_columns[2] = {0, 0};
    // Beyond equal keys, over the left columns and then the right ones; may be nullptr.
    ExpressionPtr condition;
    std::vector<size_t> columns;  // of the left and then the right ones: the output
    Schema output;
    bool left_changes = false;   // the left input does more than to insert
    bool right_deletes = false;  // the right table's rows can go
    Duration ttl;                // table.exec.state.ttl
    std::string text;
};

class TemporalJoin final : public StatefulOperator {
  public:
    explicit TemporalJoin(TemporalJoinParameters parameters);
    ~TemporalJoin() override;

    std::string name() const override { return "TemporalJoin(" + p_.text + ")"; }
    const Schema& outputSchema() const override { return p_.output; }
    size_t inputCount() const override { return 2; }
    std::vector<KeptState> keeps() const override;
    std::unique_ptr<OperatorState> open(OperatorContext& context) const override;
    void process(OperatorState& state, size_t input, const Batch& batch, OperatorContext& context,
                 Output& output) const override;
    void onWatermark(OperatorState& state, EventTime watermark, OperatorContext& context,
                     Output& output) const override;

  private:
    struct State;
    struct Due;
    Batch forState(size_t side, const Batch& batch) const;
    void collect(State& state, uint32_t partition, int64_t passed, Due& due) const;
    void forgetDeleted(State& state, const Due& due) const;
    void send(State& state, Due& due, OperatorContext& context, Output& output) const;

    TemporalJoinParameters p_;
    Schema rows_;      // of the state: keys, left columns, right columns, time, whose, gone, kind
    size_t first_[2];  // of each side's columns in it
    size_t time_ = 0;
    std::vector<size_t> condition_columns_;
};

}  // namespace millrace
