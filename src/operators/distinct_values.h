// The values that DISTINCT aggregates have seen, beside the groups' rows: a keyed table "distinct-<n>" for
// each list of arguments, shared by all aggregates over it whatever their filters (Flink's shared distinct
// state). A row is a group and a value. Over inserts it holds one bit for each aggregate that counts the
// value; over retractions, a number of rows for each. So a checkpoint of what changed is small however many
// values a group has, and a batch is one pass of prefetched look-ups a list.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "operators/aggregation.h"
#include "runtime/operator.h"

namespace millrace {

class DistinctValues {
  public:
    DistinctValues(const std::vector<AggregateTerm>& terms, bool retracts);
    ~DistinctValues();

    class State {
      public:
        virtual ~State() = default;
    };
    // `keys` are the columns of `input` by which rows are grouped, and dealt out to subtasks.
    std::unique_ptr<State> open(OperatorContext& context, const Schema& input, std::span<const size_t> keys,
                                Duration ttl) const;

    // There is a table for each list of arguments; its keys are those of the group and then the arguments.
    size_t sets() const { return sets_.size(); }
    static std::string tableName(size_t set);
    std::vector<size_t> keyColumns(size_t set, std::span<const size_t> keys) const;

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
    };
    void accumulate(Tables& state, size_t set, const Rows& rows, const Aggregation& aggregation,
                    KeyedTable& table) const;
    bool select(Tables& state, const Set& set, const Rows& rows) const;
    void addBits(Tables& state, size_t set) const;
    void addCounts(Tables& state, size_t set) const;

    std::vector<Set> sets_;
    bool retracts_;
};

}  // namespace millrace
