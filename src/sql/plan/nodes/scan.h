// A table's source.
#pragma once

#include "sql/plan/rel.h"

namespace millrace::sql {

class ScanRel final : public RelNodeOf<ScanRel> {
  public:
    ScanRel(TablePtr scanned, std::vector<size_t> read)
        : table(std::move(scanned)), columns(std::move(read)) {}

    std::optional<std::string> digest() const override;
    void demand(const Rel&, const UsedColumns&, std::span<UsedColumns* const>) const override {}
    MovedColumns prune(Rel& rel, const UsedColumns& used,
                       std::span<const MovedColumns* const> inputs) override;
    bool producesOnlyUsed() const override { return true; }
    size_t place(PhysicalBuilder& builder, const Rel& rel, const std::vector<size_t>& inputs) const override;

    TablePtr table;
    std::vector<size_t> columns;  // of the table's stored columns, ascending: those that are read
};

}  // namespace millrace::sql
