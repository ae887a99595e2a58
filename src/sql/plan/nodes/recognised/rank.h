// Top-N: of each partition the rows between two row numbers, and, if anybody reads it, their row number.
#pragma once

#include "sql/plan/nodes/over.h"

namespace millrace::sql {

class RankRel final : public RelNodeOf<RankRel> {
  public:
    // The row number is the last column of the node, until it is pruned.
    RankRel(const OverRel& over, int64_t first, int64_t last);

    std::optional<std::string> digest() const override;
    void demand(const Rel& rel, const UsedColumns& used, std::span<UsedColumns* const> inputs) const override;
    MovedColumns prune(Rel& rel, const UsedColumns& used,
                       std::span<const MovedColumns* const> inputs) override;
    Changelog changelog(std::span<const Changelog> inputs) const override;
    bool startsUpdates() const override { return true; }
    bool needsUpdateBefore(size_t, bool) const override { return true; }
    std::string describe(const Rel& rel) const override;
    size_t place(PhysicalBuilder& builder, const Rel& rel, const std::vector<size_t>& inputs) const override;

    // Of each partition only the very first row, in an order that is not the one of time.
    bool isFirst() const { return last_ == 1 && order_time_ == TimeAttribute::None && window_ == nullptr; }
    const std::vector<size_t>& partition() const { return partition_; }
    const std::vector<SortKey>& order() const { return order_; }

  private:
    // The first or last row by a time attribute, of input that only inserts.
    bool isDeduplicate(bool input_inserts) const;
    // Within windows, over input that only inserts: sent when a window is complete.
    bool isByWindow(bool input_inserts) const { return input_inserts && window_ != nullptr; }
    size_t placeByWindow(PhysicalBuilder& builder, const Rel& rel, size_t input) const;
    size_t placeDeduplicate(PhysicalBuilder& builder, const Rel& rel, size_t input) const;

    std::vector<size_t> partition_;
    std::vector<SortKey> order_;
    TimeAttribute order_time_;
    std::shared_ptr<const WindowSpec> window_;
    size_t window_end_key_;
    int64_t first_;  // from 1
    int64_t last_;
    bool outputs_number_ = true;
};

}  // namespace millrace::sql
