// INTERSECT and EXCEPT.
#include <algorithm>
#include <numeric>

#include "sql/bind/logical_set_operation.h"
#include "sql/plan/physical_builder.h"

namespace millrace::sql {

namespace {

class SetOperationRel final : public RelNodeOf<SetOperationRel> {
  public:
    explicit SetOperationRel(const LogicalSetOperation& node) : kind_(node.kind()), all_(node.all()) {}

    std::optional<std::string> digest() const override {
        return fmt::format("set operation {} {}", static_cast<int>(kind_), all_);
    }
    // Rows are told apart by every column.
    void demand(const Rel&, const UsedColumns&, std::span<UsedColumns* const> inputs) const override {
        for (UsedColumns* below : inputs)
            below->assign(below->size(), true);
    }
    MovedColumns prune(Rel& rel, const UsedColumns&, std::span<const MovedColumns* const> inputs) override {
        const UsedColumns all(rel.schema.size(), true);
        for (size_t i = 0; i < inputs.size(); ++i)
            rel.inputs[i] = narrowed(rel.inputs[i], all, *inputs[i]);
        return unmoved(rel.schema.size());
    }
    Changelog changelog(std::span<const Changelog> inputs) const override {
        const bool only_inserts = std::all_of(inputs.begin(), inputs.end(),
                                              [](const Changelog& input) { return input.insertOnly(); });
        Changelog own;
        own.deletes = kind_ == SetOperationKind::Except || !only_inserts;
        return own;
    }
    bool needsUpdateBefore(size_t, bool) const override { return true; }
    bool splitsUpdates() const override { return true; }
    size_t place(PhysicalBuilder& builder, const Rel& rel, const std::vector<size_t>& inputs) const override {
        IntersectExceptParameters parameters;
        parameters.kind = kind_;
        parameters.all = all_;
        parameters.inputs = inputs.size();
        parameters.ttl = builder.stateTtl();
        parameters.output = rel.schema;
        std::string names;
        for (const Field& field : rel.schema)
            names += (names.empty() ? "" : ", ") + field.name;
        parameters.text = fmt::format("all=[{}], fields=[{}]", all_, names);
        std::vector<size_t> columns(rel.schema.size());
        std::iota(columns.begin(), columns.end(), size_t{0});
        std::vector<PhysicalInput> edges;
        edges.reserve(inputs.size());
        for (const size_t input : inputs)
            edges.push_back(PhysicalInput::byKey(input, columns));
        return builder.addOperator(rel, builder.uidOf("set-operation", rel),
                                   std::make_shared<IntersectExcept>(std::move(parameters)),
                                   std::move(edges));
    }

  private:
    SetOperationKind kind_;
    bool all_;
};

}  // namespace

RelTranslation describePlanNodesSetOperation() {
    return translationOf<LogicalSetOperation>(
        [](const LogicalSetOperation& node) { return std::make_shared<SetOperationRel>(node); });
}

}  // namespace millrace::sql
