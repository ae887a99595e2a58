// A window function: every row once for each of its windows, whose three columns come last.
#pragma once

#include "operators/windows.h"
#include "sql/plan/rel.h"

namespace millrace::sql {

class WindowTableRel final : public RelNodeOf<WindowTableRel> {
  public:
    static constexpr size_t kOwnColumns = 3;

    WindowTableRel(std::shared_ptr<const WindowSpec> spec, size_t column, std::vector<size_t> partition)
        : window(std::move(spec)), time_column(column), partition_keys(std::move(partition)) {}

    std::optional<std::string> digest() const override;
    void demand(const Rel& rel, const UsedColumns& used, std::span<UsedColumns* const> inputs) const override;
    MovedColumns prune(Rel& rel, const UsedColumns& used,
                       std::span<const MovedColumns* const> inputs) override;
    // A session's rows wait for its end, when only what takes them back tells them from later ones.
    bool needsUpdateBefore(size_t, bool wanted) const override {
        return wanted || window->kind == WindowKind::Session;
    }
    size_t place(PhysicalBuilder& builder, const Rel& rel, const std::vector<size_t>& inputs) const override;

    std::shared_ptr<const WindowSpec> window;
    size_t time_column;
    std::vector<size_t> partition_keys;  // SESSION: whose rows make sessions of their own

  private:
    size_t placeSession(PhysicalBuilder& builder, const Rel& rel, size_t input) const;
};

// The operators' form of a window. A session as such has none: what comes out is the shape of windows that
// rows carry in their columns already.
Windows windowsOf(const WindowSpec& spec);
inline bool inProcessingTime(const WindowSpec& spec) { return spec.time == TimeAttribute::Proctime; }
inline bool overInstants(const WindowSpec& spec) { return spec.time_type.kind() == TypeKind::TimestampLtz; }

}  // namespace millrace::sql
