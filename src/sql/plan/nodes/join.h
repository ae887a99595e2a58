// A join of two inputs.
#pragma once

#include <array>

#include "operators/join_type.h"
#include "sql/bind/logical_join.h"
#include "sql/plan/rel.h"

namespace millrace {
struct BestOnly;
}

namespace millrace::sql {

class JoinRel final : public RelNodeOf<JoinRel> {
  public:
    explicit JoinRel(const LogicalJoin& node);

    std::optional<std::string> digest() const override;
    void demand(const Rel& rel, const UsedColumns& used, std::span<UsedColumns* const> inputs) const override;
    MovedColumns prune(Rel& rel, const UsedColumns& used,
                       std::span<const MovedColumns* const> inputs) override;
    bool producesOnlyUsed() const override { return true; }
    Changelog changelog(std::span<const Changelog> inputs) const override;
    bool needsUpdateBefore(size_t, bool) const override { return true; }
    // A row before and after an update may meet different rows, or none.
    bool splitsUpdates() const override { return true; }
    size_t place(PhysicalBuilder& builder, const Rel& rel, const std::vector<size_t>& inputs) const override;

    JoinType type;
    // Columns of each input that must be equal, pair by pair, and what must hold besides, over the left
    // columns and then the right ones (nullptr: nothing). rules/find_join_keys.cc takes the keys out of the
    // condition.
    std::vector<size_t> keys[2];
    ExpressionPtr condition;
    StateTtls state_ttls;  // of a regular join
    // A window join (rules/recognise_window_joins.cc): the windows of both sides, and which key is their end.
    // Where an input is updated, it is joined as any other.
    std::shared_ptr<const WindowSpec> window;
    size_t window_end_key = 0;
    // Likewise an interval join, whose condition says so (rules/recognise_interval_joins.cc).
    std::optional<TimeBounds> bounds;
    // Rows of an input that cannot be the largest or smallest of their window, which the other input has, are
    // left out of it (rules/filter_by_running_extremes.cc).
    struct RunningExtreme {
        size_t time_column = 0;  // of the input
        size_t key = 0;          // its value is that of this pair of keys
        bool largest = true;
        std::shared_ptr<const WindowSpec> window;
        int64_t lower = 0;  // time - window end, in microseconds
        int64_t upper = 0;
    };
    std::optional<RunningExtreme> running_extremes[2];
    // A Top-1 alone reads the pairs: what cannot become a first row may be left out, if the inputs only
    // insert (rules/keep_best_pairs.cc).
    struct BestPairsWanted {
        size_t side = 0;             // whose columns order the pairs
        std::vector<SortKey> order;  // columns of that input
        bool within_keys = false;    // the Top-1's partitions are parts of the join's
    };
    std::optional<BestPairsWanted> best_pairs;
    std::vector<size_t> columns;  // those of the left and then the right input that it produces

  private:
    size_t placeRunningExtreme(PhysicalBuilder& builder, const Rel& rel, size_t side, size_t input) const;
    std::optional<BestOnly> bestOnly(const Rel& rel) const;
    std::array<UsedColumns, 2> reads(const UsedColumns& used, size_t left, size_t right) const;
};

// The left columns and then the right ones.
Schema pairSchema(const Rel& join);

}  // namespace millrace::sql
