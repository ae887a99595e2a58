// Where a statement's rows go.
#pragma once

#include "sql/plan/rel.h"

namespace millrace::sql {

class SinkRel final : public RelNodeOf<SinkRel> {
  public:
    explicit SinkRel(const LogicalSink& logical) : sink(&logical) {}

    std::optional<std::string> digest() const override { return std::nullopt; }
    void demand(const Rel& rel, const UsedColumns& used, std::span<UsedColumns* const> inputs) const override;
    MovedColumns prune(Rel& rel, const UsedColumns& used,
                       std::span<const MovedColumns* const> inputs) override;
    size_t place(PhysicalBuilder& builder, const Rel& rel, const std::vector<size_t>& inputs) const override;

    const LogicalSink* sink;
};

}  // namespace millrace::sql
