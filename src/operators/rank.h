// Rank: Top-N. Of each partition the rows with row numbers from `first` to `last` in the order of the sort
// columns (rows of equal keys: as they arrived), with or without the row number as a last column.
//
// Rank itself is for input that changes, and for an N above AppendRank's (operators/append_rank.h).
//
// State: table "rank" (operators/ordered_rows.h). Of input that only inserts, the first `last` rows of each
// partition are kept; of input that changes, all, since a row that leaves makes room for another.
//
// A batch makes the net change of each partition, in the order in which the batch touches them. With row
// numbers, or where there is only one, a place is updated: -U and +U (only +U where nothing downstream needs
// -U), +I for a new place, -D for one that is no more. Otherwise rows leave as -D and enter as +I, -D first.
// A retraction of a row that is not there is ignored, as in Flink (it happens after state has expired).
#pragma once

#include "operators/ordered_rows.h"
#include "operators/stateful_operator.h"

namespace millrace {

struct RankParameters {
    Schema input;
    std::vector<size_t> partition;
    std::vector<SortOrder> order;
    int64_t first = 1;
    int64_t last = 1;  // may be below `first`: then there are no such rows
    bool outputs_number = false;
    bool input_retracts = false;
    bool generates_update_before = true;
    Duration ttl;   // table.exec.state.ttl
    Schema output;  // the input's columns and, if outputs_number, the row number, BIGINT
    std::string text;
};

// The operator for Top-N: which of Rank, AppendRank and, for the first row alone, Deduplicate it is depends
// on the input and on N.
std::shared_ptr<const Operator> makeRank(RankParameters parameters);

class Rank final : public StatefulOperator {
  public:
    explicit Rank(RankParameters parameters);
    ~Rank() override;

    std::string name() const override { return "Rank(" + p_.text + ")"; }
    const Schema& outputSchema() const override { return p_.output; }
    std::vector<KeptState> keeps() const override;
    std::unique_ptr<OperatorState> open(OperatorContext& context) const override;
    void process(OperatorState& state, size_t input, const Batch& batch, OperatorContext& context,
                 Output& output) const override;

  private:
    struct State;
    struct Touched;
    void touch(State& state, uint32_t partition) const;
    void insert(State& state, size_t row) const;
    void retract(State& state, const Batch& batch, size_t row) const;
    std::vector<int64_t> window(State& state, uint32_t partition) const;
    void compare(State& state, const Touched& touched) const;
    void emitChanges(State& state, const Batch& batch, Output& output) const;
    void settle(State& state, const Batch& batch) const;

    RankParameters p_;
    bool by_place_;  // changes are of places, not of sets of rows
};

}  // namespace millrace
