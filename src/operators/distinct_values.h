// The values that DISTINCT aggregates have seen, beside the groups' rows: a keyed table "distinct-<n>" for
// each list of arguments, shared by all aggregates over it whatever their filters (Flink's shared distinct
// state). A row is a group and a value. Over inserts it holds one bit for each aggregate that counts the
// value; over retractions, a number of rows for each. So a checkpoint of what changed is small however many
// values a group has, and a batch is one pass of prefetched look-ups a list.
//
// Over inserts a group whose key is wider than a number has one (operators/group_numbers.h), in the last
// field of its row, and its values are keyed by that: there are many more values than groups. Over
// retractions a group can go before its values do, when retractions overtake, and is then to find them again:
// by its key.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "operators/aggregation.h"
#include "runtime/operator.h"

namespace millrace {

class DistinctValues {
  public:
    // `keys` are the columns of `input` by which rows are grouped, and dealt out to subtasks.
    DistinctValues(const Schema& input, std::vector<size_t> keys, const std::vector<AggregateTerm>& terms,
                   bool retracts, Duration ttl);
    ~DistinctValues();

    class State {
      public:
        virtual ~State() = default;
    };
    // UserError "state.incompatible" where the snapshot has values in another form than it says.
    std::unique_ptr<State> openTables(OperatorContext& context) const;

    // What a group's row has behind its accumulators.
    std::vector<Field> groupFields() const;

    // There is a table for each list of arguments, with a row for each distinct value of these columns: the
    // group's and the arguments.
    size_t sets() const { return sets_.size(); }
    static std::string tableName(size_t set);
    std::vector<size_t> columns(size_t set) const;
    // How many neighbouring values share a row.
    uint32_t valuesOfARow(size_t set) const { return 1U << sets_[set].block_bits; }

    // Rows of a batch, and to which row of `table` each belongs.
    struct Rows {
        const Batch& batch;
        std::span<const ColumnPtr> keys;
        std::span<const uint64_t> hashes;     // of the keys, one a row of the batch
        std::span<const uint32_t> selection;  // empty: all
        std::span<std::byte* const> groups;
        const int8_t* signs = nullptr;  // one for each of `groups`
    };
    // Gives the terms that are distinct the values that are new to them, or that are gone.
    void accumulate(State& state, const Rows& rows, const Aggregation& aggregation, KeyedTable& table) const;

  private:
    struct Tables;
    struct Set {
        std::vector<size_t> arguments;
        std::vector<size_t> terms;
        std::vector<std::optional<size_t>> filters;  // of the terms
        uint32_t block_bits = 0;                     // of new state: k where 2^k values share a row
    };
    uint32_t blockBits(const Set& set) const;  // where there is no time to live
    void openBlocks(OperatorContext& context, Tables& state) const;
    static ColumnPtr inBlocks(Tables& state, const ColumnPtr& values, uint32_t block_bits, uint32_t stride);
    void accumulate(Tables& state, size_t set, const Rows& rows, const Aggregation& aggregation,
                    KeyedTable& table) const;
    void numberGroups(Tables& state, const Rows& rows, const RowLayout& groups) const;
    bool select(Tables& state, const Set& set, const Rows& rows) const;
    static void findBits(Tables& state, const Set& set, const Batch& batch);
    bool keepsBits(const Set& set) const;
    static void setTableBits(Tables& state, size_t index);
    void addBits(Tables& state, size_t index, const Aggregation& aggregation, KeyedTable& table) const;
    void addCounts(Tables& state, size_t index) const;

    Schema input_;
    std::vector<size_t> keys_;
    std::vector<Set> sets_;
    bool retracts_;
    Duration ttl_;
    bool numbered_ = false;  // values are keyed by the number of their group
};

}  // namespace millrace
