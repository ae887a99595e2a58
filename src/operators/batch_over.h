// BatchOver: window functions over whole partitions, whose frames may reach behind the current row. Rows are
// kept until the input ends, changes folded; then each comes once, with its results, partition by partition
// in the order of the sort keys. They come before the final watermark, so that event time goes on with them,
// and no watermark goes before them.
//
// State: table "over" (operators/ordered_rows.h), the input's columns.
#pragma once

#include <optional>

#include "operators/aggregation.h"
#include "operators/ordered_rows.h"
#include "operators/stateful_operator.h"

namespace millrace {

struct BatchOverTerm {
    enum class Kind : uint8_t {
        Aggregate,
        RowNumber,
        Rank,
        DenseRank,
        PercentRank,
        CumeDist,
        Ntile,  // `offset` buckets
        Shift,  // the value `offset` rows on; arguments: value and, where there is no such row, default
        FirstOfFrame,  // arguments: value
        LastOfFrame,
    } kind = Kind::Aggregate;
    AggregateTerm aggregate;        // bound to retract if the frame has a lower bound
    std::vector<size_t> arguments;  // of the other kinds
    int64_t offset = 0;             // Shift: negative for rows before; Ntile
    bool ignores_nulls = false;     // Shift: passes over rows with NULL
};

struct BatchOverParameters {
    Schema input;
    std::vector<size_t> partition;
    std::vector<SortOrder> order;
    // The frame: in rows, or, if `rows` is false, in terms of the sort keys; from where to where, relative to
    // the current row (0: it, or all that are equal to it in `order`). Absent: to the partition's first or
    // last row.
    bool rows = false;
    std::optional<int64_t> from;
    std::optional<int64_t> to;
    std::vector<BatchOverTerm> terms;
    bool input_retracts = false;
    Schema output;  // the input's columns, then one a term
    std::string text;
};

class BatchOver final : public StatefulOperator {
  public:
    explicit BatchOver(BatchOverParameters parameters);
    ~BatchOver() override;

    std::string name() const override { return "OverAggregate(" + p_.text + ")"; }
    const Schema& outputSchema() const override { return p_.output; }
    std::vector<KeptState> keeps() const override;
    std::unique_ptr<OperatorState> open(OperatorContext& context) const override;
    void process(OperatorState& state, size_t input, const Batch& batch, OperatorContext& context,
                 Output& output) const override;
    void onWatermark(OperatorState& state, EventTime watermark, OperatorContext& context,
                     Output& output) const override;

  private:
    struct State;
    struct Partition;
    struct Work;
    void frames(Work& work) const;
    void byDistance(Work& work, Partition& partition) const;
    std::vector<ColumnPtr> aggregates(State& state, Work& work) const;
    ColumnPtr ranks(const Work& work, const BatchOverTerm& term, const LogicalType& type) const;
    ColumnPtr shifted(const Work& work, const BatchOverTerm& term, const LogicalType& type) const;
    ColumnPtr ofFrame(const Work& work, const BatchOverTerm& term, const LogicalType& type) const;
    void emit(State& state, std::span<const uint32_t> partitions, Output& output) const;

    BatchOverParameters p_;
    Aggregation aggregation_;
};

}  // namespace millrace
