// A filter and a projection in one.
#pragma once

#include "sql/plan/rel.h"

namespace millrace::sql {

class CalcRel final : public RelNodeOf<CalcRel> {
  public:
    CalcRel() = default;
    CalcRel(ExpressionPtr where, std::vector<ExpressionPtr> select)
        : condition(std::move(where)), projection(std::move(select)) {}

    std::optional<std::string> digest() const override;
    void demand(const Rel& rel, const UsedColumns& used, std::span<UsedColumns* const> inputs) const override;
    MovedColumns prune(Rel& rel, const UsedColumns& used,
                       std::span<const MovedColumns* const> inputs) override;
    bool producesOnlyUsed() const override { return true; }
    int cost(const Rel& rel, size_t column) const override;
    bool needsUpdateBefore(size_t input, bool wanted) const override;
    bool splitsUpdates() const override { return condition != nullptr; }
    size_t place(PhysicalBuilder& builder, const Rel& rel, const std::vector<size_t>& inputs) const override;

    ExpressionPtr condition;  // may be nullptr
    std::vector<ExpressionPtr> projection;
};

}  // namespace millrace::sql
