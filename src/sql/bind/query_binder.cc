#include "sql/bind/query_binder.h"

#include <algorithm>
#include <set>

#include "sql/bind/logical_set_operation.h"
#include "types/coercion.h"

namespace millrace::sql {

ExpressionPtr columnOf(const LogicalPtr& node, size_t column) {
    const Field& field = node->schema()[column];
    return Expression::column(column, field.type, field.name);
}

LogicalPtr project(const LogicalPtr& input, std::vector<ExpressionPtr> expressions,
                   std::vector<std::string> names, const TextSpan& where) {
    bool same = expressions.size() == input->schema().size();
    std::vector<ColumnTraits> traits;
    for (size_t i = 0; i < expressions.size(); ++i) {
        const Expression& expression = *expressions[i];
        if (expression.kind() == ExpressionKind::Column) {
            traits.push_back(input->traits()[expression.index()]);
            same = same && expression.index() == i && input->schema()[i].name == names[i];
            continue;
        }
        same = false;
        ColumnTraits trait;
        if (expression.kind() == ExpressionKind::Call && expression.name() == "PROCTIME")
            trait.time = TimeAttribute::Proctime;
        traits.push_back(trait);
    }
    if (same) return input;
    return std::make_shared<LogicalProject>(input, std::move(expressions), std::move(names),
                                            std::move(traits), where);
}

LogicalPtr renamed(const LogicalPtr& node, const std::vector<std::string>& names, const TextSpan& where) {
    std::vector<ExpressionPtr> columns;
    for (size_t i = 0; i < node->schema().size(); ++i)
        columns.push_back(columnOf(node, i));
    return project(node, std::move(columns), names, where);
}

LogicalPtr firstColumns(const LogicalPtr& input, size_t count, const TextSpan& where) {
    std::vector<ExpressionPtr> kept;
    std::vector<std::string> names;
    for (size_t i = 0; i < count; ++i) {
        kept.push_back(columnOf(input, i));
        names.push_back(input->schema()[i].name);
    }
    return project(input, std::move(kept), std::move(names), where);
}

LogicalPtr converted(const LogicalPtr& input, const std::vector<LogicalType>& types, const TextSpan& where) {
    std::vector<ExpressionPtr> expressions;
    std::vector<std::string> names;
    for (size_t i = 0; i < types.size(); ++i) {
        expressions.push_back(convert(columnOf(input, i), types[i]));
        names.push_back(input->schema()[i].name);
    }
    return project(input, std::move(expressions), std::move(names), where);
}

LogicalPtr distinct(const LogicalPtr& input, const TextSpan& where) {
    std::vector<size_t> keys(input->schema().size());
    for (size_t i = 0; i < keys.size(); ++i)
        keys[i] = i;
    return std::make_shared<LogicalAggregate>(input, std::move(keys), std::vector<AggregateCall>{}, where);
}

std::string derivedName(const Expr& expr, size_t position) {
    if (const auto* column = std::get_if<ColumnRef>(&expr.node)) return column->path.back().name;
    if (const auto* field = std::get_if<FieldAccess>(&expr.node)) return field->field.name;
    return fmt::format("EXPR${}", position);
}

void makeUnique(std::vector<std::string>& names) {
    std::set<std::string> used;
    for (std::string& name : names) {
        std::string candidate = name;
        for (size_t i = 0; !used.insert(candidate).second; ++i)
            candidate = name + std::to_string(i);
        name = std::move(candidate);
    }
}

void checkSize(const LogicalPtr& node, const TextSpan& where) {
    constexpr size_t kNodesMax = 20'000;
    constexpr size_t kHeightMaxOfPlan = 1'000;
    if (node->size() <= kNodesMax && node->height() <= kHeightMaxOfPlan) return;
    failAt(where, "sql.too-large",
           fmt::format(
               "with its views written out, the query has {} steps, {} deep; at most {} and {} are possible",
               node->size(), node->height(), kNodesMax, kHeightMaxOfPlan),
           "write parts of it to tables");
}

LogicalPtr QueryBinder::bindQuery(const Query& query) {
    if (depth_ >= kQueryDepthMax) {
        failAt(query.span, "sql.too-deep",
               fmt::format("queries and views nest more than {} deep", kQueryDepthMax));
    }
    ++depth_;
    with_.emplace_back();
    for (const CommonTable& table : query.with) {
        LogicalPtr plan = bindQuery(*table.query);
        if (!table.columns.empty()) {
            std::vector<std::string> names;
            for (const Identifier& column : table.columns)
                names.push_back(column.name);
            if (names.size() != plan->schema().size()) {
                failAt(table.name.span, "sql.column-count",
                       fmt::format("'{}' names {} columns, but its query has {}", table.name.name,
                                   names.size(), plan->schema().size()));
            }
            plan = renamed(plan, names, table.name.span);
        }
        if (!with_.back().emplace(table.name.name, std::move(plan)).second) {
            failAt(table.name.span, "sql.duplicate-name",
                   fmt::format("WITH defines '{}' twice", table.name.name));
        }
    }
    LogicalPtr plan;
    if (const auto* select = std::get_if<Select>(&query.body->node)) {
        plan = bindSelect(*select, query.body->span, &query);
    } else {
        plan = bindOrder(query, bindBody(*query.body));
    }
    checkSize(plan, query.span);
    with_.pop_back();
    --depth_;
    return plan;
}

LogicalPtr QueryBinder::bindBody(const QueryBody& body) {
    if (const auto* select = std::get_if<Select>(&body.node)) return bindSelect(*select, body.span, nullptr);
    if (const auto* values = std::get_if<ValuesBody>(&body.node)) return bindValues(*values, body.span);
    if (const auto* operation = std::get_if<SetOperation>(&body.node))
        return bindSetOperation(*operation, body.span);
    return bindQuery(*std::get<QueryPtr>(body.node));
}

LogicalPtr QueryBinder::bindValues(const ValuesBody& values, const TextSpan& span) {
    Scope empty;
    empty.setCatalog(&catalog_);
    ExpressionBinder binder(empty, "VALUES");
    std::vector<std::vector<ExpressionPtr>> rows;
    for (const auto& row : values.rows) {
        std::vector<ExpressionPtr> bound;
        bound.reserve(row.size());
        for (const ExprPtr& expr : row)
            bound.push_back(binder.bindRoot(*expr));
        if (!rows.empty() && bound.size() != rows.front().size()) {
            failAt(row.front()->span, "sql.column-count",
                   fmt::format("this row has {} columns, the first one has {}", bound.size(),
                               rows.front().size()));
        }
        rows.push_back(std::move(bound));
    }
    std::vector<Field> fields;
    for (size_t column = 0; column < rows.front().size(); ++column) {
        std::vector<LogicalType> types;
        types.reserve(rows.size());
        for (const auto& row : rows)
            types.push_back(row[column]->type());
        const auto type = commonType(types);
        if (!type) {
            failAt(values.rows.front()[column]->span, "sql.type-mismatch",
                   fmt::format("the values of column {} have no common type", column + 1),
                   "CAST them to one");
        }
        for (auto& row : rows)
            row[column] = Expression::fold(convert(row[column], *type));
        fields.push_back({fmt::format("EXPR${}", column), *type});
    }
    return std::make_shared<LogicalValues>(Schema(std::move(fields)), std::move(rows), span);
}

LogicalPtr QueryBinder::bindSetOperation(const SetOperation& operation, const TextSpan& span) {
    const char* name = operation.op == SetOperator::Union       ? "UNION"
                       : operation.op == SetOperator::Intersect ? "INTERSECT"
                                                                : "EXCEPT";
    std::vector<LogicalPtr> inputs;
    for (const QueryBodyPtr& input : operation.inputs) {
        inputs.push_back(bindBody(*input));
        if (inputs.back()->schema().size() != inputs.front()->schema().size()) {
            failAt(input->span, "sql.column-count",
                   fmt::format("{} of queries with {} and {} columns", name, inputs.front()->schema().size(),
                               inputs.back()->schema().size()));
        }
    }
    std::vector<LogicalType> common;
    for (size_t column = 0; column < inputs.front()->schema().size(); ++column) {
        std::vector<LogicalType> types;
        types.reserve(inputs.size());
        for (const LogicalPtr& input : inputs)
            types.push_back(input->schema()[column].type);
        const auto type = commonType(types);
        if (!type) {
            std::string all;
            for (const LogicalType& candidate : types)
                all += (all.empty() ? "" : ", ") + candidate.toString();
            failAt(span, "sql.type-mismatch",
                   fmt::format("column {} of {} has types without a common one: {}", column + 1, name, all),
                   "CAST them to one");
        }
        common.push_back(*type);
    }
    for (LogicalPtr& input : inputs)
        input = converted(input, common, span);
    if (operation.op == SetOperator::Union) {
        LogicalPtr result = std::make_shared<LogicalUnion>(std::move(inputs), span);
        return operation.all ? result : distinct(result, span);
    }
    const SetOperationKind kind =
        operation.op == SetOperator::Intersect ? SetOperationKind::Intersect : SetOperationKind::Except;
    return std::make_shared<LogicalSetOperation>(kind, operation.all, std::move(inputs), span);
}

int64_t QueryBinder::rowCount(const ExprPtr& expr, const char* what) const {
    const Scope empty;
    const ExpressionPtr bound = ExpressionBinder(empty, what).bindRoot(*expr);
    const Value value = constantValue(bound, expr->span, what);
    if (!bound->type().isInteger() || value.isNull() || value.asInt64() < 0) {
        failAt(expr->span, "sql.bad-argument", fmt::format("{} must be a whole number from 0", what));
    }
    return value.asInt64();
}

SortKey QueryBinder::sortKey(const OrderItem& item, size_t column) const {
    // NULL is the lowest value unless the query says otherwise.
    return {column, item.descending, item.nulls_first.value_or(!item.descending)};
}

LogicalPtr QueryBinder::limited(const Query& query, LogicalPtr plan, std::vector<SortKey> keys) const {
    const int64_t offset = query.offset ? rowCount(query.offset, "OFFSET") : 0;
    std::optional<int64_t> limit;
    if (query.limit) limit = rowCount(query.limit, "LIMIT");
    if (keys.empty() && offset == 0 && !limit) return plan;
    TextSpan where = query.span;
    if (!query.order_by.empty()) {
        where = query.order_by.front().expression->span;
    } else if (query.limit) {
        where = query.limit->span;
    }
    for (const SortKey& key : keys) {
        const LogicalType& type = plan->schema()[key.column].type;
        if (type.kind() == TypeKind::Variant) {
            failAt(where, "sql.type-mismatch", "VARIANT has no order",
                   "CAST the value to a type that has one");
        }
    }
    return std::make_shared<LogicalSort>(std::move(plan), std::move(keys), offset, limit, where);
}

// ORDER BY behind anything but a SELECT: only its columns can be named. What is computed of them is carried
// along and dropped again behind the sort.
LogicalPtr QueryBinder::bindOrder(const Query& query, LogicalPtr plan) {
    const size_t visible = plan->schema().size();
    std::vector<SortKey> keys;
    std::vector<ExpressionPtr> columns;
    std::vector<std::string> names;
    for (size_t i = 0; i < visible; ++i) {
        columns.push_back(columnOf(plan, i));
        names.push_back(plan->schema()[i].name);
    }
    Scope scope(plan, "");
    scope.setCatalog(&catalog_);
    ExpressionBinder binder(scope, "ORDER BY");
    for (const OrderItem& item : query.order_by) {
        const ExpressionPtr bound = binder.bindRoot(*item.expression);
        size_t column = bound->index();
        if (bound->kind() == ExpressionKind::Literal && bound->type().isInteger()) {
            column = static_cast<size_t>(bound->value().asInt64()) - 1;
            if (column >= visible)
                failAt(item.expression->span, "sql.unknown-column", "there is no such column");
        } else if (bound->kind() != ExpressionKind::Column) {
            column = columns.size();
            columns.push_back(bound);
            names.push_back(fmt::format("$o{}", column));
        }
        keys.push_back(sortKey(item, column));
    }
    if (columns.size() > visible) plan = project(plan, std::move(columns), std::move(names), query.span);
    plan = limited(query, std::move(plan), std::move(keys));
    return plan->schema().size() > visible ? firstColumns(plan, visible, query.span) : plan;
}

}  // namespace millrace::sql
