// GROUP BY, by windows or not.
#pragma once

#include "sql/plan/rel.h"

namespace millrace {
struct GroupAggregateParameters;
struct WindowAggregateParameters;
}  // namespace millrace

namespace millrace::sql {

// How an aggregation by window finds a row's window.
enum class WindowUse : uint8_t {
    None,      // it is not by window
    Attached,  // from the window_end column that the input carries
    Fused,     // from the time attribute: the window function below was taken in
};

class AggregateRel final : public RelNodeOf<AggregateRel> {
  public:
    // An aggregation is by window if its keys hold window_start and window_end of one window function,
    // whether rows come straight from it or from another aggregation by its windows.
    explicit AggregateRel(const LogicalAggregate& node);

    std::optional<std::string> digest() const override;
    void demand(const Rel& rel, const UsedColumns& used, std::span<UsedColumns* const> inputs) const override;
    MovedColumns prune(Rel& rel, const UsedColumns& used,
                       std::span<const MovedColumns* const> inputs) override;
    Changelog changelog(std::span<const Changelog> inputs) const override;
    bool startsUpdates() const override { return true; }
    bool needsUpdateBefore(size_t, bool) const override { return true; }
    std::string describe(const Rel& rel) const override;
    size_t place(PhysicalBuilder& builder, const Rel& rel, const std::vector<size_t>& inputs) const override;

    // Fused: keys that are window columns do not exist in the input; their entries in `keys` mean nothing.
    // Sessions that end at the same time need not have begun at the same time: of those that rows carry, the
    // start is a key like any other.
    bool isWindowKey(size_t key) const {
        if (window_use == WindowUse::None || bounds[key] == WindowBound::None) return false;
        return window_use == WindowUse::Fused || window->kind != WindowKind::Session ||
               bounds[key] != WindowBound::Start;
    }

    std::vector<size_t> keys;
    std::vector<AggregateCall> calls;
    std::optional<Duration> state_ttl;  // where it is not by window
    // Of a windowed one: what each key is beyond a column, and the window.
    std::vector<WindowBound> bounds;
    WindowUse window_use = WindowUse::None;
    std::shared_ptr<const WindowSpec> window;
    size_t time_column = 0;  // Attached: window_end's; Fused: the time attribute's (not in processing time)

  private:
    size_t placeByGroup(PhysicalBuilder& builder, const Rel& rel, size_t input) const;
    bool aggregatesLocally(const PhysicalBuilder& builder, const Rel& rel,
                           const GroupAggregateParameters& second) const;
    size_t placeLocalGroup(PhysicalBuilder& builder, const Rel& rel, size_t input,
                           GroupAggregateParameters& second) const;
    size_t placeByWindow(PhysicalBuilder& builder, const Rel& rel, size_t input) const;
    size_t placeLocalWindow(PhysicalBuilder& builder, const Rel& rel, size_t input,
                            WindowAggregateParameters& second) const;
    size_t placeLocalProcessingTime(PhysicalBuilder& builder, const Rel& rel, size_t input,
                                    WindowAggregateParameters& second) const;
    size_t placeBySession(PhysicalBuilder& builder, const Rel& rel, size_t input) const;
    // Sets keys, columns and all else that aggregations by windows of any kind have in common.
    template <class Parameters>
    void describeTo(Parameters& parameters, PhysicalBuilder& builder, const Rel& rel) const;
    std::string text(const Rel& rel, const std::string& window_text) const;
};

}  // namespace millrace::sql
