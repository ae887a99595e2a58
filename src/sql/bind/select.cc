// SELECT: FROM, WHERE, GROUP BY, HAVING, window functions, QUALIFY, the list, DISTINCT, ORDER BY, LIMIT.
#include <algorithm>

#include "sql/bind/grouping.h"
#include "sql/bind/lookup_hint.h"
#include "sql/bind/over_calls.h"
#include "sql/bind/query_binder.h"
#include "sql/bind/scalar_queries.h"

namespace millrace::sql {

bool isGroupedSelect(const Select& select) {
    return !select.group_by.empty() || select.having ||
           std::any_of(select.items.begin(), select.items.end(),
                       [](const SelectItem& item) { return containsAggregate(*item.expression); }) ||
           (select.qualify && containsAggregate(*select.qualify));
}

namespace {

// One output column of SELECT for each item, * written out.
struct Item {
    ExpressionPtr expression;
    std::string name;
};

// r.*, of a ROW.
void addFields(const Star& star, const TextSpan& span, ExpressionBinder& binder, std::vector<Item>& items) {
    const auto bound = [&](std::vector<Identifier> path) {
        Expr reference;
        reference.node = ColumnRef{std::move(path)};
        reference.span = span;
        return binder.bindRoot(reference);
    };
    const LogicalType type = bound(star.qualifier)->type();
    if (type.kind() != TypeKind::Row) {
        failAt(span, "sql.syntax", fmt::format("'{}' is {}", star.qualifier.back().name, type.toString()),
               "* stands for the columns of a table or the fields of a ROW");
    }
    for (const Field& field : type.fields()) {
        std::vector<Identifier> path = star.qualifier;
        path.push_back({field.name, span});
        items.push_back({bound(std::move(path)), field.name});
    }
}

template <class BindColumn>
std::vector<Item> bindItems(const Select& select, const Scope& scope, ExpressionBinder& binder,
                            BindColumn bind_column) {
    std::vector<Item> items;
    for (const SelectItem& item : select.items) {
        if (const auto* star = std::get_if<Star>(&item.expression->node)) {
            if (scope.size() == 0 && star->qualifier.empty()) {
                failAt(item.expression->span, "sql.syntax", "SELECT * needs a FROM clause");
            }
            if (!star->qualifier.empty() && !scope.isTable(star->qualifier) &&
                scope.lookUp(star->qualifier)) {
                addFields(*star, item.expression->span, binder, items);
                continue;
            }
            for (const size_t column : scope.star(star->qualifier)) {
                items.push_back({bind_column(column, item.expression->span), scope.field(column).name});
            }
            continue;
        }
        ExpressionPtr bound = binder.bindRoot(*item.expression);
        items.push_back(
            {std::move(bound), item.alias ? item.alias->name : derivedName(*item.expression, items.size())});
    }
    return items;
}

// The output column that an ORDER BY item names by alias or number, or -1.
int orderedColumn(const OrderItem& item, const std::vector<Item>& items) {
    if (const auto* column = std::get_if<ColumnRef>(&item.expression->node);
        column != nullptr && column->path.size() == 1) {
        for (size_t i = 0; i < items.size(); ++i) {
            if (items[i].name == column->path[0].name) return static_cast<int>(i);
        }
    }
    const auto* literal = std::get_if<Literal>(&item.expression->node);
    if (literal == nullptr || literal->kind != LiteralKind::Number) return -1;
    const bool digits =
        literal->text.size() < 6 && literal->text.find_first_not_of("0123456789") == std::string::npos;
    const int number = digits ? std::stoi(literal->text) : 0;
    if (number < 1 || number > static_cast<int>(items.size())) {
        failAt(item.expression->span, "sql.unknown-column",
               fmt::format("ORDER BY {}: SELECT has {} columns", literal->text, items.size()));
    }
    return number - 1;
}

// QUALIFY may name what SELECT computes.
ExpressionPtr bindQualify(const Select& select, const std::vector<Item>& items, ExpressionBinder& binder) {
    std::map<std::string, ExpressionPtr> aliases;
    for (const Item& item : items) {
        const bool written = std::any_of(
            select.items.begin(), select.items.end(),
            [&](const SelectItem& selected) { return selected.alias && selected.alias->name == item.name; });
        if (written) aliases.emplace(item.name, item.expression);
    }
    binder.useAliases(&aliases);
    ExpressionPtr condition = binder.bindCondition(*select.qualify);
    binder.useAliases(nullptr);
    return condition;
}

}  // namespace

LogicalPtr QueryBinder::bindSelect(const Select& select, const TextSpan& span, const Query* order) {
    const StateTtlHint state_ttl(select.hints);
    Scope scope;
    LogicalPtr input;
    if (select.from) {
        StateTtlHint around = std::exchange(state_ttl_, state_ttl);
        scope = bindTable(*select.from);
        state_ttl_ = std::move(around);
        input = scope.node();
    } else {
        input = std::make_shared<LogicalValues>(Schema(), std::vector<std::vector<ExpressionPtr>>(1), span);
    }
    state_ttl.check(scope);
    checkLookupHints(select.hints, scope);
    scope.setCatalog(&catalog_);
    scope.replaceNode(input);
    if (select.where) {
        input = bindWhere(*select.where, scope);
        scope.replaceNode(input);
    }

    const bool grouped = isGroupedSelect(select);
    std::vector<Item> items;
    ExpressionBinder plain(scope, "SELECT");
    std::optional<GroupWindow> window;
    std::optional<GroupedBinder> over_groups;
    ExpressionPtr having;
    OverCalls over(select.windows);
    ScalarQueries::OuterColumn of_groups;
    if (grouped) {
        of_groups = [&over_groups](size_t column, const TextSpan& where) {
            return over_groups->bindKeyColumn(column, where);
        };
    }
    ScalarQueries scalars(*this, scope, std::move(of_groups));
    if (grouped) {
        window = GroupWindow::find(select, scope);
        over_groups.emplace(scope, bindGroupingKeys(select, scope), window ? &*window : nullptr);
        over_groups->collectOver(&over);
        over_groups->collectScalars(&scalars);
        items = bindItems(select, scope, *over_groups, [&](size_t column, const TextSpan& where) {
            return over_groups->bindKeyColumn(column, where);
        });
        over_groups->setClause("HAVING");
        over_groups->collectOver(nullptr);
        if (select.having) having = over_groups->bindCondition(*select.having);
        over_groups->collectOver(&over);
    } else {
        plain.collectOver(&over);
        plain.collectScalars(&scalars);
        items = bindItems(select, scope, plain, [&](size_t column, const TextSpan&) {
            return Expression::column(column, scope.field(column).type, scope.field(column).name);
        });
    }

    ExpressionBinder& binder = grouped ? static_cast<ExpressionBinder&>(*over_groups) : plain;
    const ExpressionPtr qualify = select.qualify ? bindQualify(select, items, binder) : nullptr;

    // ORDER BY may name what SELECT does not: such columns are carried along and dropped again behind the
    // sort.
    const size_t visible = items.size();
    std::vector<SortKey> keys;
    if (order != nullptr) {
        if (grouped) over_groups->setClause("ORDER BY");
        for (const OrderItem& item : order->order_by) {
            if (const int named = orderedColumn(item, items); named >= 0) {
                keys.push_back(sortKey(item, static_cast<size_t>(named)));
                continue;
            }
            ExpressionPtr bound = binder.bindRoot(*item.expression);
            size_t column = 0;
            while (column < items.size() && items[column].expression->canonical() != bound->canonical())
                ++column;
            if (column == items.size()) {
                if (select.distinct) {
                    failAt(item.expression->span, "sql.bad-order",
                           "with DISTINCT, ORDER BY takes only what SELECT lists");
                }
                items.push_back({std::move(bound), fmt::format("$o{}", column)});
            }
            keys.push_back(sortKey(item, column));
        }
    }

    LogicalPtr plan = input;
    if (grouped) {
        plan = over_groups->build(span, state_ttl.of(scope));
    }
    plan = scalars.build(std::move(plan), span);
    if (having) plan = std::make_shared<LogicalFilter>(plan, scalars.resolved(having), select.having->span);
    plan = over.build(std::move(plan), span);
    if (qualify) {
        if (over.empty()) {
            failAt(select.qualify->span, "sql.bad-window",
                   "QUALIFY without a window function in it or SELECT", "WHERE filters rows");
        }
        plan = std::make_shared<LogicalFilter>(plan, over.resolved(scalars.resolved(qualify)),
                                               select.qualify->span);
    }
    std::vector<ExpressionPtr> expressions;
    std::vector<std::string> names;
    for (Item& item : items) {
        expressions.push_back(over.resolved(scalars.resolved(item.expression)));
        names.push_back(std::move(item.name));
    }
    makeUnique(names);
    plan = project(plan, std::move(expressions), std::move(names), span);
    if (select.distinct) plan = distinct(plan, span);
    if (order != nullptr) plan = limited(*order, std::move(plan), std::move(keys));
    if (visible < plan->schema().size()) plan = firstColumns(plan, visible, span);
    return plan;
}

}  // namespace millrace::sql
