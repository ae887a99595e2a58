// VALUES, and SELECT without FROM.
#include "operators/values_source.h"
#include "sql/plan/physical_builder.h"

namespace millrace::sql {

namespace {

class ValuesRel final : public RelNodeOf<ValuesRel> {
  public:
    explicit ValuesRel(std::vector<std::vector<ExpressionPtr>> rows) : rows_(std::move(rows)) {}

    std::optional<std::string> digest() const override {
        std::string result = "values";
        for (const auto& row : rows_) {
            for (const ExpressionPtr& value : row) {
                if (!value->deterministic()) return std::nullopt;
            }
            result += digestOf(row);
        }
        return result;
    }

    void demand(const Rel&, const UsedColumns&, std::span<UsedColumns* const>) const override {}

    MovedColumns prune(Rel& rel, const UsedColumns& used, std::span<const MovedColumns* const>) override {
        MovedColumns to;
        rel.schema = kept(rel.schema, used, to);
        for (auto& row : rows_) {
            std::vector<ExpressionPtr> left;
            for (size_t i = 0; i < used.size(); ++i) {
                if (used[i]) left.push_back(row[i]);
            }
            row = std::move(left);
        }
        return to;
    }
    bool producesOnlyUsed() const override { return true; }

    size_t place(PhysicalBuilder& builder, const Rel& rel, const std::vector<size_t>&) const override {
        return builder.addSource(
            rel, builder.uidOf("values", rel),
            std::make_shared<ValuesSource>(rel.schema, rows_, builder.options().configuration));
    }

  private:
    std::vector<std::vector<ExpressionPtr>> rows_;
};

}  // namespace

RelTranslation describePlanNodesValues() {
    return translationOf<LogicalValues>(
        [](const LogicalValues& values) { return std::make_shared<ValuesRel>(values.rows()); });
}

}  // namespace millrace::sql
