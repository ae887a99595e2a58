// What the operators of window functions share: calls over a frame that ends at the current row, computed for
// runs of rows of many partitions at a time, one row of each partition a step.
#pragma once

#include <optional>

#include "operators/aggregation.h"
#include "operators/ordered_rows.h"

namespace millrace {

struct OverTerm {
    enum class Kind : uint8_t { Aggregate, Rank, DenseRank } kind = Kind::Aggregate;
    AggregateTerm aggregate;  // bound to retract if the frame has a lower bound
};

struct OverParameters {
    Schema input;
    std::vector<size_t> partition;
    std::vector<SortOrder> order;
    // The frame: rows, or, if `rows` is false, all that are equal to the current one in `order` with it. How
    // far back it reaches in rows or in terms of the only sort column; absent: to the first row.
    bool rows = false;
    std::optional<int64_t> preceding;
    std::vector<OverTerm> terms;
    Duration ttl;   // table.exec.state.ttl
    Schema output;  // the input's columns, then one a term
    std::string text;
};

class OverWindow {
  public:
    explicit OverWindow(const OverParameters& parameters);

    // A run of rows of one partition, in order.
    struct Run {
        uint32_t partition = 0;
        std::vector<int64_t> numbers;
        std::vector<uint8_t> peer;  // 1: equal to the row before in `order`
        size_t first_result = 0;    // rows before it are only looked at
        std::byte* accumulators = nullptr;

        void add(const OrderedRow& row, const OrderedRow* before) {
            numbers.push_back(row.number);
            peer.push_back(before != nullptr && before->key == row.key);
        }
        size_t results() const { return numbers.size() - first_result; }
    };
    // The terms' results for the rows from first_result on of each run, run by run.
    struct Results {
        std::vector<ColumnPtr> columns;
        std::vector<int64_t> numbers;
        std::vector<std::byte*> state_rows;
    };

    Schema accumulatorSchema() const { return aggregation_.valueSchema(); }
    // Takes the rows from state; accumulators go on from what they hold. Rows that have expired are taken out
    // of the runs first.
    Results evaluate(OrderedRows& rows, std::vector<Run>& runs, KeyedTable& accumulators) const;

  private:
    struct Work;
    void step(Work& work, size_t at) const;
    void leave(Work& work, size_t at) const;
    std::vector<ColumnPtr> columns(Work& work, std::span<const uint32_t> rows) const;
    std::vector<int64_t> ranks(const std::vector<Run>& runs, bool dense) const;

    const OverParameters& p_;
    Aggregation aggregation_;
    std::vector<size_t> aggregate_of_;  // of each term that is one, its place in aggregation_
};

// Accumulators for runs that start afresh, one a run; their contents are dropped by release().
class FreshAccumulators {
  public:
    FreshAccumulators(const OverWindow& window, OperatorContext& context);
    KeyedTable& assign(std::vector<OverWindow::Run>& runs);
    void release() { table_->dropNamespace(0); }

  private:
    std::unique_ptr<StateBackend> backend_;
    KeyedTable* table_;
};

}  // namespace millrace
