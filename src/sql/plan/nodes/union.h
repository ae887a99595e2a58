// UNION ALL.
#pragma once

#include "sql/plan/rel.h"

namespace millrace::sql {

class UnionRel final : public RelNodeOf<UnionRel> {
  public:
    std::optional<std::string> digest() const override { return "union"; }
    void demand(const Rel& rel, const UsedColumns& used, std::span<UsedColumns* const> inputs) const override;
    MovedColumns prune(Rel& rel, const UsedColumns& used,
                       std::span<const MovedColumns* const> inputs) override;
    bool producesOnlyUsed() const override { return true; }
    size_t place(PhysicalBuilder& builder, const Rel& rel, const std::vector<size_t>& inputs) const override;
};

}  // namespace millrace::sql
