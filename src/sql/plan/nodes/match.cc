// Patterns among rows.
#include <fmt/ranges.h>

#include "base/text.h"
#include "operators/match_recognize.h"
#include "sql/bind/logical_match.h"
#include "sql/plan/nodes/over.h"
#include "sql/plan/physical_builder.h"

namespace millrace::sql {

namespace {

class MatchRel final : public RelNodeOf<MatchRel> {
  public:
    explicit MatchRel(const MatchSpec& spec) : spec_(spec) {}

    std::optional<std::string> digest() const override { return spec_.canonical(); }
    void demand(const Rel&, const UsedColumns&, std::span<UsedColumns* const> inputs) const override {
        UsedColumns& below = *inputs[0];
        for (const size_t key : spec_.partition)
            below[key] = true;
        for (const SortKey& key : spec_.order)
            below[key.column] = true;
        for (const PatternVariable& variable : spec_.variables) {
            if (variable.column) below[*variable.column] = true;
            if (!variable.condition) continue;
            UsedColumns read(below.size() + spec_.condition_cells.size(), false);
            markRead(variable.condition, read);
            for (size_t i = 0; i < below.size(); ++i)
                below[i] = below[i] || read[i];
        }
        for (const std::vector<PatternCell>* cells : {&spec_.condition_cells, &spec_.cells}) {
            for (const PatternCell& cell : *cells) {
                if (cell.kind != PatternCell::Kind::Aggregate) below[cell.column] = true;
                for (const size_t argument : cell.aggregate.arguments)
                    below[argument] = true;
            }
        }
    }
    MovedColumns prune(Rel& rel, const UsedColumns&, std::span<const MovedColumns* const> inputs) override {
        const MovedColumns& below = *inputs[0];
        for (size_t& key : spec_.partition)
            key = *below[key];
        for (SortKey& key : spec_.order)
            key.column = *below[key.column];
        // Conditions stand on the input's columns and the cells behind them.
        MovedColumns all = below;
        std::vector<Field> fields = rel.input()->schema.fields();
        for (const PatternCell& cell : spec_.condition_cells) {
            all.push_back(fields.size());
            fields.push_back({cell.text, cell.type});
        }
        const Schema now(std::move(fields));
        for (PatternVariable& variable : spec_.variables) {
            if (variable.column) variable.column = *below[*variable.column];
            if (variable.condition) variable.condition = moved(variable.condition, all, now);
        }
        for (std::vector<PatternCell>* cells : {&spec_.condition_cells, &spec_.cells}) {
            for (PatternCell& cell : *cells) {
                if (cell.kind != PatternCell::Kind::Aggregate) cell.column = *below[cell.column];
                for (size_t& argument : cell.aggregate.arguments)
                    argument = *below[argument];
            }
        }
        return unmoved(rel.schema.size());
    }
    bool needsUpdateBefore(size_t, bool) const override { return true; }

    size_t place(PhysicalBuilder& builder, const Rel& rel, const std::vector<size_t>& inputs) const override {
        if (!builder.changelog(*rel.input()).insertOnly()) {
            throw UserError(
                {"sql.not-supported",
                 "MATCH_RECOGNIZE takes rows that only come, and its input is a result that is updated",
                 "group by the windows of TUMBLE, HOP or CUMULATE, whose results are final",
                 rel.origin->where()});
        }
        MatchRecognizeParameters match;
        match.input = rel.input()->schema;
        match.partition = spec_.partition;
        for (const SortKey& key : spec_.order)
            match.order.push_back({key.column, key.descending, key.nulls_first});
        match.processing_time = spec_.time == TimeAttribute::Proctime;
        for (const PatternVariable& variable : spec_.variables) {
            match.pattern.push_back(variable.part);
            match.conditions.push_back({variable.column, variable.condition});
        }
        for (const PatternCell& cell : spec_.condition_cells)
            match.condition_cells.push_back(cellOf(cell));
        for (const PatternCell& cell : spec_.cells)
            match.cells.push_back(cellOf(cell));
        match.after = spec_.after;
        match.after_variable = spec_.after_variable;
        match.within_ms = spec_.within_ms;
        match.output = rel.schema;
        match.text = text(rel);
        return builder.addOperator(rel, builder.uidOf("match", rel),
                                   std::make_shared<MatchRecognize>(std::move(match)),
                                   {PhysicalInput::byKey(inputs[0], spec_.partition)});
    }

  private:
    static MatchCell cellOf(const PatternCell& cell) {
        MatchCell result;
        result.kind = static_cast<MatchCell::Kind>(cell.kind);
        result.variable = cell.variable;
        result.column = cell.column;
        result.offset = cell.offset;
        result.type = cell.type;
        if (cell.kind != PatternCell::Kind::Aggregate) return result;
        result.aggregate.function = cell.aggregate.function->bind(cell.aggregate.infos, false, false);
        result.aggregate.arguments = cell.aggregate.arguments;
        result.aggregate.name = lowerCase(cell.aggregate.function->name);
        result.aggregate.text = cell.text;
        return result;
    }

    std::string text(const Rel& rel) const {
        const Schema& input = rel.input()->schema;
        std::vector<std::string> keys, measures, conditions;
        for (const size_t key : spec_.partition)
            keys.push_back(input[key].name);
        for (const PatternCell& cell : spec_.cells)
            measures.push_back(cell.text);
        for (const PatternVariable& variable : spec_.variables) {
            std::string condition = variable.column ? input[*variable.column].name : "";
            if (variable.condition)
                condition += (condition.empty() ? "" : " AND ") + variable.condition->toString();
            if (!condition.empty()) conditions.push_back(fmt::format("{} AS {}", variable.name, condition));
        }
        std::string all;
        if (!keys.empty()) all += fmt::format("partitionBy=[{}], ", fmt::join(keys, ", "));
        all += fmt::format("orderBy=[{}], measures=[{}], pattern=[{}], after=[{}]",
                           orderText(spec_.order, input), fmt::join(measures, ", "), spec_.patternText(),
                           spec_.afterText());
        if (spec_.within_ms > 0)
            all += fmt::format(", within=[{}]", formatDuration(Duration{spec_.within_ms}));
        if (!conditions.empty()) all += fmt::format(", define=[{}]", fmt::join(conditions, ", "));
        return all;
    }

    MatchSpec spec_;
};

}  // namespace

RelTranslation describePlanNodesMatch() {
    return translationOf<LogicalMatch>(
        [](const LogicalMatch& match) { return std::make_shared<MatchRel>(match.spec()); });
}

}  // namespace millrace::sql
