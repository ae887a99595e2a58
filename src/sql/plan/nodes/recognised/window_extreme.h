// Rows of which a window's MAX or MIN decides whether they join, without those that it is known to refuse.
#pragma once

#include "sql/plan/rel.h"

namespace millrace::sql {

class WindowExtremeRel final : public RelNodeOf<WindowExtremeRel> {
  public:
    WindowExtremeRel(size_t window_end, size_t value, bool greatest)
        : window_end_(window_end), value_(value), greatest_(greatest) {}

    std::optional<std::string> digest() const override;
    void demand(const Rel& rel, const UsedColumns& used, std::span<UsedColumns* const> inputs) const override;
    MovedColumns prune(Rel& rel, const UsedColumns& used,
                       std::span<const MovedColumns* const> inputs) override;
    bool needsUpdateBefore(size_t, bool wanted) const override { return wanted; }
    size_t place(PhysicalBuilder& builder, const Rel& rel, const std::vector<size_t>& inputs) const override;

  private:
    size_t window_end_;
    size_t value_;
    bool greatest_;
};

}  // namespace millrace::sql
