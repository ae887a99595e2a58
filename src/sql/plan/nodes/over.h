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
    size_t place(PhysicalBuilder& builder, const Rel& rel, const std::vector<size_t>& inputs) const override;

    std::vector<size_t> partition;
    std::vector<SortKey> order;
    TimeAttribute order_time = TimeAttribute::None;  // of the only sort key
    OverFrame frame;
    std::vector<OverCall> calls;  // their results are the last columns
};

// For digests of what has a partition and an order.
std::string digestOf(const std::vector<SortKey>& order);

}  // namespace millrace::sql
