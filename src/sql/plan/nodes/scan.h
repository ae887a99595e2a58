// A table's source.
#pragma once

#include "runtime/connector.h"
#include "sql/plan/rel.h"

namespace millrace::sql {

class ScanRel final : public RelNodeOf<ScanRel> {
  public:
    explicit ScanRel(TablePtr scanned, TablePtr letters = nullptr);  // all columns, whole

    std::optional<std::string> digest() const override;
    void demand(const Rel&, const UsedColumns&, std::span<UsedColumns* const>) const override {}
    MovedColumns prune(Rel& rel, const UsedColumns& used,
                       std::span<const MovedColumns* const> inputs) override;
    bool producesOnlyUsed() const override { return true; }
    Changelog changelog(std::span<const Changelog> inputs) const override;
    size_t place(PhysicalBuilder& builder, const Rel& rel, const std::vector<size_t>& inputs) const override;

    TablePtr table;
    TablePtr dead_letters;              // takes what cannot be decoded; nullptr: it is an error
    bool changes = false;               // rows say how they change
    std::vector<ColumnPath> paths;      // what is read of the table's stored columns; whole ones come first
    bool upserts = false;               // rows replace one another by key; a ChangelogNormalizeRel is above
    std::vector<ColumnFilter> filters;  // which rows; the source accepted them
};

}  // namespace millrace::sql
