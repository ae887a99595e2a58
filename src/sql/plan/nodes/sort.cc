// ORDER BY, OFFSET and LIMIT.
#include "operators/sort.h"
#include "operators/limit.h"
#include "sql/plan/physical_builder.h"

namespace millrace::sql {

namespace {

class SortRel final : public RelNodeOf<SortRel> {
  public:
    SortRel(std::vector<SortKey> keys, int64_t offset, std::optional<int64_t> limit)
        : keys_(std::move(keys)), offset_(offset), limit_(limit) {}

    std::optional<std::string> digest() const override {
        std::string result = fmt::format("sort {} {}", offset_, limit_.value_or(-1));
        for (const SortKey& key : keys_) {
            result += fmt::format(" {} {} {}", key.column, key.descending, key.nulls_first);
        }
        return result;
    }

    // Ties are broken by the whole row, so that the answer does not depend on the order of arrival.
    void demand(const Rel&, const UsedColumns&, std::span<UsedColumns* const> inputs) const override {
        inputs[0]->assign(inputs[0]->size(), true);
    }

    MovedColumns prune(Rel& rel, const UsedColumns&, std::span<const MovedColumns* const> inputs) override {
        for (SortKey& key : keys_)
            key.column = *(*inputs[0])[key.column];
        return prunePassed(rel, *inputs[0]);
    }

    // Of bounded input, once, at its end.
    Changelog changelog(std::span<const Changelog>) const override { return {}; }
    bool startsUpdates() const override { return true; }
    bool needsUpdateBefore(size_t, bool) const override { return true; }

    size_t place(PhysicalBuilder& builder, const Rel& rel, const std::vector<size_t>& inputs) const override {
        const bool insert_only = builder.changelog(*rel.input()).insertOnly();
        if (keys_.empty() && insert_only) {
            return builder.addOperator(rel, builder.uidOf("limit", rel),
                                       std::make_shared<Limit>(rel.schema, offset_, limit_),
                                       {{inputs[0], Exchange::Singleton}});
        }
        if (!builder.node(inputs[0]).bounded) {
            const char* what = keys_.empty() ? "LIMIT over a result that is updated" : "ORDER BY";
            throw UserError({"sql.unbounded",
                             fmt::format("{} needs input that ends, and this query's input does not", what),
                             "leave it out, or read from bounded sources only", rel.origin->where()});
        }
        std::vector<SortOrder> order;
        for (const SortKey& key : keys_)
            order.push_back({key.column, key.descending, key.nulls_first});
        return builder.addOperator(
            rel, builder.uidOf("sort", rel),
            std::make_shared<Sort>(rel.schema, std::move(order), offset_, limit_, !insert_only),
            {{inputs[0], Exchange::Singleton}});
    }

  private:
    std::vector<SortKey> keys_;
    int64_t offset_;
    std::optional<int64_t> limit_;
};

}  // namespace

RelTranslation describePlanNodesSort() {
    return translationOf<LogicalSort>([](const LogicalSort& sort) {
        return std::make_shared<SortRel>(sort.keys(), sort.offset(), sort.limit());
    });
}

}  // namespace millrace::sql
