// The FROM clause: tables, views, WITH names, sub-queries.
#include "sql/bind/options.h"
#include "sql/bind/query_binder.h"
#include "sql/parse/lexer.h"

namespace millrace::sql {

// Stored columns, then the computed ones in their places, then the watermark.
LogicalPtr QueryBinder::scan(const TablePtr& table, const TextSpan& where) {
    LogicalPtr node = std::make_shared<LogicalScan>(table, where);
    std::vector<ExpressionPtr> expressions;
    std::vector<std::string> names;
    size_t stored = 0;
    for (const TableColumn& column : table->columns) {
        names.push_back(column.name);
        expressions.push_back(column.kind == ColumnKind::Computed ? column.expression
                                                                  : columnOf(node, stored++));
    }
    node = project(node, std::move(expressions), std::move(names), where);
    if (table->watermark)
        node = std::make_shared<LogicalWatermark>(node, table, table->watermark->column, where);
    return node;
}

TablePtr QueryBinder::withHints(const TablePtr& table, const std::vector<Hint>& hints) const {
    TablePtr result = table;
    for (const Hint& hint : hints) {
        if (toUpper(hint.name.name) != "OPTIONS") {
            failNotSupported(hint.name.span, fmt::format("the hint {} is", hint.name.name));
        }
        auto changed = std::make_shared<TableDefinition>(*result);
        for (const auto& [key, value] : hint.options)
            changed->options[key] = value;
        std::vector<OptionItem> items;
        for (const auto& [key, value] : changed->options)
            items.push_back({key, value, hint.name.span, hint.name.span});
        const std::vector<Problem> problems =
            checkTableOptions(registry_, table->path.object, items, hint.name.span);
        if (!problems.empty()) throw UserError(problems.front());
        result = std::move(changed);
    }
    return result;
}

LogicalPtr QueryBinder::bindView(const ViewPtr& view, const TextSpan& where) {
    if (LogicalPtr bound = catalog_.boundView(view->path)) return bound;
    // Names inside belong to the catalog, not to the WITH of the query around it; and places are in another
    // text.
    std::vector<CommonTables> outside;
    outside.swap(with_);
    const Namespace around = std::exchange(around_, view->around);
    LogicalPtr plan;
    try {
        plan = bindQuery(*view->query);
    } catch (const UserError& error) {
        Problem problem = error.problem();
        // Of views in views, the innermost is named: there the mistake is.
        if (!problem.message.starts_with("in the view ")) {
            problem.message = fmt::format("in the view '{}': {}", view->path.object, problem.message);
        }
        problem.where = where;
        throw UserError(std::move(problem));
    }
    with_.swap(outside);
    around_ = around;
    if (!view->columns.empty()) plan = renamed(plan, view->columns, where);
    catalog_.keepBoundView(view->path, plan);
    return plan;
}

LogicalPtr QueryBinder::bindNamed(const NamedTable& table) {
    if (table.system_time) {
        failAt(table.system_time->span, "sql.bad-system-time",
               "FOR SYSTEM_TIME AS OF stands only behind a table that is joined",
               "as in FROM orders AS o JOIN rates FOR SYSTEM_TIME AS OF o.proctime AS r ON o.id = r.id");
    }
    return tableNamed(table);
}

LogicalPtr QueryBinder::tableNamed(const NamedTable& table) {
    if (table.name.parts.size() == 1) {
        for (auto names = with_.rbegin(); names != with_.rend(); ++names) {
            const auto found = names->find(table.name.parts[0].name);
            if (found != names->end()) return found->second;
        }
    }
    const ObjectPath path = catalog_.resolve(table.name, around_);
    if (const ViewPtr view = catalog_.findView(path)) {
        if (!table.hints.empty())
            failAt(table.hints.front().name.span, "sql.bad-hint",
                   "hints belong to tables, and this is a view");
        return bindView(view, table.name.span);
    }
    const TablePtr found = catalog_.findTable(path);
    if (!found) catalog_.failUnknownTable(table.name);
    return scan(withHints(found, table.hints), table.name.span);
}

Scope QueryBinder::aliased(LogicalPtr node, const TableRef& table, std::string name) {
    if (!table.column_aliases.empty()) {
        if (table.column_aliases.size() != node->schema().size()) {
            failAt(table.column_aliases.front().span, "sql.column-count",
                   fmt::format("{} column names for a table of {} columns", table.column_aliases.size(),
                               node->schema().size()));
        }
        std::vector<std::string> names;
        for (const Identifier& column : table.column_aliases)
            names.push_back(column.name);
        node = renamed(node, names, table.span);
    }
    Scope scope(std::move(node), table.alias ? table.alias->name : std::move(name));
    scope.setCatalog(&catalog_);
    return scope;
}

Scope QueryBinder::bindTable(const TableRef& table) {
    if (const auto* named = std::get_if<NamedTable>(&table.node)) {
        return aliased(bindNamed(*named), table, named->name.parts.back().name);
    }
    if (const auto* derived = std::get_if<DerivedTable>(&table.node)) {
        // Without anything before it, LATERAL says nothing.
        return aliased(bindQuery(*derived->query), table, "");
    }
    if (const auto* function = std::get_if<FunctionTable>(&table.node)) {
        const auto* call = std::get_if<Call>(&function->call->node);
        if (call == nullptr || call->path.empty())
            failAt(function->call->span, "sql.syntax", "TABLE(...) takes a table function");
        return aliased(bindWindowFunction(*call, function->call->span), table, "");
    }
    if (std::holds_alternative<UnnestTable>(table.node)) return bindUnnest(table);
    if (const auto* match = std::get_if<MatchTable>(&table.node))
        return aliased(bindMatch(*match, table.span), table, "");
    Scope scope = bindJoin(std::get<JoinTable>(table.node), table.span);
    if (!table.alias) return scope;
    return aliased(scope.node(), table, "");
}

}  // namespace millrace::sql
