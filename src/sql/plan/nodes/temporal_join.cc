// JOIN ... FOR SYSTEM_TIME AS OF a rowtime attribute: with the version of the right table at that time.
#include "operators/temporal_join.h"

#include <numeric>

#include "operators/calc.h"
#include "sql/bind/logical_temporal_join.h"
#include "sql/plan/join_condition.h"
#include "sql/plan/physical_builder.h"

namespace millrace::sql {

namespace {

class TemporalJoinRel final : public RelNodeOf<TemporalJoinRel> {
  public:
    explicit TemporalJoinRel(const LogicalTemporalJoin& join)
        : type_(join.type()),
          condition_(Expression::fold(join.condition())),
          times_{join.leftTime(), join.rightTime()},
          columns_(join.schema().size()) {
        std::iota(columns_.begin(), columns_.end(), size_t{0});
    }

    std::optional<std::string> digest() const override {
        return fmt::format("temporal join {} {} {} {}{}", joinTypeName(type_), times_[0], times_[1],
                           condition_->canonical(), digestOf(columns_));
    }

    void demand(const Rel& rel, const UsedColumns& used,
                std::span<UsedColumns* const> inputs) const override {
        const size_t left = rel.inputs[0]->schema.size();
        UsedColumns all(left + rel.inputs[1]->schema.size(), false);
        markRead(condition_, all);
        for (size_t i = 0; i < columns_.size(); ++i) {
            if (used[i]) all[columns_[i]] = true;
        }
        all[times_[0]] = all[left + times_[1]] = true;
        for (size_t i = 0; i < all.size(); ++i) {
            if (all[i]) (*inputs[i < left ? 0 : 1])[i < left ? i : i - left] = true;
        }
    }

    MovedColumns prune(Rel& rel, const UsedColumns& used,
                       std::span<const MovedColumns* const> inputs) override {
        const size_t now_left = rel.inputs[0]->schema.size();
        MovedColumns to = *inputs[0];
        for (const std::optional<size_t>& column : *inputs[1])
            to.push_back(column ? std::optional(now_left + *column) : std::nullopt);
        condition_ = moved(condition_, to, pairs(rel));
        for (size_t side = 0; side < 2; ++side)
            times_[side] = *(*inputs[side])[times_[side]];
        std::vector<size_t> produced;
        for (size_t i = 0; i < columns_.size(); ++i) {
            if (used[i]) produced.push_back(*to[columns_[i]]);
        }
        columns_ = std::move(produced);
        MovedColumns own;
        rel.schema = kept(rel.schema, used, own);
        return own;
    }
    bool producesOnlyUsed() const override { return true; }

    // Rows are joined with a version once, when it is certain which one that is: what changes are the left
    // rows.
    Changelog changelog(std::span<const Changelog> inputs) const override { return inputs[0]; }
    bool splitsUpdates() const override { return true; }
    bool needsUpdateBefore(size_t input, bool) const override { return input == 0; }

    size_t place(PhysicalBuilder& builder, const Rel& rel, const std::vector<size_t>& inputs) const override {
        const TextSpan& where = rel.origin->where();
        const Schema all = pairs(rel);
        const size_t left = rel.inputs[0]->schema.size();
        const JoinCondition split = splitJoinCondition(condition_, all, left);
        if (split.keys[0].empty()) {
            throw UserError({"sql.bad-join", "the key of the versioned table cannot be compared as it is",
                             "CAST both sides of the equality to one type", where});
        }
        TemporalJoinParameters parameters;
        parameters.type = type_;
        parameters.ttl = builder.stateTtl();
        parameters.left_changes = !builder.changelog(*rel.inputs[0]).insertOnly();
        parameters.right_deletes = builder.changelog(*rel.inputs[1]).deletes;
        parameters.output = rel.schema;
        WidenedInput widened[2] = {WidenedInput(rel.inputs[0]->schema), WidenedInput(rel.inputs[1]->schema)};
        PhysicalInput edges[2];
        for (size_t side = 0; side < 2; ++side) {
            for (const ExpressionPtr& key : split.keys[side])
                parameters.keys[side].push_back(widened[side].columnOf(key));
            parameters.inputs[side] = widened[side].schema();
            parameters.time_columns[side] = times_[side];
            size_t input = inputs[side];
            if (widened[side].added() > 0) {
                input = builder.addOperator(
                    builder.uidOf(side == 0 ? "temporal-join-left" : "temporal-join-right", rel),
                    std::make_shared<Calc>(nullptr, widened[side].columns(), widened[side].schema()),
                    {{input}}, builder.changelog(*rel.inputs[side]));
            }
            edges[side] = PhysicalInput::byKey(input, parameters.keys[side]);
        }
        const auto added = static_cast<std::ptrdiff_t>(widened[0].added());
        if (const ExpressionPtr rest = conjunctionOf(split.rest))
            parameters.condition = shifted(rest, all, left, added);
        for (const size_t column : columns_)
            parameters.columns.push_back(column + (column >= left ? widened[0].added() : 0));
        std::string select;
        for (const Field& field : rel.schema)
            select += (select.empty() ? "" : ", ") + field.name;
        parameters.text =
            fmt::format("joinType=[{}], where=[{}], time=[{}], select=[{}]", joinTypeName(type_),
                        condition_->toString(), rel.inputs[0]->schema[times_[0]].name, select);
        return builder.addOperator(rel, builder.uidOf("temporal-join", rel),
                                   std::make_shared<TemporalJoin>(std::move(parameters)),
                                   {edges[0], edges[1]});
    }

  private:
    static Schema pairs(const Rel& rel) {
        std::vector<Field> fields = rel.inputs[0]->schema.fields();
        for (const Field& field : rel.inputs[1]->schema)
            fields.push_back(field);
        return Schema(std::move(fields));
    }

    JoinType type_;
    ExpressionPtr condition_;      // over the left columns and then the right ones
    size_t times_[2];              // the rowtime attributes, of the inputs
    std::vector<size_t> columns_;  // that are produced, of both
};

}  // namespace

RelTranslation describePlanNodesTemporalJoin() {
    return translationOf<LogicalTemporalJoin>(
        [](const LogicalTemporalJoin& join) { return std::make_shared<TemporalJoinRel>(join); });
}

}  // namespace millrace::sql
