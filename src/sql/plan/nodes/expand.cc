// Rows once for every grouping set.
#include "operators/expand.h"

#include "sql/bind/logical_expand.h"
#include "sql/plan/physical_builder.h"

namespace millrace::sql {

namespace {

class ExpandRel final : public RelNodeOf<ExpandRel> {
  public:
    explicit ExpandRel(const LogicalExpand& node) {
        const size_t keys = node.keys();
        for (size_t i = 0; i < node.input()->schema().size(); ++i) {
            ExpandColumn column{i, {}};
            if (i < keys && !inEverySet(node.sets(), i)) {
                for (const std::vector<bool>& set : node.sets())
                    column.kept.push_back(set[i]);
            }
            columns_.push_back(std::move(column));
        }
        columns_.insert(columns_.begin() + static_cast<std::ptrdiff_t>(keys), ExpandColumn{});
        sets_ = node.sets().size();
    }

    std::optional<std::string> digest() const override {
        std::string result = fmt::format("expand {}", sets_);
        for (const ExpandColumn& column : columns_) {
            result += column.source ? fmt::format(" ${}", *column.source) : " number";
            for (const bool kept : column.kept)
                result += kept ? '1' : '0';
        }
        return result;
    }
    void demand(const Rel&, const UsedColumns& used, std::span<UsedColumns* const> inputs) const override {
        for (size_t i = 0; i < used.size(); ++i) {
            if (used[i] && columns_[i].source) (*inputs[0])[*columns_[i].source] = true;
        }
    }
    MovedColumns prune(Rel& rel, const UsedColumns& used,
                       std::span<const MovedColumns* const> inputs) override {
        std::vector<ExpandColumn> left;
        for (size_t i = 0; i < used.size(); ++i) {
            if (!used[i]) continue;
            left.push_back(std::move(columns_[i]));
            if (left.back().source) left.back().source = *(*inputs[0])[*left.back().source];
        }
        columns_ = std::move(left);
        MovedColumns to;
        rel.schema = kept(rel.schema, used, to);
        return to;
    }
    bool producesOnlyUsed() const override { return true; }
    size_t place(PhysicalBuilder& builder, const Rel& rel, const std::vector<size_t>& inputs) const override {
        std::string names;
        for (const Field& field : rel.schema)
            names += (names.empty() ? "" : ", ") + field.name;
        ExpandParameters parameters{columns_, sets_, rel.schema, ""};
        parameters.text = fmt::format("sets=[{}], fields=[{}]", sets_, names);
        return builder.addOperator(rel, builder.uidOf("expand", rel),
                                   std::make_shared<Expand>(std::move(parameters)), {{inputs[0]}});
    }

  private:
    std::vector<ExpandColumn> columns_;
    size_t sets_ = 0;
};

}  // namespace

RelTranslation describePlanNodesExpand() {
    return translationOf<LogicalExpand>(
        [](const LogicalExpand& expand) { return std::make_shared<ExpandRel>(expand); });
}

}  // namespace millrace::sql
