#include "sql/bind/logical_match.h"

#include <fmt/ranges.h>

#include "sql/bind/logical_over.h"

namespace millrace::sql {

std::string PatternCell::canonical() const {
    const std::string rows = variable ? fmt::format("v{}", *variable) : "all";
    if (kind != Kind::Aggregate)
        return fmt::format("{} {} ${} {}", kind == Kind::First ? "first" : "last", rows, column, offset);
    std::string literals;
    for (const ArgumentInfo& info : aggregate.infos) {
        if (info.literal) literals += " '" + info.literal->toString(info.type) + "'";
    }
    return fmt::format("{} of {}([{}]{})->{}", aggregate.function->name, rows,
                       fmt::join(aggregate.arguments, ","), literals, type.toString());
}

std::string MatchSpec::patternText() const {
    std::string text;
    for (const PatternVariable& variable : variables) {
        const PatternPart& part = variable.part;
        std::string quantifier;
        if (!part.to) {
            quantifier = part.from == 0 ? "*" : part.from == 1 ? "+" : fmt::format("{{{},}}", part.from);
        } else if (part.from == 0 && *part.to == 1) {
            quantifier = "?";
        } else if (part.from != *part.to) {
            quantifier = fmt::format("{{{},{}}}", part.from, *part.to);
        } else if (part.from != 1) {
            quantifier = fmt::format("{{{}}}", part.from);
        }
        text += (text.empty() ? "" : " ") + variable.name + quantifier + (part.reluctant ? "?" : "");
    }
    return text;
}

std::string MatchSpec::afterText() const {
    switch (after) {
        case AfterMatch::ToNextRow:
            return "SKIP TO NEXT ROW";
        case AfterMatch::PastLastRow:
            return "SKIP PAST LAST ROW";
        case AfterMatch::ToFirst:
            return "SKIP TO FIRST " + variables[after_variable].name;
        case AfterMatch::ToLast:
            return "SKIP TO LAST " + variables[after_variable].name;
    }
    return "";
}

std::string MatchSpec::canonical() const {
    std::string text = fmt::format("match by [{}] order", fmt::join(partition, ","));
    for (const SortKey& key : order)
        text += fmt::format(" ${} {} {}", key.column, key.descending, key.nulls_first);
    for (const PatternVariable& variable : variables) {
        const PatternPart& part = variable.part;
        text += fmt::format(" ({},{},{}", part.from, part.to.value_or(-1), part.reluctant);
        if (variable.column) text += fmt::format(" ${}", *variable.column);
        if (variable.condition) text += " " + variable.condition->canonical();
        text += ")";
    }
    text += fmt::format(" after {} {} within {}", static_cast<int>(after), after_variable, within_ms);
    for (const PatternCell& cell : condition_cells)
        text += " if:" + cell.canonical();
    for (const PatternCell& cell : cells)
        text += " get:" + cell.canonical();
    return text;
}

namespace {

Schema matchSchema(const LogicalPtr& input, const MatchSpec& spec) {
    std::vector<Field> fields;
    for (const size_t key : spec.partition)
        fields.push_back(input->schema()[key]);
    for (const PatternCell& cell : spec.cells)
        fields.push_back({cell.text, cell.type});
    return Schema(std::move(fields));
}

std::vector<ColumnTraits> matchTraits(const MatchSpec& spec, std::optional<size_t> rowtime_cell) {
    std::vector<ColumnTraits> traits(spec.partition.size() + spec.cells.size());
    if (rowtime_cell) traits[spec.partition.size() + *rowtime_cell].time = TimeAttribute::Rowtime;
    return traits;
}

}  // namespace

LogicalMatch::LogicalMatch(LogicalPtr input, std::shared_ptr<const MatchSpec> spec,
                           std::optional<size_t> rowtime_cell, TextSpan where)
    : LogicalNode(matchSchema(input, *spec), matchTraits(*spec, rowtime_cell), {input}, where,
                  spec->canonical()),
      spec_(std::move(spec)) {}

std::string LogicalMatch::describe() const {
    std::vector<std::string> keys;
    for (const size_t key : spec_->partition)
        keys.push_back(input()->schema()[key].name);
    return fmt::format("Match(partitionBy=[{}], orderBy=[{}], pattern=[{}], after=[{}])",
                       fmt::join(keys, ", "), orderText(spec_->order, input()->schema()),
                       spec_->patternText(), spec_->afterText());
}

}  // namespace millrace::sql
