// What stands in FROM and reads the rows before it: UNNEST, and LATERAL queries. The latter become joins: a
// plain SELECT one on whatever its WHERE says of the rows around it; one that aggregates, or takes the first
// rows, is computed for each combination of what equalities tie it by, and joined by that.
#include <algorithm>

#include "sql/bind/correlation.h"
#include "sql/bind/grouping.h"
#include "sql/bind/logical_join.h"
#include "sql/bind/logical_over.h"
#include "sql/bind/logical_unnest.h"
#include "sql/bind/query_binder.h"

namespace millrace::sql {

namespace {

bool isTrue(const ExpressionPtr& condition) {
    return condition->kind() == ExpressionKind::Literal && !condition->value().isNull() &&
           condition->value().asBool();
}

std::vector<std::string> fieldNames(const Schema& schema) {
    std::vector<std::string> names;
    for (const Field& field : schema)
        names.push_back(field.name);
    return names;
}

std::vector<ExpressionPtr> allColumns(const LogicalPtr& node) {
    std::vector<ExpressionPtr> columns;
    for (size_t i = 0; i < node->schema().size(); ++i)
        columns.push_back(columnOf(node, i));
    return columns;
}

ExpressionPtr trueLiteral() {
    return Expression::literal(Value::boolean(true), LogicalType::boolean().withNullable(false));
}

// `node` with a column behind its own that is TRUE; where a join has padded it, NULL.
LogicalPtr marked(const LogicalPtr& node, const TextSpan& where) {
    std::vector<ExpressionPtr> columns = allColumns(node);
    std::vector<std::string> names = fieldNames(node->schema());
    columns.push_back(trueLiteral());
    names.emplace_back("$found");
    return project(node, std::move(columns), std::move(names), where);
}

// `there` where `mark` is not NULL, else `otherwise`, or NULL.
ExpressionPtr ifMarked(const ExpressionPtr& mark, const ExpressionPtr& there,
                       const ExpressionPtr& otherwise) {
    const LogicalType type = there->type().withNullable(true);
    const ExpressionPtr missing =
        otherwise ? convert(otherwise, type) : Expression::literal(Value::null(), type);
    return Expression::caseWhen({Expression::call("IS NULL", {mark}), missing, there}, type);
}

}  // namespace

bool QueryBinder::isLateral(const TableRef& table) {
    if (std::holds_alternative<UnnestTable>(table.node)) return true;
    const auto* derived = std::get_if<DerivedTable>(&table.node);
    return derived != nullptr && derived->lateral;
}

Scope QueryBinder::bindLateral(const JoinTable& join, const Scope& left, const TextSpan& span) {
    const char* what = std::holds_alternative<UnnestTable>(join.right->node) ? "UNNEST" : "LATERAL";
    if (join.kind == JoinKind::Right || join.kind == JoinKind::Full)
        failAt(join.right->span, "sql.bad-join",
               fmt::format("{} follows only INNER, CROSS and LEFT JOIN", what));
    if (join.natural || !join.using_columns.empty())
        failNotSupported(join.right->span, fmt::format("NATURAL and USING with {} are", what));
    const bool keeps_rows = join.kind == JoinKind::Left;
    LogicalPtr node;
    if (const auto* unnest = std::get_if<UnnestTable>(&join.right->node)) {
        node = unnested(*unnest, left, keeps_rows, join.right->span);
    } else {
        node = lateralJoin(*std::get<DerivedTable>(join.right->node).query, left, keeps_rows);
    }

    std::vector<Field> fields(node->schema().begin() + static_cast<std::ptrdiff_t>(left.size()),
                              node->schema().end());
    const Scope right =
        aliased(std::make_shared<LogicalValues>(Schema(std::move(fields)),
                                                std::vector<std::vector<ExpressionPtr>>(), span),
                *join.right, "");
    std::vector<std::string> names = fieldNames(left.node()->schema());
    for (std::string& name : fieldNames(right.node()->schema()))
        names.push_back(std::move(name));
    Scope scope(renamed(node, names, span), left, right, join.right->span);
    if (!join.on) return scope;
    const ExpressionPtr condition = ExpressionBinder(scope, "ON").bindCondition(*join.on);
    if (isTrue(condition)) return scope;
    if (keeps_rows) {
        failNotSupported(join.on->span, fmt::format("conditions of LEFT JOIN {} other than TRUE are", what),
                         "conditions may stand in the query's WHERE");
    }
    scope.replaceNode(std::make_shared<LogicalFilter>(scope.node(), condition, join.on->span));
    return scope;
}

Scope QueryBinder::bindUnnest(const TableRef& table) {
    const Scope nothing(
        std::make_shared<LogicalValues>(Schema(), std::vector<std::vector<ExpressionPtr>>(1), table.span),
        "");
    return aliased(unnested(std::get<UnnestTable>(table.node), nothing, false, table.span), table, "");
}

// The columns of `left`, then those of the elements.
LogicalPtr QueryBinder::unnested(const UnnestTable& unnest, const Scope& left, bool keeps_rows,
                                 const TextSpan& span) {
    if (unnest.collections.size() != 1)
        failNotSupported(span, "UNNEST of several collections is", "join an UNNEST for each");
    const Expr& written = *unnest.collections.front();
    const ExpressionPtr collection = ExpressionBinder(left, "UNNEST").bindRoot(written);
    if (unnestedFields(collection->type()).empty()) {
        failAt(written.span, "sql.type-mismatch",
               fmt::format("UNNEST takes an ARRAY, a MAP or a MULTISET, but this is {}",
                           collection->type().toString()));
    }
    std::vector<ExpressionPtr> columns;
    std::vector<std::string> names;
    for (size_t i = 0; i < left.size(); ++i) {
        columns.push_back(columnOf(left.node(), i));
        names.push_back(left.field(i).name);
    }
    columns.push_back(collection);
    names.push_back(collection->toString());
    return std::make_shared<LogicalUnnest>(project(left.node(), std::move(columns), std::move(names), span),
                                           keeps_rows, unnest.with_ordinality, span);
}

// The columns of `left`, then those of the query, whose WHERE may name the former.
LogicalPtr QueryBinder::lateralJoin(const Query& query, const Scope& left, bool keeps_rows) {
    const JoinType type = keeps_rows ? JoinType::Left : JoinType::Inner;
    const auto* select = std::get_if<Select>(&query.body->node);
    const bool reads_rows = select != nullptr && select->from && query.with.empty();
    if (select != nullptr && !select->from && query.with.empty() && !select->where &&
        !isGroupedSelect(*select))
        return computed(*select, left, query.span);
    if (reads_rows && (isGroupedSelect(*select) || query.limit || query.offset || select->distinct))
        return tiedLateral(query, *select, left, type);

    SubQuery sub = bindSubQuery(query, left, true);
    const size_t width = left.size() + sub.node->schema().size();
    if (keeps_rows) sub.node = marked(sub.node, query.span);
    const LogicalPtr joined =
        std::make_shared<LogicalJoin>(type, left.node(), sub.node, sub.condition, query.span);
    std::vector<ExpressionPtr> columns = allColumns(joined);
    columns.resize(left.size());
    std::vector<std::string> names = fieldNames(left.node()->schema());
    const std::vector<ExpressionPtr> now = allColumns(joined);
    for (size_t i = 0; i < sub.items.size(); ++i) {
        const ExpressionPtr& item = sub.items[i];
        const bool of_query = item->kind() == ExpressionKind::Column && item->index() >= left.size();
        const ExpressionPtr value = Expression::rewriteColumns(item, now);
        columns.push_back(keeps_rows && !of_query ? ifMarked(columnOf(joined, width), value, nullptr)
                                                  : value);
        names.push_back(sub.names[i]);
    }
    return project(joined, std::move(columns), std::move(names), query.span);
}

// LATERAL (SELECT t.a + 1): one row for each.
LogicalPtr QueryBinder::computed(const Select& select, const Scope& left, const TextSpan& span) {
    ExpressionBinder binder(left, "SELECT");
    std::vector<ExpressionPtr> columns = allColumns(left.node());
    std::vector<std::string> names = fieldNames(left.node()->schema());
    for (const SelectItem& item : select.items) {
        columns.push_back(binder.bindRoot(*item.expression));
        names.push_back(item.alias ? item.alias->name
                                   : derivedName(*item.expression, columns.size() - left.size() - 1));
    }
    return project(left.node(), std::move(columns), std::move(names), span);
}

LogicalPtr QueryBinder::tiedLateral(const Query& query, const Select& select, const Scope& left,
                                    JoinType type) {
    const TextSpan& span = query.span;
    if (select.qualify || !select.windows.empty() || !select.hints.empty())
        failNotSupported(span, "QUALIFY, WINDOW and hints in a LATERAL query are");
    Ties ties = bindTies(select, left, nullptr);
    const size_t keys = ties.keys.size();
    const bool grouped = isGroupedSelect(select);
    const bool one_row = grouped && select.group_by.empty();

    // What the query selects, and orders by, of its own rows.
    GroupingKeys by{ties.keys, {}};
    if (grouped) by = bindGroupingKeys(select, ties.inner);
    if (!by.sets.empty()) failNotSupported(span, "grouping sets in a LATERAL query are");
    std::vector<ExpressionPtr> all_keys = ties.keys;
    all_keys.insert(all_keys.end(), by.keys.begin(), by.keys.end());
    GroupedBinder groups(ties.inner, {grouped ? all_keys : std::vector<ExpressionPtr>{}, {}}, nullptr);
    ExpressionBinder plain(ties.inner, "SELECT");
    ExpressionBinder& binder = grouped ? static_cast<ExpressionBinder&>(groups) : plain;
    std::vector<ExpressionPtr> items;
    std::vector<std::string> names;
    for (const SelectItem& item : select.items) {
        if (const auto* star = std::get_if<Star>(&item.expression->node)) {
            for (const size_t column : ties.inner.star(star->qualifier)) {
                items.push_back(grouped ? groups.bindKeyColumn(column, item.expression->span)
                                        : columnOf(ties.inner.node(), column));
                names.push_back(ties.inner.field(column).name);
            }
            continue;
        }
        items.push_back(binder.bindRoot(*item.expression));
        names.push_back(item.alias ? item.alias->name : derivedName(*item.expression, names.size()));
    }
    std::vector<std::pair<size_t, const OrderItem*>> order;  // columns among the items, and behind them
    const size_t visible = items.size();
    for (const OrderItem& item : query.order_by) {
        const auto* column = std::get_if<ColumnRef>(&item.expression->node);
        const auto alias = column && column->path.size() == 1
                               ? std::find(names.begin(), names.end(), column->path.front().name)
                               : names.end();
        order.emplace_back(static_cast<size_t>(alias - names.begin()), &item);
        if (alias != names.end()) continue;
        order.back().first = items.size();
        items.push_back(binder.bindRoot(*item.expression));
    }
    if (select.distinct && items.size() > visible)
        failAt(span, "sql.bad-order", "with DISTINCT, ORDER BY takes only what SELECT lists");
    const ExpressionPtr having = select.having ? groups.bindCondition(*select.having) : nullptr;
    if (having && one_row)
        failNotSupported(select.having->span, "HAVING without GROUP BY in a LATERAL query is");
    LogicalPtr node = grouped ? groups.build(span) : ties.inner.node();
    std::vector<ExpressionPtr> columns;
    for (size_t i = 0; i < keys; ++i)
        columns.push_back(grouped ? columnOf(node, i) : ties.keys[i]);
    std::vector<ExpressionPtr> if_empty;  // of aggregates over no rows
    if (one_row) {
        std::vector<ExpressionPtr> empty = columns;
        for (const AggregateCall& call : as<LogicalAggregate>(*node).calls()) {
            empty.push_back(call.function->name == "COUNT"
                                ? Expression::literal(Value::int64(0), call.type)
                                : Expression::literal(Value::null(), call.type.withNullable(true)));
        }
        for (size_t i = 0; i < visible; ++i)
            if_empty.push_back(Expression::fold(Expression::rewriteColumns(items[i], empty)));
    }
    if (having) node = std::make_shared<LogicalFilter>(node, having, select.having->span);
    columns.insert(columns.end(), items.begin(), items.end());
    std::vector<std::string> all_names;
    for (size_t i = 0; i < columns.size(); ++i)
        all_names.push_back(fmt::format("${}", i));
    node = project(node, std::move(columns), std::move(all_names), span);
    if (select.distinct) node = distinct(node, span);
    if (query.limit || query.offset) node = firstOfEach(query, std::move(node), keys, order);

    // The join, by what ties the query to the rows around it.
    if (one_row) {
        node = marked(node, span);
        type = JoinType::Left;
    }
    std::vector<ExpressionPtr> equal;
    for (size_t i = 0; i < keys; ++i) {
        const Field& key = node->schema()[i];
        equal.push_back(
            Expression::call("=", {ties.outer[i], Expression::column(left.size() + i, key.type, key.name)}));
    }
    const LogicalPtr joined =
        std::make_shared<LogicalJoin>(type, left.node(), node, conjunction(std::move(equal)), span);
    std::vector<ExpressionPtr> result = allColumns(joined);
    result.resize(left.size());
    std::vector<std::string> result_names = fieldNames(left.node()->schema());
    const size_t mark = left.size() + node->schema().size() - 1;
    for (size_t i = 0; i < visible; ++i) {
        const ExpressionPtr value = columnOf(joined, left.size() + keys + i);
        result.push_back(one_row ? ifMarked(columnOf(joined, mark), value, if_empty[i]) : value);
        result_names.push_back(names[i]);
    }
    return project(joined, std::move(result), std::move(result_names), span);
}

// OFFSET and LIMIT for each combination of the first `keys` columns.
LogicalPtr QueryBinder::firstOfEach(const Query& query, LogicalPtr node, size_t keys,
                                    const std::vector<std::pair<size_t, const OrderItem*>>& order) {
    if (order.empty())
        failNotSupported(query.limit ? query.limit->span : query.offset->span,
                         "LIMIT in a LATERAL query without ORDER BY is");
    const int64_t offset = query.offset ? rowCount(query.offset, "OFFSET") : 0;
    std::vector<size_t> partition(keys);
    for (size_t i = 0; i < keys; ++i)
        partition[i] = i;
    std::vector<SortKey> sort;
    sort.reserve(order.size());
    for (const auto& [column, item] : order)
        sort.push_back(sortKey(*item, keys + column));
    OverCall number;
    number.rank = RankFunction::RowNumber;
    number.aggregate.type = LogicalType::bigint().withNullable(false);
    number.aggregate.text = "ROW_NUMBER()";
    OverFrame frame;
    frame.rows = true;
    const size_t width = node->schema().size();
    const TextSpan where = order.front().second->expression->span;
    node = std::make_shared<LogicalOver>(node, std::move(partition), std::move(sort), frame,
                                         std::vector{std::move(number)}, where);
    const auto compared = [&](const char* comparison, int64_t count) {
        return Expression::call(
            comparison,
            {columnOf(node, width), Expression::literal(Value::int64(count), node->schema()[width].type)});
    };
    std::vector<ExpressionPtr> conditions;
    if (query.limit) conditions.push_back(compared("<=", offset + rowCount(query.limit, "LIMIT")));
    if (offset > 0) conditions.push_back(compared(">", offset));
    if (const ExpressionPtr condition = conjunction(std::move(conditions)))
        node = std::make_shared<LogicalFilter>(node, condition, where);
    return firstColumns(node, width, where);
}

}  // namespace millrace::sql
