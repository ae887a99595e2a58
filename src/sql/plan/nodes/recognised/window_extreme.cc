#include "sql/plan/nodes/recognised/window_extreme.h"

#include "operators/window_extreme_filter.h"
#include "sql/plan/physical_builder.h"

namespace millrace::sql {

std::optional<std::string> WindowExtremeRel::digest() const {
    return fmt::format("window extreme {} {} {}", window_end_, value_, greatest_);
}

void WindowExtremeRel::demand(const Rel&, const UsedColumns& used,
                              std::span<UsedColumns* const> inputs) const {
    demandPassed(used, *inputs[0]);
    (*inputs[0])[window_end_] = true;
    (*inputs[0])[value_] = true;
}

MovedColumns WindowExtremeRel::prune(Rel& rel, const UsedColumns&,
                                     std::span<const MovedColumns* const> inputs) {
    const MovedColumns& below = *inputs[0];
    window_end_ = *below[window_end_];
    value_ = *below[value_];
    return prunePassed(rel, below);
}

// Of rows that are updated, all are needed to take back what they were.
size_t WindowExtremeRel::place(PhysicalBuilder& builder, const Rel& rel,
                               const std::vector<size_t>& inputs) const {
    if (!builder.changelog(*rel.input()).insertOnly()) return inputs[0];
    WindowExtremeFilterParameters parameters;
    parameters.schema = rel.schema;
    parameters.window_end = window_end_;
    parameters.value = value_;
    parameters.greatest = greatest_;
    return builder.addOperator(rel, builder.uidOf("window-extreme", rel),
                               std::make_shared<WindowExtremeFilter>(std::move(parameters)), {{inputs[0]}});
}

}  // namespace millrace::sql
