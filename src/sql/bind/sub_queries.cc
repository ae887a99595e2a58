// WHERE, and the sub-queries in it: [NOT] IN, [NOT] EXISTS, ANY and ALL become semi and anti joins of the
// rows so far with those of the sub-query. They stand alone or between ANDs. A sub-query may name columns of
// the query around it in its own WHERE (and in what it selects), if it is a plain SELECT.
#include <algorithm>
#include <map>
#include <string>

#include "sql/bind/correlation.h"
#include "sql/bind/logical_join.h"
#include "sql/bind/query_binder.h"
#include "sql/bind/scalar_queries.h"

namespace millrace::sql {

namespace {

// What stands below any number of NOTs.
const Expr& withoutNot(const Expr& expr, bool& negated) {
    const auto* call = std::get_if<Call>(&expr.node);
    if (call == nullptr || call->name != "NOT") return expr;
    negated = !negated;
    return withoutNot(*call->arguments.front(), negated);
}

// A SELECT whose rows are those of FROM that WHERE lets pass.
const Select* plainSelect(const Query& query) {
    const auto* select = std::get_if<Select>(&query.body->node);
    if (select == nullptr || !query.with.empty() || query.limit || query.offset) return nullptr;
    if (!select->from || !select->group_by.empty() || select->having || select->qualify ||
        !select->windows.empty() || !select->hints.empty()) {
        return nullptr;
    }
    const bool aggregates =
        std::any_of(select->items.begin(), select->items.end(),
                    [](const SelectItem& item) { return containsAggregate(*item.expression); });
    return aggregates ? nullptr : select;
}

void flattenBound(const ExpressionPtr& condition, std::vector<ExpressionPtr>& parts) {
    if (condition->kind() != ExpressionKind::And) {
        parts.push_back(condition);
        return;
    }
    for (const ExpressionPtr& argument : condition->arguments())
        flattenBound(argument, parts);
}

// The comparison with its sides the other way round; "" of what is none.
std::string mirroredComparison(const Expression& condition) {
    static const std::map<std::string, std::string> mirrored = {{"=", "="}, {"<>", "<>"}, {"<", ">"},
                                                                {">", "<"}, {"<=", ">="}, {">=", "<="}};
    if (condition.kind() != ExpressionKind::Call) return "";
    const auto found = mirrored.find(std::string(condition.name()));
    return found == mirrored.end() ? "" : found->second;
}

}  // namespace

bool QueryBinder::standsForRows(const Expr& condition) {
    bool negated = false;
    const Expr& inner = withoutNot(condition, negated);
    return std::holds_alternative<InQuery>(inner.node) || std::holds_alternative<ExistsQuery>(inner.node);
}

LogicalPtr QueryBinder::bindWhere(const Expr& where, Scope scope) {
    std::vector<const Expr*> conjuncts;
    flattenAnd(where, conjuncts);
    ScalarQueries scalars(*this, scope);
    ExpressionBinder binder(scope, "WHERE");
    binder.collectScalars(&scalars);
    const auto stands_for_rows = [](const Expr* expr) { return standsForRows(*expr); };
    ExpressionPtr condition;
    if (std::none_of(conjuncts.begin(), conjuncts.end(), stands_for_rows)) {
        condition = binder.bindCondition(where);
    } else {
        std::vector<ExpressionPtr> plain;
        for (const Expr* conjunct : conjuncts) {
            if (!standsForRows(*conjunct)) plain.push_back(binder.bindCondition(*conjunct));
        }
        condition = conjunction(std::move(plain));
    }
    if (condition) {
        const LogicalPtr with_values = scalars.build(scope.node(), where.span);
        LogicalPtr kept =
            std::make_shared<LogicalFilter>(with_values, scalars.resolved(condition), where.span);
        if (!scalars.empty()) {
            // Joined tables may have columns of one name, and are to have them still.
            std::vector<ExpressionPtr> columns;
            std::vector<std::string> names;
            for (size_t i = 0; i < scope.size(); ++i) {
                columns.push_back(columnOf(kept, i));
                names.push_back(scope.field(i).name);
            }
            kept = project(kept, std::move(columns), std::move(names), where.span);
        }
        scope.replaceNode(std::move(kept));
    }
    for (const Expr* conjunct : conjuncts) {
        if (standsForRows(*conjunct)) scope.replaceNode(bindSubQueryCondition(*conjunct, scope));
    }
    return scope.node();
}

// Ties by more than equalities: each distinct combination of values around is joined with the rows that it is
// compared with, and these are then found by its values. A NULL among them compares with nothing.
void QueryBinder::joinOuterValues(Ties& ties, const LogicalPtr& around,
                                  const std::vector<std::string>& comparisons, const TextSpan& where) {
    const size_t count = ties.keys.size();
    std::vector<std::string> names;
    std::vector<size_t> columns;
    for (size_t i = 0; i < count; ++i) {
        names.push_back(fmt::format("$o{}", i));
        columns.push_back(i);
    }
    const LogicalPtr values =
        std::make_shared<LogicalAggregate>(project(around, ties.outer, std::move(names), where),
                                           std::move(columns), std::vector<AggregateCall>{}, where);
    const LogicalPtr inner = ties.inner.node();
    const size_t width = inner->schema().size();
    std::vector<ExpressionPtr> moved, compared;
    for (size_t i = 0; i < width; ++i)
        moved.push_back(Expression::column(count + i, inner->schema()[i].type, inner->schema()[i].name));
    for (size_t i = 0; i < count; ++i) {
        compared.push_back(Expression::call(
            comparisons[i], {Expression::rewriteColumns(ties.keys[i], moved), columnOf(values, i)}));
    }
    const LogicalPtr joined = std::make_shared<LogicalJoin>(JoinType::Inner, values, inner,
                                                            conjunction(std::move(compared)), where);
    std::vector<ExpressionPtr> kept;
    std::vector<std::string> kept_names;
    for (size_t i = 0; i < width + count; ++i) {
        const size_t column = i < width ? count + i : i - width;
        kept.push_back(columnOf(joined, column));
        kept_names.push_back(joined->schema()[column].name);
    }
    ties.inner.replaceNode(project(joined, std::move(kept), std::move(kept_names), where));
    for (size_t i = 0; i < count; ++i)
        ties.keys[i] = columnOf(ties.inner.node(), width + i);
}

QueryBinder::Ties QueryBinder::bindTies(const Select& select, const Scope& around,
                                        const OuterColumn& outer_column) {
    Ties result;
    result.inner = bindTable(*select.from);
    Scope& inner = result.inner;
    inner.setCatalog(&catalog_);
    const size_t outer = around.size();
    const size_t all = outer + inner.size();
    std::vector<ExpressionPtr> to_inner(all);
    for (size_t i = 0; i < inner.size(); ++i)
        to_inner[outer + i] = columnOf(inner.node(), i);
    CorrelatedBinder binder(inner, around, "WHERE");
    std::vector<const Expr*> conjuncts;
    std::vector<ExpressionPtr> own;
    std::vector<std::string> comparisons;  // of each key with what is around
    if (select.where) flattenAnd(*select.where, conjuncts);
    for (const Expr* conjunct : conjuncts) {
        if (standsForRows(*conjunct) || containsScalarQuery(*conjunct)) continue;
        const ExpressionPtr bound = binder.bindCondition(*conjunct);
        if (!readsBelow(*bound, outer, all)) {
            own.push_back(Expression::rewriteColumns(bound, to_inner));
            continue;
        }
        std::vector<ExpressionPtr> parts;
        flattenBound(bound, parts);
        for (const ExpressionPtr& part : parts) {
            const std::string mirrored = mirroredComparison(*part);
            ExpressionPtr mine = mirrored.empty() ? nullptr : part->arguments()[0];
            ExpressionPtr other = mirrored.empty() ? nullptr : part->arguments()[1];
            std::string comparison = mirrored.empty() ? "" : part->name();
            if (mine && readsBelow(*mine, outer, all)) {
                std::swap(mine, other);
                comparison = mirrored;
            }
            if (!mine || readsBelow(*mine, outer, all) || readsFrom(*other, outer, all) ||
                (comparison != "=" && outer_column)) {
                failNotSupported(
                    conjunct->span,
                    fmt::format("conditions that tie such a sub-query to the query around it, other "
                                "than inner = outer{}, are",
                                outer_column ? "" : ", inner < outer and their like"));
            }
            result.keys.push_back(Expression::rewriteColumns(mine, to_inner));
            std::vector<ExpressionPtr> to_outer(all);
            std::vector<bool> used(all, false);
            other->collectColumns(used);
            for (size_t i = 0; i < outer; ++i) {
                if (!used[i]) continue;
                to_outer[i] = outer_column ? outer_column(i, conjunct->span) : columnOf(around.node(), i);
            }
            result.outer.push_back(Expression::rewriteColumns(other, to_outer));
            comparisons.push_back(std::move(comparison));
        }
    }
    if (const ExpressionPtr condition = conjunction(std::move(own)))
        inner.replaceNode(std::make_shared<LogicalFilter>(inner.node(), condition, select.where->span));
    if (std::any_of(comparisons.begin(), comparisons.end(), [](const auto& name) { return name != "="; }))
        joinOuterValues(result, around.node(), comparisons, select.where->span);
    for (const Expr* conjunct : conjuncts) {
        if (standsForRows(*conjunct) || containsScalarQuery(*conjunct))
            inner.replaceNode(bindWhere(*conjunct, inner));
    }
    return result;
}

// What a row of `scope` has to do with the rows of `query`.
QueryBinder::SubQuery QueryBinder::bindSubQuery(const Query& query, const Scope& scope, bool wants_items) {
    SubQuery result;
    const size_t outer = scope.size();
    const Select* select = plainSelect(query);
    if (select == nullptr) {
        result.node = bindQuery(query);
        for (size_t i = 0; i < result.node->schema().size(); ++i) {
            const Field& field = result.node->schema()[i];
            result.items.push_back(Expression::column(outer + i, field.type, field.name));
            result.names.push_back(field.name);
        }
        return result;
    }
    Scope inner = bindTable(*select->from);
    const size_t all = outer + inner.size();
    std::vector<ExpressionPtr> to_inner(all);
    for (size_t i = 0; i < inner.size(); ++i)
        to_inner[outer + i] = columnOf(inner.node(), i);
    CorrelatedBinder binder(inner, scope, "WHERE");
    std::vector<ExpressionPtr> own, correlated;
    std::vector<const Expr*> conjuncts;
    if (select->where) flattenAnd(*select->where, conjuncts);
    for (const Expr* conjunct : conjuncts) {
        if (standsForRows(*conjunct) || containsScalarQuery(*conjunct)) continue;
        const ExpressionPtr bound = binder.bindCondition(*conjunct);
        if (readsBelow(*bound, outer, all)) {
            correlated.push_back(bound);
        } else {
            own.push_back(Expression::rewriteColumns(bound, to_inner));
        }
    }
    if (wants_items) {
        for (const SelectItem& item : select->items) {
            if (const auto* star = std::get_if<Star>(&item.expression->node)) {
                for (const size_t column : inner.star(star->qualifier)) {
                    result.items.push_back(binder.innerColumn(column));
                    result.names.push_back(inner.field(column).name);
                }
            } else {
                result.items.push_back(binder.bindRoot(*item.expression));
                result.names.push_back(item.alias ? item.alias->name
                                                  : derivedName(*item.expression, result.names.size()));
            }
        }
    }
    if (const ExpressionPtr condition = conjunction(std::move(own)))
        inner.replaceNode(std::make_shared<LogicalFilter>(inner.node(), condition, select->where->span));
    for (const Expr* conjunct : conjuncts) {
        if (standsForRows(*conjunct)) {
            inner.replaceNode(bindSubQueryCondition(*conjunct, inner));
        } else if (containsScalarQuery(*conjunct)) {
            inner.replaceNode(bindWhere(*conjunct, inner));
        }
    }
    result.node = inner.node();
    result.condition = conjunction(std::move(correlated));
    return result;
}

// The rows of `scope` for which the condition is TRUE.
LogicalPtr QueryBinder::bindSubQueryCondition(const Expr& condition, const Scope& scope) {
    bool negated = false;
    const Expr& expr = withoutNot(condition, negated);
    std::vector<ExpressionPtr> on;
    const auto join = [&](bool anti, const SubQuery& sub) {
        if (sub.condition) on.insert(on.begin(), sub.condition);
        return std::make_shared<LogicalJoin>(anti ? JoinType::Anti : JoinType::Semi, scope.node(), sub.node,
                                             conjunction(std::move(on)), condition.span);
    };
    if (const auto* exists = std::get_if<ExistsQuery>(&expr.node))
        return join(negated, bindSubQuery(*exists->query, scope, false));

    const auto& in = std::get<InQuery>(expr.node);
    ExpressionBinder binder(scope, "WHERE");
    std::vector<ExpressionPtr> values;
    const auto* row = std::get_if<RowConstructor>(&in.value->node);
    const bool whole_row = row != nullptr && (in.comparison.empty() || in.comparison == "=");
    if (whole_row) {
        for (const ExprPtr& item : row->items)
            values.push_back(binder.bindRoot(*item));
    } else {
        values.push_back(binder.bindRoot(*in.value));
    }
    SubQuery sub = bindSubQuery(*in.query, scope, true);
    if (sub.items.size() != values.size()) {
        failAt(in.query->span, "sql.column-count",
               fmt::format("the sub-query has {} columns, but it is compared with {}", sub.items.size(),
                           values.size()));
    }
    const std::string comparison = in.comparison.empty() ? "=" : in.comparison;
    std::vector<ExpressionPtr> pairs;
    for (size_t i = 0; i < values.size(); ++i) {
        pairs.push_back(located(expr.span, [&] {
            return Expression::call(comparison, {values[i], sub.items[i]});
        }));
    }
    const ExpressionPtr compared = conjunction(std::move(pairs));
    // x op ANY: TRUE for some row. NOT: neither TRUE nor unknown for any. x op ALL: nothing but TRUE for
    // every row. NOT: FALSE for some.
    const bool all = in.quantifier == "ALL";
    const bool certain = !compared->type().nullable();
    if (!all && (!negated || certain)) {
        on.push_back(compared);
    } else {
        const char* test = !all ? "IS NOT FALSE" : negated ? "IS FALSE" : "IS NOT TRUE";
        on.push_back(Expression::call(test, {compared}));
    }
    return join(all != negated, sub);
}

}  // namespace millrace::sql
