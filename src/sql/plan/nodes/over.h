// Window functions over the rows of a partition.
#pragma once

#include "sql/bind/logical_over.h"
#include "sql/plan/rel.h"

namespace millrace::sql {

class OverRel final : public RelNodeOf<OverRel> {
  public:
    explicit OverRel(const LogicalOver& node);

    std::optional<std::string> digest() const override;
    void demand(const Rel& rel, const UsedColumns& used, std::span<UsedColumns* const> inputs) const override;
    MovedColumns prune(Rel& rel, const UsedColumns& used,
                       std::span<const MovedColumns* const> inputs) override;
    Changelog changelog(std::span<const Changelog> inputs) const override;
    bool startsUpdates() const override { return true; }
    bool needsUpdateBefore(size_t, bool) const override { return true; }
    std::string describe(const Rel& rel) const override { return "OverAggregate(" + text(rel) + ")"; }
    size_t place(PhysicalBuilder& builder, const Rel& rel, const std::vector<size_t>& inputs) const override;

    std::vector<size_t> partition;
    std::vector<SortKey> order;
    TimeAttribute order_time = TimeAttribute::None;  // of the only sort key
    // Partitions lie within the windows of a window function: its description, and window_end's place in
    // `partition`.
    std::shared_ptr<const WindowSpec> window;
    size_t window_end_key = 0;
    OverFrame frame;
    std::vector<OverCall> calls;  // their results are the last columns

  private:
    bool needsPartition() const;
    size_t placeInBatch(PhysicalBuilder& builder, const Rel& rel, const std::vector<size_t>& inputs) const;
    // In the order of a time attribute over input that only inserts, rows are sent once.
    bool appends(bool input_inserts) const;
    std::string text(const Rel& rel) const;
};

// For digests of what has a partition and an order.
std::string digestOf(const std::vector<SortKey>& order);

}  // namespace millrace::sql
