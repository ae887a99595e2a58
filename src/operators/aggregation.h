// What the aggregating operators share: a list of aggregate calls over columns of a batch, kept in rows of a
// KeyedTable.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "batch/batch.h"
#include "functions/function.h"
#include "state/keyed_table.h"

namespace millrace {

struct AggregateTerm {
    std::shared_ptr<const BoundAggregate> function;
    std::vector<size_t> arguments;  // input columns
    std::optional<size_t> filter;   // input column, BOOLEAN: only rows where it is TRUE count
    std::string name;               // of the function, lower case: names its fields in state
    std::string text;               // "COUNT(DISTINCT auction) FILTER (WHERE is_open)", for EXPLAIN
    // The function itself knows nothing of DISTINCT: it is given each value once
    // (operators/distinct_values.h).
    bool distinct = false;
    // Of one whose arguments are accumulators (functions/merging_aggregate.h): it was risesWithRows().
    bool rises_with_rows = false;
};

// COUNT(*): over input that only inserts, every row raises it.
bool risesWithRows(const AggregateTerm& term);

// Rows that hold accumulators: of a table's layout, or of any other that has the terms' fields one behind the
// other.
struct AccumulatorRows {
    // NOLINTNEXTLINE(google-explicit-constructor)
    AccumulatorRows(KeyedTable& table)
        : layout(table.layout()),
          first_field(static_cast<uint32_t>(table.firstValueField())),
          heap(table.heap()) {}
    AccumulatorRows(const RowLayout& row_layout, uint32_t first, RowHeap& row_heap)
        : layout(row_layout), first_field(first), heap(row_heap) {}

    const RowLayout& layout;
    uint32_t first_field;
    RowHeap& heap;
};

// The terms, laid out one after the other in the value fields of a state row, optionally led by a count of
// the rows that were accumulated less those retracted ("count").
class Aggregation {
  public:
    // With `rows_column`, a row of input stands for as many as this column of it says.
    Aggregation(std::vector<AggregateTerm> terms, bool counts_rows, std::optional<size_t> rows_column = {});

    const std::vector<AggregateTerm>& terms() const { return terms_; }
    size_t size() const { return terms_.size(); }
    bool countsRows() const { return counts_rows_; }
    Schema valueSchema() const;
    // The state's key: the columns `keys` of `input`, named and typed as snapshots keep them.
    static Schema keySchema(const Schema& input, std::span<const size_t> keys);

    struct Scratch {
        std::vector<uint32_t> selection;
        std::vector<std::byte*> rows;
        std::vector<int8_t> signs;
    };
    // Those of the rows of a batch (row i, or row selection[i] if that is not empty) that `chosen(row)` is
    // true of, with their `rows` and, unless nullptr, `signs`; without a branch on which they are, as that is
    // hard to foresee.
    template <class Chosen>
    static void choose(std::span<const uint32_t> selection, std::span<std::byte* const> rows,
                       const int8_t* signs, const Chosen& chosen, Scratch& into) {
        into.selection.resize(rows.size());
        into.rows.resize(rows.size());
        into.signs.resize(signs ? rows.size() : 0);
        size_t count = 0;
        for (size_t i = 0; i < rows.size(); ++i) {
            const auto row = selection.empty() ? static_cast<uint32_t>(i) : selection[i];
            into.selection[count] = row;
            into.rows[count] = rows[i];
            if (signs) into.signs[count] = signs[i];
            count += chosen(row) ? 1 : 0;
        }
        into.selection.resize(count);
        into.rows.resize(count);
        into.signs.resize(signs ? count : 0);
    }
    // Accumulates rows of `batch` into `rows[i]`: row i of the batch, or row selection[i] if it is not empty.
    // `signs` (one for each of `rows`, or nullptr) says what is retracted.
    // Passes over the terms that are given distinct values.
    void accumulate(const Batch& batch, std::span<const uint32_t> selection, std::span<std::byte* const> rows,
                    const int8_t* signs, const AccumulatorRows& accumulators, Scratch& scratch) const;
    // The same for one term alone, whatever its filter; `selection` is not empty.
    void accumulateTerm(size_t term, const Batch& batch, std::span<const uint32_t> selection,
                        std::span<std::byte* const> rows, const int8_t* signs,
                        const AccumulatorRows& accumulators) const;
    // Of a term whose accumulator is how often it was given values (COUNT), that field's place among the
    // value fields.
    std::optional<uint32_t> countField(size_t term) const;
    // Adds the accumulators of `from` to those of `into`, rows of one layout.
    void merge(const KeyedTable& table, std::byte* into, const std::byte* from, RowHeap& heap) const;
    ColumnPtr result(const KeyedTable& table, size_t term, std::span<std::byte* const> rows) const;
    // The row's own count; only if countsRows().
    int64_t count(const KeyedTable& table, const std::byte* row) const;

  private:
    AggregateInput inputOf(size_t term, const Batch& batch, const AccumulatorRows& accumulators,
                           std::vector<ColumnPtr>& arguments) const;

    std::vector<AggregateTerm> terms_;
    std::vector<uint32_t> first_fields_;  // among the value fields
    bool counts_rows_;
    std::optional<size_t> rows_column_;
};

// Marks a batch's retractions: +1 or -1 a row. False (and `signs` untouched) if there are none.
bool signsOf(const Batch& batch, std::vector<int8_t>& signs);

}  // namespace millrace
