#include "sql/plan/nodes/union.h"

#include "operators/union.h"
#include "sql/plan/physical_builder.h"

namespace millrace::sql {

void UnionRel::demand(const Rel&, const UsedColumns& used, std::span<UsedColumns* const> inputs) const {
    for (UsedColumns* below : inputs)
        demandPassed(used, *below);
}

MovedColumns UnionRel::prune(Rel& rel, const UsedColumns& used, std::span<const MovedColumns* const> inputs) {
    for (size_t i = 0; i < inputs.size(); ++i)
        rel.inputs[i] = narrowed(rel.inputs[i], used, *inputs[i]);
    MovedColumns to;
    rel.schema = kept(rel.schema, used, to);
    return to;
}

size_t UnionRel::place(PhysicalBuilder& builder, const Rel& rel, const std::vector<size_t>& inputs) const {
    std::string names;
    for (const Field& field : rel.schema)
        names += (names.empty() ? "" : ", ") + field.name;
    std::vector<PhysicalInput> edges;
    edges.reserve(inputs.size());
    for (const size_t input : inputs)
        edges.push_back({input});
    return builder.addOperator(
        rel, builder.uidOf("union", rel),
        std::make_shared<Union>(inputs.size(), rel.schema, "all=[true], union=[" + names + "]"),
        std::move(edges));
}

RelTranslation describePlanNodesUnion() {
    return translationOf<LogicalUnion>([](const LogicalUnion&) { return std::make_shared<UnionRel>(); });
}

}  // namespace millrace::sql
