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
        size_t begin = 0;  // in Runs::rows
        size_t size = 0;
        size_t first_result = 0;  // rows before it are only looked at
        std::byte* accumulators = nullptr;

        size_t results() const { return size - first_result; }
    };
    // Runs with their rows, those of one behind those of the other. The order's rows must stay as they are.
    struct Runs {
        std::vector<Run> runs;
        std::vector<const OrderedRow*> rows;
        std::vector<uint8_t> peer;  // 1: equal to the row before in `order`

        void clear();
        void begin(uint32_t partition) { runs.push_back({partition, rows.size(), 0, 0, nullptr}); }
        void add(const OrderedRow& row, bool equals_before) {  // to the run begun last
            rows.push_back(&row);
            peer.push_back(equals_before ? 1 : 0);
            ++runs.back().size;
        }
        // One that goes on where the run begun last ends, led by that many of its rows.
        void beginBehind(size_t leading);
        void dropLast();  // the run begun last
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
    Results evaluate(OrderedRows& rows, Runs& runs, KeyedTable& accumulators) const;

  private:
    struct Work;
    static void dropExpired(Runs& runs, std::vector<std::byte*>& state_rows);
    void step(Work& work, size_t at) const;
    void leave(Work& work, size_t at) const;
    std::vector<ColumnPtr> columns(Work& work, const Runs& runs, std::span<const uint32_t> rows) const;
    std::vector<int64_t> ranks(const Runs& runs, bool dense) const;

    const OverParameters& p_;
    Aggregation aggregation_;
    std::vector<size_t> aggregate_of_;  // of each term that is one, its place in aggregation_
};

// Accumulators for runs that start afresh, one a run; their contents are dropped by release().
class FreshAccumulators {
  public:
    FreshAccumulators(const OverWindow& window, OperatorContext& context);
    KeyedTable& assign(OverWindow::Runs& runs);
    void release() { table_->dropNamespace(0); }

  private:
    std::unique_ptr<StateBackend> backend_;
    KeyedTable* table_;
    std::vector<uint64_t> hashes_;
    Selection selection_;
    std::vector<std::byte*> rows_;
};

}  // namespace millrace
