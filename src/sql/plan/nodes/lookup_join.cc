// JOIN ... FOR SYSTEM_TIME AS OF: the table is no input of the job, its operator reads it by itself.
#include <numeric>

#include "operators/lookup_join.h"
#include "sql/bind/logical_lookup_join.h"
#include "sql/plan/connectors.h"
#include "sql/plan/join_condition.h"
#include "sql/plan/nodes/scan.h"
#include "sql/plan/physical_builder.h"

namespace millrace::sql {

namespace {

class LookupJoinRel final : public RelNodeOf<LookupJoinRel> {
  public:
    explicit LookupJoinRel(const LogicalLookupJoin& join)
        : type_(join.type()),
          table_(join.table()),
          condition_(Expression::fold(join.condition())),
          table_columns_(join.table()->storedSchema().size()),
          columns_(join.schema().size()) {
        std::iota(table_columns_.begin(), table_columns_.end(), size_t{0});
        std::iota(columns_.begin(), columns_.end(), size_t{0});
    }

    // The table may change between two looks.
    std::optional<std::string> digest() const override { return std::nullopt; }

    void demand(const Rel& rel, const UsedColumns& used,
                std::span<UsedColumns* const> inputs) const override {
        const UsedColumns all = reads(used, rel.input()->schema.size());
        demandPassed(all, *inputs[0]);
    }

    MovedColumns prune(Rel& rel, const UsedColumns& used,
                       std::span<const MovedColumns* const> inputs) override {
        const size_t former = inputs[0]->size();
        const UsedColumns all = reads(used, former);
        MovedColumns to = *inputs[0];
        std::vector<size_t> read;
        for (size_t i = 0; i < table_columns_.size(); ++i) {
            to.push_back(std::nullopt);
            if (!all[former + i]) continue;
            to.back() = rel.input()->schema.size() + read.size();
            read.push_back(table_columns_[i]);
        }
        table_columns_ = std::move(read);
        condition_ = moved(condition_, to, pairSchema(rel.input()->schema));
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
    bool needsUpdateBefore(size_t, bool) const override { return true; }
    bool splitsUpdates() const override { return true; }

    size_t place(PhysicalBuilder& builder, const Rel& rel, const std::vector<size_t>& inputs) const override {
        const Schema& input = rel.input()->schema;
        const Schema pairs = pairSchema(input);
        const JoinCondition split = splitJoinCondition(condition_, pairs, input.size());
        const TextSpan& where = rel.origin->where();
        if (split.keys[0].empty()) {
            throw UserError(
                {"sql.lookup-without-key",
                 fmt::format("the table '{}' is looked up without an equality with a column of it",
                             table_->path.object),
                 "ON needs at least one condition like o.id = t.id", where});
        }
        LookupJoinParameters parameters;
        ScanRel scan(table_);
        scan.paths.clear();
        for (const size_t column : table_columns_)
            scan.paths.push_back({column});
        parameters.table = makeTableSource(rel, scan, builder.options());
        if (!metadataCasts(*table_, parameters.table->outputSchema(), tableSchema()).empty()) {
            throw UserError({"sql.bad-metadata",
                             fmt::format("the table '{}' is looked up, and a metadata column of it has "
                                         "another type than its connector gives it",
                                         table_->path.object),
                             "declare it with the connector's type, and CAST it in the query", where});
        }
        if (parameters.table->boundedness() != Boundedness::Bounded) {
            throw UserError(
                {"sql.lookup-unbounded",
                 fmt::format("the table '{}' has no end, so it cannot be looked up", table_->path.object), "",
                 where});
        }
        if (const auto option = table_->options.find("lookup.full-cache.periodic-reload.interval");
            option != table_->options.end()) {
            parameters.reload_interval = parseConfigValue<Duration>(option->first, option->second);
        }
        JoinShape& shape = parameters.shape;
        shape.type = type_;
        WidenedInput widened[2] = {WidenedInput(input), WidenedInput(tableSchema())};
        for (size_t side = 0; side < 2; ++side) {
            for (const ExpressionPtr& key : split.keys[side])
                shape.inputs[side].keys.push_back(widened[side].columnOf(key));
            shape.inputs[side].schema = widened[side].schema();
            parameters.computed[side] = widened[side].computed();
        }
        const auto added = static_cast<std::ptrdiff_t>(widened[0].added());
        if (const ExpressionPtr rest = conjunctionOf(split.rest))
            shape.condition = shifted(rest, pairs, input.size(), added);
        for (const size_t column : columns_)
            shape.columns.push_back(column + (column >= input.size() ? widened[0].added() : 0));
        shape.output = rel.schema;
        std::string select;
        for (const Field& field : rel.schema)
            select += (select.empty() ? "" : ", ") + field.name;
        parameters.text =
            fmt::format("table=[{}], joinType=[{}], lookup=[{}], select=[{}]", table_->path.toString(),
                        joinTypeName(type_), condition_->toString(), select);
        return builder.addOperator(rel, builder.uidOf("lookup-join", rel),
                                   std::make_shared<LookupJoin>(std::move(parameters)), {{inputs[0]}});
    }

  private:
    Schema tableSchema() const {
        std::vector<Field> fields;
        for (const size_t column : table_columns_)
            fields.push_back(table_->storedSchema()[column]);
        return Schema(std::move(fields));
    }
    Schema pairSchema(const Schema& input) const {
        std::vector<Field> fields = input.fields();
        for (const Field& field : tableSchema())
            fields.push_back(field);
        return Schema(std::move(fields));
    }
    // Of the input's columns and then the table's.
    UsedColumns reads(const UsedColumns& used, size_t input) const {
        UsedColumns all(input + table_columns_.size(), false);
        markRead(condition_, all);
        for (size_t i = 0; i < columns_.size(); ++i) {
            if (used[i]) all[columns_[i]] = true;
        }
        return all;
    }

    JoinType type_;
    TablePtr table_;
    ExpressionPtr condition_;            // over the input's columns and then those read of the table
    std::vector<size_t> table_columns_;  // that are read, among the stored ones
    std::vector<size_t> columns_;        // that are produced
};

}  // namespace

RelTranslation describePlanNodesLookupJoin() {
    return translationOf<LogicalLookupJoin>(
        [](const LogicalLookupJoin& join) { return std::make_shared<LookupJoinRel>(join); });
}

}  // namespace millrace::sql
