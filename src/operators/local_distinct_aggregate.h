// The first phase of a GROUP BY with DISTINCT aggregates, shown as LocalGroupAggregate, before rows are dealt
// out to subtasks by key: of each batch of input, which only inserts, the groups' accumulators of what is not
// DISTINCT, and the values that the DISTINCT aggregates have not seen.
//
// A group has a row for each such value, at least one: the k-th has the k-th value of every list of
// arguments, and only the first has accumulators. A value is left out where it is known to have gone out
// before: the last ones are remembered, in a cache that is in no snapshot, and what it has lost, or a
// restored job, is sent again. Lists of several arguments, and long strings, are always sent. Nothing waits:
// all of a batch goes out with it.
//
// The output is the keys, the accumulators, and for each list of DISTINCT arguments the value and, for each
// aggregate over it, whether it takes it ("$takes_<term>").
#pragma once

#include <optional>
#include <span>

#include "operators/aggregation.h"
#include "runtime/operator.h"

namespace millrace {

struct LocalDistinctAggregateParameters {
    Schema input;
    std::vector<size_t> keys;
    std::vector<AggregateTerm> terms;
    std::string text;
};

class LocalDistinctAggregate final : public Operator {
  public:
    explicit LocalDistinctAggregate(LocalDistinctAggregateParameters parameters);
    ~LocalDistinctAggregate() override;

    // Whether accumulators of what is not DISTINCT are flat, and so worth sending.
    static bool accepts(std::span<const AggregateTerm> terms);

    std::string name() const override { return "LocalGroupAggregate(" + p_.text + ")"; }
    const Schema& outputSchema() const override { return output_; }
    // What the second phase makes of the output: the same terms, merging.
    std::vector<AggregateTerm> mergingTerms() const;

    std::unique_ptr<OperatorState> open(OperatorContext& context) const override;
    void process(OperatorState& state, size_t input, const Batch& batch, OperatorContext& context,
                 Output& output) const override;

  private:
    struct State;
    class SentValues;
    struct Values;
    struct DistinctSet {
        std::vector<size_t> arguments;  // input columns
        std::vector<size_t> terms;      // of p_.terms
        size_t first_column = 0;        // of the output
    };
    void makeSets();
    void numberGroups(State& state) const;
    void accumulate(State& state, const Batch& batch) const;
    void findTerms(State& state, size_t set, const Batch& batch) const;
    void findNewValues(State& state, size_t set, const Batch& batch) const;
    void placeValues(State& state) const;
    void emit(State& state, const Batch& batch, Output& output) const;

    LocalDistinctAggregateParameters p_;
    Aggregation aggregation_;  // of the terms that are not DISTINCT
    RowLayout layout_;         // of its accumulators
    std::vector<DistinctSet> sets_;
    Schema output_;
};

}  // namespace millrace
