#include "sql/bind/scalar_queries.h"

#include <algorithm>
#include <unordered_set>

#include "sql/bind/correlation.h"
#include "sql/bind/grouping.h"
#include "sql/bind/logical_join.h"
#include "sql/bind/over_calls.h"

namespace millrace::sql {

namespace {

// A SELECT of one expression that WHERE may tie to the query around it: without GROUP BY, it has one row if
// it aggregates, and the rows of FROM otherwise.
const Select* tieableSelect(const Query& query) {
    const auto* select = std::get_if<Select>(&query.body->node);
    if (select == nullptr || !query.with.empty() || query.limit || query.offset) return nullptr;
    const bool plain = select->from && select->group_by.empty() && !select->having && !select->qualify &&
                       select->windows.empty() && select->hints.empty() && !select->distinct;
    if (!plain || select->items.size() != 1) return nullptr;
    const Expr& item = *select->items.front().expression;
    return std::holds_alternative<Star>(item.node) ? nullptr : select;
}

LogicalPtr singleValue(const LogicalPtr& input, size_t keys, const TextSpan& where) {
    AggregateCall call;
    call.function = findAggregateFunction("SINGLE_VALUE");
    const LogicalType& type = input->schema()[keys].type;
    call.arguments = {keys};
    call.infos = {ArgumentInfo{type}};
    call.type = type.withNullable(true);
    call.text = fmt::format("SINGLE_VALUE({})", input->schema()[keys].name);
    std::vector<size_t> columns(keys);
    for (size_t i = 0; i < keys; ++i)
        columns[i] = i;
    return std::make_shared<LogicalAggregate>(input, std::move(columns), std::vector{std::move(call)}, where);
}

void collectColumnNodes(const ExpressionPtr& node, std::unordered_set<const Expression*>& seen,
                        std::vector<ExpressionPtr>& by_index) {
    if (node->kind() == ExpressionKind::Column) {
        if (by_index.size() <= node->index()) by_index.resize(node->index() + 1);
        by_index[node->index()] = node;
        return;
    }
    if (!seen.insert(node.get()).second) return;
    for (const ExpressionPtr& argument : node->arguments())
        collectColumnNodes(argument, seen, by_index);
}

}  // namespace

// A sub-query that WHERE ties by equalities to the query around it, or that is tied to nothing.
ScalarQueries::Pending ScalarQueries::bindTied(const Select& select, const TextSpan& span) {
    Pending result;
    QueryBinder::Ties ties = binder_.bindTies(select, scope_, outer_column_);
    Scope& inner = ties.inner;
    const std::vector<ExpressionPtr>& keys = ties.keys;
    result.outer = std::move(ties.outer);

    const SelectItem& item = select.items.front();
    std::vector<std::string> names;
    for (size_t i = 0; i < keys.size(); ++i)
        names.push_back(fmt::format("$k{}", i));
    names.push_back("$value");
    std::vector<ExpressionPtr> columns = keys;
    if (!containsAggregate(*item.expression)) {
        const ExpressionPtr value = ExpressionBinder(inner, "SELECT").bindRoot(*item.expression);
        result.type = value->type().withNullable(true);
        columns.push_back(value);
        result.node = singleValue(project(inner.node(), std::move(columns), std::move(names), span),
                                  result.outer.size(), span);
        return result;
    }
    GroupedBinder groups(inner, {keys, {}}, nullptr);
    const ExpressionPtr value = groups.bindRoot(*item.expression);
    result.type = value->type().withNullable(true);
    const LogicalPtr grouped = groups.build(span);
    std::vector<ExpressionPtr> empty;  // the columns of a group that has no row
    for (size_t i = 0; i < keys.size(); ++i) {
        columns[i] = columnOf(grouped, i);
        empty.push_back(Expression::literal(Value::null(), columns[i]->type().withNullable(true)));
    }
    for (const AggregateCall& call : as<LogicalAggregate>(*grouped).calls()) {
        const bool counts = call.function->name == "COUNT";
        empty.push_back(counts ? Expression::literal(Value::int64(0), call.type)
                               : Expression::literal(Value::null(), call.type.withNullable(true)));
    }
    const ExpressionPtr if_empty = Expression::fold(Expression::rewriteColumns(value, empty));
    columns.push_back(value);
    if (if_empty->kind() != ExpressionKind::Literal || !if_empty->value().isNull()) {
        result.if_empty = if_empty;
        columns.push_back(
            Expression::literal(Value::boolean(true), LogicalType::boolean().withNullable(false)));
        names.push_back("$found");
    }
    result.node = project(grouped, std::move(columns), std::move(names), span);
    return result;
}

// Any other query: it names nothing of the query around it.
ScalarQueries::Pending ScalarQueries::bindAlone(const Query& query, const TextSpan& span) {
    Pending result;
    result.node = binder_.bindQuery(query);
    if (result.node->schema().size() != 1) {
        failAt(query.span, "sql.column-count",
               fmt::format("a sub-query that stands for a value has one column, but this has {}",
                           result.node->schema().size()));
    }
    result.type = result.node->schema()[0].type.withNullable(true);
    const bool one_row = query.limit && binder_.rowCount(query.limit, "LIMIT") <= 1;
    if (!one_row) result.node = singleValue(result.node, 0, span);
    return result;
}

ExpressionPtr ScalarQueries::bind(const Query& query, const TextSpan& span) {
    const Select* select = tieableSelect(query);
    return add(select != nullptr ? bindTied(*select, span) : bindAlone(query, span), span);
}

ExpressionPtr ScalarQueries::add(Pending pending, const TextSpan& span) {
    for (const ExpressionPtr& outer : pending.outer) {
        std::vector<ExpressionPtr> columns;
        std::unordered_set<const Expression*> seen;
        collectColumnNodes(outer, seen, columns);
        for (const ExpressionPtr& column : columns) {
            if (column && column->index() >= OverCalls::kFirst)
                failNotSupported(span, "comparing a window function or a sub-query with a sub-query is");
        }
    }
    pending.where = span;
    pending_.push_back(std::move(pending));
    return Expression::column(kFirst + pending_.size() - 1, pending_.back().type, "(sub-query)");
}

ScalarQueries::Rows ScalarQueries::rowsOf(const Query& query, bool wants_items) {
    Rows rows;
    const auto* select = std::get_if<Select>(&query.body->node);
    const bool plain = select != nullptr && select->from && query.with.empty() && !query.limit &&
                       !query.offset && !isGroupedSelect(*select) && !select->qualify &&
                       select->windows.empty() && select->hints.empty();
    if (!plain) {
        rows.node = binder_.bindQuery(query);
        for (size_t i = 0; i < rows.node->schema().size(); ++i)
            rows.items.push_back(columnOf(rows.node, i));
        return rows;
    }
    QueryBinder::Ties ties = binder_.bindTies(*select, scope_, outer_column_);
    rows.node = ties.inner.node();
    rows.keys = std::move(ties.keys);
    rows.outer = std::move(ties.outer);
    if (!wants_items) return rows;
    ExpressionBinder binder(ties.inner, "SELECT");
    for (const SelectItem& item : select->items) {
        if (const auto* star = std::get_if<Star>(&item.expression->node)) {
            for (const size_t column : ties.inner.star(star->qualifier))
                rows.items.push_back(columnOf(rows.node, column));
        } else {
            rows.items.push_back(binder.bindRoot(*item.expression));
        }
    }
    return rows;
}

ExpressionPtr ScalarQueries::addFound(const Rows& rows, std::vector<ExpressionPtr> outer,
                                      const TextSpan& span) {
    const ExpressionPtr yes =
        Expression::literal(Value::boolean(true), LogicalType::boolean().withNullable(false));
    std::vector<ExpressionPtr> columns = rows.keys;
    columns.insert(columns.end(), rows.items.begin(), rows.items.end());
    columns.insert(columns.end(), {yes, yes});
    std::vector<std::string> names;
    for (size_t i = 0; i < columns.size(); ++i)
        names.push_back(fmt::format("$k{}", i));
    Pending found;
    found.node = distinct(project(rows.node, std::move(columns), std::move(names), span), span);
    found.outer = std::move(outer);
    found.type = LogicalType::boolean();
    found.if_empty = Expression::literal(Value::boolean(false), LogicalType::boolean().withNullable(false));
    return add(std::move(found), span);
}

// The keys, and MIN or MAX of an expression over the rows that have them.
LogicalPtr ScalarQueries::aggregated(const Rows& rows, const char* function, const ExpressionPtr& value,
                                     const char* name, const TextSpan& span) {
    std::vector<ExpressionPtr> columns = rows.keys;
    std::vector<std::string> names;
    std::vector<size_t> keys;
    for (size_t i = 0; i < columns.size(); ++i) {
        names.push_back(fmt::format("$k{}", i));
        keys.push_back(i);
    }
    columns.push_back(value);
    names.emplace_back(name);
    AggregateCall call;
    call.function = findAggregateFunction(function);
    call.arguments = {keys.size()};
    call.infos = {ArgumentInfo{value->type()}};
    call.type = call.function->bind(call.infos, false, false)->resultType();
    call.text = fmt::format("{}({})", function, name);
    return std::make_shared<LogicalAggregate>(project(rows.node, std::move(columns), std::move(names), span),
                                              keys, std::vector{std::move(call)}, span);
}

ExpressionPtr ScalarQueries::addExtreme(const Rows& rows, const char* function, const TextSpan& span) {
    Pending extreme;
    extreme.node = located(span, [&] { return aggregated(rows, function, rows.items.front(), "$v", span); });
    extreme.outer = rows.outer;
    extreme.type = rows.items.front()->type().withNullable(true);
    return add(std::move(extreme), span);
}

ExpressionPtr ScalarQueries::addNulls(const Rows& rows, const ExpressionPtr& item, const TextSpan& span) {
    const LogicalType type = LogicalType::integer().withNullable(false);
    const auto number = [&](int64_t value) { return Expression::literal(Value::int64(value), type); };
    const LogicalPtr node = aggregated(
        rows, "MAX", Expression::caseWhen({Expression::call("IS NULL", {item}), number(2), number(1)}, type),
        "$n", span);
    const size_t keys = rows.keys.size();
    std::vector<std::string> names;
    std::vector<ExpressionPtr> result;
    for (size_t i = 0; i <= keys; ++i) {
        result.push_back(columnOf(node, i));
        names.push_back(node->schema()[i].name);
    }
    result.push_back(Expression::literal(Value::boolean(true), LogicalType::boolean().withNullable(false)));
    names.emplace_back("$found");
    Pending nulls;
    nulls.node = project(node, std::move(result), std::move(names), span);
    nulls.outer = rows.outer;
    nulls.type = LogicalType::integer();
    nulls.if_empty = number(0);
    // Without keys there is a row even where there is nothing, and MAX is NULL in it.
    return Expression::call("COALESCE", {add(std::move(nulls), span), number(0)});
}

ExpressionPtr ScalarQueries::bindExists(const Query& query, const TextSpan& span) {
    Rows rows = rowsOf(query, false);
    rows.items.clear();
    std::vector<ExpressionPtr> outer = rows.outer;
    return addFound(rows, std::move(outer), span);
}

ExpressionPtr ScalarQueries::bindIn(const InQuery& node, std::vector<ExpressionPtr> values,
                                    const TextSpan& span) {
    const std::string comparison = node.comparison.empty() ? "=" : node.comparison;
    const bool any = node.quantifier != "ALL";
    const bool negated = comparison == "<>" && !any;
    if (!negated && !(comparison == "=" && any)) return bindCompared(node, values, span);
    const Rows rows = rowsOf(*node.query, true);
    if (rows.items.size() != values.size()) {
        failAt(node.query->span, "sql.column-count",
               fmt::format("the sub-query has {} columns, but it is compared with {}", rows.items.size(),
                           values.size()));
    }
    bool may_be_null = false;
    std::vector<ExpressionPtr> outer = rows.outer;
    for (size_t i = 0; i < values.size(); ++i) {
        // What cannot be compared is said here, with the place.
        located(span, [&] { return Expression::call("=", {values[i], rows.items[i]}); });
        may_be_null = may_be_null || values[i]->type().nullable() || rows.items[i]->type().nullable();
        outer.push_back(values[i]);
    }
    if (may_be_null && values.size() > 1) {
        failNotSupported(span, "IN with rows that may hold NULLs, other than between the ANDs of WHERE, is");
    }
    const LogicalType boolean = LogicalType::boolean();
    ExpressionPtr result = addFound(rows, std::move(outer), span);
    if (may_be_null) {
        const ExpressionPtr nulls = addNulls(rows, rows.items.front(), span);
        const auto is = [&](int64_t value) {
            return Expression::call(
                "=", {nulls,
                      Expression::literal(Value::int64(value), LogicalType::integer().withNullable(false))});
        };
        const ExpressionPtr unknown = Expression::logicalAnd(
            {Expression::logicalOr({Expression::call("IS NULL", {values.front()}), is(2)}),
             Expression::call("NOT", {is(0)})});
        result = Expression::caseWhen({result, Expression::literal(Value::boolean(true), boolean), unknown,
                                       Expression::literal(Value::null(), boolean),
                                       Expression::literal(Value::boolean(false), boolean)},
                                      boolean);
    }
    return negated ? Expression::call("NOT", {result}) : result;
}

// Whether a value stands in some relation to any or all of a column: decided by the column's extremes.
ExpressionPtr ScalarQueries::bindCompared(const InQuery& node, const std::vector<ExpressionPtr>& values,
                                          const TextSpan& span) {
    const Rows rows = rowsOf(*node.query, true);
    if (rows.items.size() != 1 || values.size() != 1) {
        failAt(node.query->span, "sql.column-count",
               fmt::format("{} {} compares one value with one column", node.comparison, node.quantifier));
    }
    const ExpressionPtr& value = values.front();
    const std::string& comparison = node.comparison;
    const bool equality = comparison == "=" || comparison == "<>";  // = ALL, and its negation <> ANY
    const bool all = node.quantifier == "ALL" || equality;
    located(span, [&] { return Expression::call(equality ? "=" : comparison, {value, rows.items.front()}); });
    const auto compared = [&](const char* function) {
        return Expression::call(equality ? "=" : comparison, {value, addExtreme(rows, function, span)});
    };
    const bool with_largest = comparison.starts_with('>') == all;
    const ExpressionPtr test = equality ? Expression::logicalAnd({compared("MIN"), compared("MAX")})
                                        : compared(with_largest ? "MAX" : "MIN");
    const ExpressionPtr nulls = addNulls(rows, rows.items.front(), span);
    const auto is = [&](int64_t number) {
        return Expression::call(
            "=",
            {nulls, Expression::literal(Value::int64(number), LogicalType::integer().withNullable(false))});
    };
    const LogicalType boolean = LogicalType::boolean();
    const auto truth = [&](bool is_true) { return Expression::literal(Value::boolean(is_true), boolean); };
    const ExpressionPtr result =
        Expression::caseWhen({is(0), truth(all), all ? Expression::call("NOT", {test}) : test, truth(!all),
                              Expression::logicalOr({is(2), Expression::call("IS NULL", {value})}),
                              Expression::literal(Value::null(), boolean), truth(all)},
                             boolean);
    return comparison == "<>" ? Expression::call("NOT", {result}) : result;
}

LogicalPtr ScalarQueries::build(LogicalPtr input, const TextSpan& where) {
    for (const Pending& pending : pending_) {
        const size_t width = input->schema().size();
        std::vector<ExpressionPtr> equal;
        for (size_t i = 0; i < pending.outer.size(); ++i) {
            const Field& key = pending.node->schema()[i];
            equal.push_back(
                Expression::call("=", {pending.outer[i], Expression::column(width + i, key.type, key.name)}));
        }
        const LogicalPtr joined = std::make_shared<LogicalJoin>(JoinType::Left, input, pending.node,
                                                                conjunction(std::move(equal)), pending.where);
        std::vector<ExpressionPtr> columns;
        std::vector<std::string> names;
        for (size_t i = 0; i < width; ++i) {
            columns.push_back(columnOf(joined, i));
            names.push_back(joined->schema()[i].name);
        }
        ExpressionPtr value = columnOf(joined, width + pending.outer.size());
        if (pending.if_empty) {
            const ExpressionPtr found = columnOf(joined, width + pending.outer.size() + 1);
            value = Expression::caseWhen(
                {Expression::call("IS NULL", {found}), convert(pending.if_empty, pending.type), value},
                pending.type);
        }
        columns.push_back(value);
        names.push_back(fmt::format("$q{}", values_.size()));
        makeUnique(names);
        input = project(joined, std::move(columns), std::move(names), where);
        values_.push_back(columnOf(input, width));
    }
    checkSize(input, where);
    return input;
}

ExpressionPtr ScalarQueries::resolved(const ExpressionPtr& expression) const {
    if (pending_.empty()) return expression;
    std::vector<ExpressionPtr> replacements;
    std::unordered_set<const Expression*> seen;
    collectColumnNodes(expression, seen, replacements);
    for (size_t i = 0; i < values_.size() && kFirst + i < replacements.size(); ++i)
        replacements[kFirst + i] = values_[i];
    return Expression::rewriteColumns(expression, replacements);
}

}  // namespace millrace::sql
