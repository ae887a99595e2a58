// All rows of a partition in the order of sort columns, rows of equal keys as they arrived: what Top-N and
// window functions over changing input stand on.
//
// State: one keyed table, a row of input a state row, keyed by a number (state/row_numbers.h). Within a
// partition, numbers ascend in the order of arrival.
//
// Beside it, in memory and made anew after a restore, lies the order: for each partition the sort keys with
// the numbers of their rows. State rows are only touched a batch at a time, through the table.
#pragma once

#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <vector>

#include <absl/container/btree_set.h>

#include "base/node_pool.h"
#include "operators/partition_index.h"
#include "operators/sort_keys.h"
#include "runtime/operator.h"
#include "state/row_numbers.h"

namespace millrace {

struct OrderedRowsParameters {
    std::string name;  // of the table
    Schema columns;    // of a row
    Schema results;    // further fields of its state row, which the operator fills
    std::vector<size_t> partition;
    std::vector<SortOrder> order;
    bool hashes_rows = false;  // rows are looked for by their values
    // Rows are only ever looked up and erased by the order's entries, not by their numbers: where they do not
    // expire, they are then in no index.
    bool by_entry = false;
    Duration ttl;
    // How many of a partition's first rows the operator looks at: with a TTL, those are in state when a batch
    // is taken up.
    size_t looks_at = std::numeric_limits<size_t>::max();
};

struct OrderedRow {
    SortKey key;
    // Not part of what is ordered by until it differs between rows of one key: a number that is put in the
    // place of another must not change the order.
    mutable int64_t number = 0;
    uint64_t hash = 0;  // of all columns, if hashes_rows
    // Before and behind all rows of a key.
    static OrderedRow before(SortKey key, uint64_t hash = 0) {
        return {std::move(key), std::numeric_limits<int64_t>::min(), hash};
    }
    static OrderedRow behind(SortKey key) { return {std::move(key), std::numeric_limits<int64_t>::max()}; }

    // Where it lies in state, once it was looked up by itself; never where rows expire.
    mutable std::byte* state_row = nullptr;

    bool operator<(const OrderedRow& other) const {
        const auto order = key <=> other.key;
        return order != 0 ? order < 0 : number < other.number;
    }
};

class OrderedRows {
  public:
    using Rows = absl::btree_set<OrderedRow, std::less<>, NodeAllocator<OrderedRow>>;
    // A row of the batch at hand that is not kept yet has kPending + its index for a number.
    static constexpr int64_t kPending = RowNumbers::kEnd;

    OrderedRows(OrderedRowsParameters parameters, OperatorContext& context);

    // Takes up a batch: finds its rows' partitions and encodes their sort keys.
    void begin(const Batch& batch);
    uint32_t partitionOf(size_t row) const { return partition_of_[row]; }
    SortKey keyOf(size_t row) const { return {keys_, row}; }
    uint64_t hashOf(size_t row) const { return row_hashes_.empty() ? 0 : row_hashes_[row]; }
    OrderedRow pending(size_t row) const {
        return {keyOf(row), kPending + static_cast<int64_t>(row), hashOf(row)};
    }

    Rows& rows(uint32_t partition) { return rows_[partition]; }
    // The row of `partition` that is equal to row `row` of the batch, a retraction, in every column, or
    // end(). If several are, the one that arrived first. Only if hashes_rows; of rows of the batch, pending
    // ones and those that are kept.
    Rows::iterator find(uint32_t partition, const Batch& batch, size_t row);

    // Row `row` of the batch, which is in its partition as pending, gets a number, larger than any before;
    // store() then puts it into state. To be called in the order of the batch for rows of one key.
    int64_t keep(const OrderedRow& pending);
    // Whether a number was given to a row of the batch at hand.
    bool isFresh(int64_t number) const { return !kept_.empty() && number >= kept_.front().number; }
    void forget(int64_t fresh);      // its row has left the order again, and does not go into state
    void store(const Batch& batch);  // all that were kept since begin()
    uint32_t rowOf(int64_t fresh) { return freshOf(fresh).row; }  // of the batch
    void erase(std::span<const int64_t> numbers);
    void erase(std::span<const OrderedRow* const> rows);  // which have left the order
    // The state rows of numbers, only to be read; nullptr where one has expired. Not by_entry, of which each
    // row that was stored is to be asked for by its entry before the next batch.
    const std::vector<std::byte*>& stateRows(std::span<const int64_t> numbers);
    const std::vector<std::byte*>& stateRows(std::span<const OrderedRow* const> rows);
    // A column of state rows: of `columns`, then of `results`.
    ColumnPtr load(size_t column, std::span<std::byte* const> state_rows) const;
    // The input's columns of rows that are in state or, where state_rows[i] is nullptr, row batch_rows[i] of
    // the batch.
    ColumnPtr loadOrGather(size_t column, std::span<const std::byte* const> state_rows,
                           const ColumnPtr& batch, std::span<const uint32_t> batch_rows) const;
    // The results of state rows, in the order of `results`.
    void storeResults(std::span<std::byte* const> state_rows, std::span<const ColumnPtr> results);

    // Forgets a partition that has no rows.
    void dropIfEmpty(uint32_t partition);
    size_t partitions() const { return rows_.size(); }  // those that were forgotten, too

  private:
    static constexpr uint32_t kForgotten = UINT32_MAX;
    struct Kept {
        int64_t number;
        uint32_t row;                    // of the batch, or kForgotten
        std::byte* state_row = nullptr;  // once it is stored
    };
    KeyedStateDescriptor descriptor() const;
    void addPartitions();
    Kept& freshOf(int64_t number);
    void locate(std::span<const ColumnPtr> columns, size_t rows);
    void restore();
    void findCandidates(const Batch& batch);
    const std::byte* candidate(size_t row, const OrderedRow& entry);
    bool inPlace() const { return table_.descriptor().in_place; }
    // Rows that have expired leave the order, too.
    void dropExpired();
    void dropExpired(uint32_t partition);
    void sweep();

    OrderedRowsParameters p_;
    KeyedTable& table_;
    PartitionIndex index_;
    NodePool nodes_;          // of rows_
    std::vector<Rows> rows_;  // of each partition
    RowNumbers numbers_;

    // Of the batch at hand.
    std::vector<uint32_t> partition_of_;
    SortKeys keys_;
    std::vector<uint64_t> row_hashes_;
    std::vector<int64_t> candidates_;      // numbers, of retractions
    std::vector<uint32_t> candidates_of_;  // of each row, where they begin
    std::vector<std::byte*> candidate_rows_;
    std::vector<Kept> kept_;  // numbers ascend
    std::vector<int64_t> kept_numbers_;
    Selection kept_rows_;
    Selection all_kept_;  // 0, 1, 2 ...
    std::vector<std::byte*> state_rows_;
    std::vector<int64_t> looked_up_;
    std::vector<std::byte*> found_rows_;
    std::vector<const std::byte*> read_rows_;
    // With a TTL: where the search for expired rows in partitions that no batch touches is.
    uint32_t swept_partition_ = 0;
    OrderedRow swept_row_ = OrderedRow::before({});
};

}  // namespace millrace
