// Join: the regular join of two changing tables, of any type. Both inputs are kept (row_lists.h) for as long
// as the TTL says, since a row may meet another at any time. The changelog that comes out is right whatever
// goes in (Flink: StreamingJoinOperator, StreamingSemiAntiJoinOperator):
//
// An inner join puts out a row of the kind that came in for each row it meets. With an outer join, rows of a
// side that is kept whole go out padded with NULLs while they meet none, which is taken back when the first
// match comes and said again when the last one goes: so every row counts its matches. A semi or anti join
// puts out its left rows, and takes them back, by the same count. Rows of outer, semi and anti joins that do
// not pass through unchanged are +I and -D.
//
// A join that only a Top-1 reads may leave out what cannot become a first row (operators/best_pairs.h).
//
// Keys that are NULL meet nothing. A retraction of what is not there is ignored. In a batch, a row that comes
// and goes again is left out, and what is taken back goes first.
#pragma once

#include "operators/best_pairs.h"
#include "operators/join_rows.h"
#include "operators/stateful_operator.h"

namespace millrace {

struct RegularJoinParameters {
    JoinShape shape;
    Duration ttls[2];  // of each side: table.exec.state.ttl, or what the hint STATE_TTL says
    // Only of an inner join of inputs that only insert, without a TTL.
    std::optional<BestOnly> best;
    std::string text;
};

class RegularJoin final : public StatefulOperator {
  public:
    explicit RegularJoin(RegularJoinParameters parameters);
    ~RegularJoin() override;

    std::string name() const override { return "Join(" + p_.text + ")"; }
    const Schema& outputSchema() const override { return p_.shape.output; }
    size_t inputCount() const override { return 2; }
    std::vector<KeptState> keeps() const override;
    std::unique_ptr<OperatorState> open(OperatorContext& context) const override;
    void process(OperatorState& state, size_t input, const Batch& batch, OperatorContext& context,
                 Output& output) const override;

  private:
    struct State;
    void net(State& state, size_t side) const;
    void apply(State& state, size_t side, const Batch& batch, const Selection& rows, bool retract) const;
    void applyBest(State& state, size_t side) const;
    void applyToBest(State& state, size_t side) const;
    void pairUp(State& state, size_t side, const Batch& batch, uint32_t row, std::byte* other,
                bool retract) const;
    void putOutOwn(State& state, const Batch& batch, const Selection& rows, bool retract) const;

    RegularJoinParameters p_;
};

}  // namespace millrace
