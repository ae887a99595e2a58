// Rows once for every element of a collection.
#include "operators/unnest.h"

#include "sql/bind/logical_unnest.h"
#include "sql/plan/physical_builder.h"

namespace millrace::sql {

namespace {

class UnnestRel final : public RelNodeOf<UnnestRel> {
  public:
    explicit UnnestRel(const LogicalUnnest& node) : keeps_rows_(node.keepsRows()) {
        collection_ = node.input()->schema().size() - 1;
        const LogicalType& type = node.input()->schema()[collection_].type;
        for (size_t i = 0; i < collection_; ++i)
            columns_.push_back({UnnestColumn::From::Input, i});
        const bool whole = type.kind() != TypeKind::Map && type.element().kind() != TypeKind::Row;
        for (size_t i = 0; i < unnestedFields(type).size(); ++i)
            columns_.push_back({whole ? UnnestColumn::From::Element : UnnestColumn::From::Field, i});
        if (node.ordinality()) columns_.push_back({UnnestColumn::From::Ordinal, 0});
    }

    std::optional<std::string> digest() const override {
        std::string result = fmt::format("unnest {} {}", collection_, keeps_rows_);
        for (const UnnestColumn& column : columns_)
            result += fmt::format(" {}:{}", static_cast<int>(column.from), column.index);
        return result;
    }
    void demand(const Rel&, const UsedColumns& used, std::span<UsedColumns* const> inputs) const override {
        (*inputs[0])[collection_] = true;
        for (size_t i = 0; i < used.size(); ++i) {
            if (used[i] && columns_[i].from == UnnestColumn::From::Input)
                (*inputs[0])[columns_[i].index] = true;
        }
    }
    MovedColumns prune(Rel& rel, const UsedColumns& used,
                       std::span<const MovedColumns* const> inputs) override {
        std::vector<UnnestColumn> left;
        for (size_t i = 0; i < used.size(); ++i) {
            if (!used[i]) continue;
            left.push_back(columns_[i]);
            if (left.back().from == UnnestColumn::From::Input)
                left.back().index = *(*inputs[0])[left.back().index];
        }
        columns_ = std::move(left);
        collection_ = *(*inputs[0])[collection_];
        MovedColumns to;
        rel.schema = kept(rel.schema, used, to);
        return to;
    }
    bool producesOnlyUsed() const override { return true; }
    // The two rows of an update may have different elements.
    bool needsUpdateBefore(size_t, bool) const override { return true; }
    bool splitsUpdates() const override { return true; }
    size_t place(PhysicalBuilder& builder, const Rel& rel, const std::vector<size_t>& inputs) const override {
        std::string names;
        for (const Field& field : rel.schema)
            names += (names.empty() ? "" : ", ") + field.name;
        UnnestParameters parameters{collection_, columns_, keeps_rows_, rel.schema, ""};
        parameters.text = fmt::format("collection=[{}], {}select=[{}]", rel.input()->schema[collection_].name,
                                      keeps_rows_ ? "joinType=[LeftOuterJoin], " : "", names);
        return builder.addOperator(rel, builder.uidOf("unnest", rel),
                                   std::make_shared<Unnest>(std::move(parameters)), {{inputs[0]}});
    }

  private:
    size_t collection_ = 0;
    std::vector<UnnestColumn> columns_;
    bool keeps_rows_;
};

}  // namespace

RelTranslation describePlanNodesUnnest() {
    return translationOf<LogicalUnnest>(
        [](const LogicalUnnest& unnest) { return std::make_shared<UnnestRel>(unnest); });
}

}  // namespace millrace::sql
