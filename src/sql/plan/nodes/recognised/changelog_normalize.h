// Above a source whose rows replace one another by key: the changelog with whole rows.
#pragma once

#include "sql/plan/rel.h"

namespace millrace::sql {

class ChangelogNormalizeRel final : public RelNodeOf<ChangelogNormalizeRel> {
  public:
    explicit ChangelogNormalizeRel(std::vector<size_t> keys) : keys_(std::move(keys)) {}

    std::optional<std::string> digest() const override { return "normalize " + digestOf(keys_); }
    void demand(const Rel& rel, const UsedColumns& used, std::span<UsedColumns* const> inputs) const override;
    MovedColumns prune(Rel& rel, const UsedColumns& used,
                       std::span<const MovedColumns* const> inputs) override;
    Changelog changelog(std::span<const Changelog>) const override { return {true, false, true}; }
    bool startsUpdates() const override { return true; }
    bool needsUpdateBefore(size_t, bool) const override { return false; }
    size_t place(PhysicalBuilder& builder, const Rel& rel, const std::vector<size_t>& inputs) const override;

  private:
    std::vector<size_t> keys_;
};

// The rule, the first of all: what is pushed down later stops here.
void normaliseUpserts(RelRoots& roots, const PlanOptions& options);

}  // namespace millrace::sql
