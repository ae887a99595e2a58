#include "sql/bind/logical_temporal_join.h"

#include "sql/bind/logical_over.h"
#include "sql/bind/query_binder.h"

namespace millrace::sql {

namespace {

Schema temporalSchema(JoinType type, const LogicalPtr& left, const LogicalPtr& right) {
    std::vector<Field> fields = left->schema().fields();
    for (Field field : right->schema()) {
        if (keepsLeft(type)) field.type = field.type.withNullable(true);
        fields.push_back(std::move(field));
    }
    return Schema(std::move(fields));
}

std::vector<ColumnTraits> temporalTraits(const LogicalPtr& left, const LogicalPtr& right) {
    std::vector<ColumnTraits> traits = left->traits();
    traits.resize(traits.size() + right->schema().size());
    return traits;
}

// rn = 1 or rn <= 1.
bool isFirst(const Expression& condition, size_t number) {
    if (condition.kind() != ExpressionKind::Call || condition.arguments().size() != 2) return false;
    if (condition.name() != "=" && condition.name() != "<=") return false;
    const Expression& column = *condition.arguments()[0];
    const ExpressionPtr bound = Expression::fold(condition.arguments()[1]);
    return column.kind() == ExpressionKind::Column && column.index() == number &&
           bound->kind() == ExpressionKind::Literal && bound->type().isInteger() &&
           !bound->value().isNull() && bound->value().asInt64() == 1;
}

// Of a filter on ROW_NUMBER() in descending order of event time.
std::optional<std::vector<size_t>> lastRowKey(const LogicalFilter& filter) {
    const LogicalNode* below = filter.input().get();
    size_t number = 0;
    std::vector<ExpressionPtr> condition = {filter.condition()};
    std::vector<size_t> to_over;  // the filter's columns in the over's rows
    for (size_t i = 0; i < below->schema().size(); ++i)
        to_over.push_back(i);
    while (const auto* between = dynamic_cast<const LogicalProject*>(below)) {
        for (size_t& column : to_over) {
            if (column == SIZE_MAX) continue;
            const Expression& source = *between->expressions()[column];
            column = source.kind() == ExpressionKind::Column ? source.index() : SIZE_MAX;
        }
        below = between->input().get();
    }
    const auto* over = dynamic_cast<const LogicalOver*>(below);
    if (!over || over->calls().size() != 1 || over->calls().front().rank != RankFunction::RowNumber ||
        over->order().size() != 1 || !over->order().front().descending) {
        return std::nullopt;
    }
    if (over->input()->traits()[over->order().front().column].time != TimeAttribute::Rowtime)
        return std::nullopt;
    const size_t row_number = over->schema().size() - 1;
    for (; number < to_over.size() && to_over[number] != row_number; ++number) {
    }
    if (number == to_over.size() || !isFirst(*filter.condition(), number)) return std::nullopt;
    std::vector<size_t> key;
    for (const size_t column : over->partition()) {
        size_t at = 0;
        while (at < to_over.size() && to_over[at] != column)
            ++at;
        if (at == to_over.size()) return std::nullopt;
        key.push_back(at);
    }
    return key;
}

}  // namespace

LogicalTemporalJoin::LogicalTemporalJoin(JoinType type, const LogicalPtr& left, const LogicalPtr& right,
                                         ExpressionPtr condition, size_t left_time, size_t right_time,
                                         TextSpan where)
    : LogicalNode(temporalSchema(type, left, right), temporalTraits(left, right), {left, right}, where,
                  fmt::format("temporal {} ${} ${} {}", joinTypeName(type), left_time, right_time,
                              condition->canonical())),
      type_(type),
      condition_(std::move(condition)),
      left_time_(left_time),
      right_time_(right_time) {}

std::string LogicalTemporalJoin::describe() const {
    return fmt::format("TemporalJoin(joinType=[{}], condition=[{}], time=[{}])", joinTypeName(type_),
                       condition_->toString(), inputs()[0]->schema()[left_time_].name);
}

LogicalPtr versionsOf(const LogicalPtr& node) {
    if (const auto* above = dynamic_cast<const LogicalProject*>(node.get())) {
        std::vector<std::string> names;
        for (const Field& field : above->schema())
            names.push_back(field.name);
        return project(versionsOf(above->input()), above->expressions(), std::move(names), above->where());
    }
    if (const auto* filter = dynamic_cast<const LogicalFilter*>(node.get()))
        return versionsOf(filter->input());
    const auto* over = dynamic_cast<const LogicalOver*>(node.get());
    if (!over) return node;
    std::vector<ExpressionPtr> columns;
    std::vector<std::string> names;
    for (size_t i = 0; i < over->input()->schema().size(); ++i) {
        columns.push_back(columnOf(over->input(), i));
        names.push_back(over->schema()[i].name);
    }
    columns.push_back(Expression::literal(Value::int64(1), over->schema()[columns.size()].type));
    names.push_back(over->schema()[columns.size() - 1].name);
    return project(over->input(), std::move(columns), std::move(names), over->where());
}

std::optional<std::vector<size_t>> versionKey(const LogicalPtr& node) {
    if (const auto* project = dynamic_cast<const LogicalProject*>(node.get())) {
        const auto below = versionKey(project->input());
        if (!below) return std::nullopt;
        std::vector<size_t> key;
        for (const size_t column : *below) {
            size_t at = 0;
            for (; at < project->expressions().size(); ++at) {
                const Expression& expression = *project->expressions()[at];
                if (expression.kind() == ExpressionKind::Column && expression.index() == column) break;
            }
            if (at == project->expressions().size()) return std::nullopt;
            key.push_back(at);
        }
        return key;
    }
    if (const auto* filter = dynamic_cast<const LogicalFilter*>(node.get())) {
        return lastRowKey(*filter);
    }
    if (const auto* watermark = dynamic_cast<const LogicalWatermark*>(node.get())) {
        const TableDefinition& table = *watermark->table();
        if (table.primary_key.empty()) return std::nullopt;
        std::vector<size_t> key;
        for (const std::string& name : table.primary_key)
            key.push_back(static_cast<size_t>(table.schema().find(name)));
        return key;
    }
    return std::nullopt;
}

}  // namespace millrace::sql
