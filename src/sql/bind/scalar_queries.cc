#include "sql/bind/scalar_queries.h"

#include <algorithm>
#include <unordered_set>

#include "sql/bind/correlation.h"
#include "sql/bind/grouping.h"
#include "sql/bind/logical_join.h"

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
    Scope inner = binder_.bindTable(*select.from);
    inner.setCatalog(scope_.catalog());
    const size_t outer = scope_.size();
    const size_t all = outer + inner.size();
    std::vector<ExpressionPtr> to_inner(all);
    for (size_t i = 0; i < inner.size(); ++i)
        to_inner[outer + i] = columnOf(inner.node(), i);
    CorrelatedBinder binder(inner, scope_, "WHERE");
    std::vector<ExpressionPtr> keys;
    std::vector<const Expr*> conjuncts;
    std::vector<ExpressionPtr> own;
    if (select.where) flattenAnd(*select.where, conjuncts);
    for (const Expr* conjunct : conjuncts) {
        if (QueryBinder::standsForRows(*conjunct) || containsScalarQuery(*conjunct)) continue;
        const ExpressionPtr bound = binder.bindCondition(*conjunct);
        if (!readsBelow(*bound, outer, all)) {
            own.push_back(Expression::rewriteColumns(bound, to_inner));
            continue;
        }
        const bool equality = bound->kind() == ExpressionKind::Call && bound->name() == "=";
        ExpressionPtr mine = equality ? bound->arguments()[0] : nullptr;
        ExpressionPtr other = equality ? bound->arguments()[1] : nullptr;
        if (equality && readsBelow(*mine, outer, all)) std::swap(mine, other);
        if (!equality || readsBelow(*mine, outer, all) || readsFrom(*other, outer, all)) {
            failNotSupported(conjunct->span,
                             "conditions that tie a sub-query as a value to the query around it, other than "
                             "inner = outer, are");
        }
        keys.push_back(Expression::rewriteColumns(mine, to_inner));
        std::vector<ExpressionPtr> to_outer(all);
        std::vector<bool> used(all, false);
        other->collectColumns(used);
        for (size_t i = 0; i < outer; ++i) {
            if (!used[i]) continue;
            to_outer[i] = outer_column_ ? outer_column_(i, conjunct->span) : columnOf(scope_.node(), i);
        }
        result.outer.push_back(Expression::rewriteColumns(other, to_outer));
    }
    if (const ExpressionPtr condition = conjunction(std::move(own)))
        inner.replaceNode(std::make_shared<LogicalFilter>(inner.node(), condition, select.where->span));
    for (const Expr* conjunct : conjuncts) {
        if (QueryBinder::standsForRows(*conjunct) || containsScalarQuery(*conjunct))
            inner.replaceNode(binder_.bindWhere(*conjunct, inner));
    }

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
    Pending pending = select != nullptr ? bindTied(*select, span) : bindAlone(query, span);
    pending.where = span;
    pending_.push_back(std::move(pending));
    return Expression::column(kFirst + pending_.size() - 1, pending_.back().type, "(sub-query)");
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
