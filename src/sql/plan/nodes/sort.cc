// ORDER BY, OFFSET and LIMIT.
#include "operators/sort.h"
#include "operators/limit.h"
#include "operators/temporal_sort.h"
#include "sql/bind/logical_over.h"
#include "sql/plan/physical_builder.h"

namespace millrace::sql {

namespace {

class SortRel final : public RelNodeOf<SortRel> {
  public:
    explicit SortRel(const LogicalSort& sort)
        : keys_(sort.keys()), offset_(sort.offset()), limit_(sort.limit()) {
        if (keys_.empty() || keys_.front().descending) return;
        time_ = sort.input()->traits()[keys_.front().column].time;
    }

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
        if (!builder.node(inputs[0]).bounded && insert_only && time_ != TimeAttribute::None)
            return placeInTime(builder, rel, inputs[0]);
        if (!builder.node(inputs[0]).bounded) {
            const char* what = keys_.empty() ? "LIMIT over a result that is updated" : "ORDER BY";
            throw UserError({"sql.unbounded",
                             fmt::format("{} needs input that ends, and this query's input does not", what),
                             "leave it out, order by a time attribute, or read from bounded sources only",
                             rel.origin->where()});
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
    // Rows of a stream in the order of a time attribute. Processing time is the order that they have.
    size_t placeInTime(PhysicalBuilder& builder, const Rel& rel, size_t input) const {
        if (time_ == TimeAttribute::Rowtime) {
            std::vector<SortOrder> order;
            for (const SortKey& key : keys_)
                order.push_back({key.column, key.descending, key.nulls_first});
            input = builder.addOperator(
                rel, builder.uidOf("temporal-sort", rel),
                std::make_shared<TemporalSort>(rel.schema, std::move(order), orderText(keys_, rel.schema)),
                {PhysicalInput::byKey(input, {})});
        } else if (keys_.size() > 1) {
            throw UserError({"sql.not-supported",
                             "ORDER BY a processing-time attribute and further columns is not supported yet",
                             "every row has a processing time of its own: leave the other columns out",
                             rel.origin->where()});
        }
        if (offset_ == 0 && !limit_ && time_ == TimeAttribute::Rowtime) return input;
        return builder.addOperator(rel, builder.uidOf("limit", rel),
                                   std::make_shared<Limit>(rel.schema, offset_, limit_),
                                   {{input, Exchange::Singleton}});
    }

    std::vector<SortKey> keys_;
    TimeAttribute time_ = TimeAttribute::None;  // of the first key, if it ascends
    int64_t offset_;
    std::optional<int64_t> limit_;
};

}  // namespace

RelTranslation describePlanNodesSort() {
    return translationOf<LogicalSort>(
        [](const LogicalSort& sort) { return std::make_shared<SortRel>(sort); });
}

}  // namespace millrace::sql
