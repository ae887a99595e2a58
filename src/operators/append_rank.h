// AppendRank: Top-N (operators/rank.h) of input that only inserts, for an N of at most kRowsMax: the first N
// rows of each partition are all there is to keep.
//
// State: "rank": those rows, keyed by a number (state/row_numbers.h), with "arrival", which orders rows of
// equal sort keys: a table where rows expire, else records (state/keyed_records.h). A row that enters a full
// partition takes the place of the one that leaves. Their order lies beside it in memory
// (operators/top_rows.h), has the records' addresses, and is made anew after a restore. Of the rows that a
// batch brings, only those are written that are still there at its end.
#pragma once

#include "operators/rank.h"
#include "operators/stateful_operator.h"

namespace millrace {

class AppendRank final : public StatefulOperator {
  public:
    static constexpr int64_t kRowsMax = 1024;

    explicit AppendRank(RankParameters parameters);
    ~AppendRank() override;

    std::string name() const override { return "Rank(" + p_.text + ")"; }
    const Schema& outputSchema() const override { return p_.output; }
    std::vector<KeptState> keeps() const override;
    std::unique_ptr<OperatorState> open(OperatorContext& context) const override;
    void process(OperatorState& state, size_t input, const Batch& batch, OperatorContext& context,
                 Output& output) const override;

  private:
    struct State;
    struct Touched;
    size_t window(size_t rows) const;  // of so many rows of a partition, how many are in the result
    void restore(State& state) const;
    void insertAll(State& state, size_t rows) const;
    void insert(State& state, size_t row) const;
    void compare(State& state, const Touched& touched) const;
    void compareSets(State& state, std::span<const int64_t> before, std::span<const int64_t> now) const;
    void emitChanges(State& state, const Batch& batch, Output& output) const;
    void findKept(State& state) const;
    void store(State& state, const Batch& batch) const;
    void dropExpired(State& state) const;

    RankParameters p_;
    bool by_place_;  // changes are of places, not of sets of rows
};

}  // namespace millrace
