// WATERMARK FOR: a table's rowtime attribute. Rows pass unchanged.
#pragma once

#include "sql/plan/rel.h"

namespace millrace::sql {

class WatermarkRel final : public RelNodeOf<WatermarkRel> {
  public:
    WatermarkRel(TablePtr of, size_t time, ExpressionPtr definition)
        : table(std::move(of)), column(time), expression(std::move(definition)) {}

    std::optional<std::string> digest() const override;
    void demand(const Rel& rel, const UsedColumns& used, std::span<UsedColumns* const> inputs) const override;
    MovedColumns prune(Rel& rel, const UsedColumns& used,
                       std::span<const MovedColumns* const> inputs) override;
    size_t place(PhysicalBuilder& builder, const Rel& rel, const std::vector<size_t>& inputs) const override;

    TablePtr table;
    size_t column;
    ExpressionPtr expression;
};

}  // namespace millrace::sql
