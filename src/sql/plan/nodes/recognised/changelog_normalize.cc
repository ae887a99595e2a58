#include "sql/plan/nodes/recognised/changelog_normalize.h"

#include "operators/changelog_normalize.h"
#include "sql/plan/physical_builder.h"

namespace millrace::sql {

void ChangelogNormalizeRel::demand(const Rel&, const UsedColumns& used,
                                   std::span<UsedColumns* const> inputs) const {
    demandPassed(used, *inputs[0]);
    for (const size_t key : keys_)
        (*inputs[0])[key] = true;
}

MovedColumns ChangelogNormalizeRel::prune(Rel& rel, const UsedColumns&,
                                          std::span<const MovedColumns* const> inputs) {
    for (size_t& key : keys_)
        key = *(*inputs[0])[key];
    return prunePassed(rel, *inputs[0]);
}

size_t ChangelogNormalizeRel::place(PhysicalBuilder& builder, const Rel& rel,
                                    const std::vector<size_t>& inputs) const {
    ChangelogNormalizeParameters parameters;
    parameters.input = rel.schema;
    parameters.keys = keys_;
    parameters.generates_update_before = builder.changelog(rel).update_before;
    parameters.ttl = builder.stateTtl();
    return builder.addOperator(rel, builder.uidOf("changelog-normalize", rel),
                               std::make_shared<ChangelogNormalize>(std::move(parameters)),
                               {PhysicalInput::byKey(inputs[0], keys_)});
}

}  // namespace millrace::sql
