// The FROM clause: tables, views, WITH names, sub-queries.
#include <algorithm>

#include "runtime/dead_letters.h"
#include "sql/bind/logical_dead_letters.h"
#include "sql/bind/options.h"
#include "sql/bind/query_binder.h"
#include "sql/parse/lexer.h"

namespace millrace::sql {

namespace {

// The table that takes what cannot be decoded of this one; nullptr if none does.
TablePtr deadLettersOf(const TableDefinition& table, const Catalog& catalog, const TextSpan& where) {
    const auto option = table.options.find(kDeadLetterTable);
    if (option == table.options.end()) return nullptr;
    ObjectName name{{}, where};
    for (size_t at = 0; at <= option->second.size();) {
        const size_t end = std::min(option->second.find('.', at), option->second.size());
        name.parts.push_back({option->second.substr(at, end - at), where});
        at = end + 1;
    }
    const TablePtr found =
        name.parts.size() > 3
            ? nullptr
            : catalog.findTable(catalog.resolve(name, {table.path.catalog, table.path.database}));
    if (!found) {
        failAt(where, "sql.unknown-table",
               fmt::format("'{}' of table '{}' names the table '{}', which is not there", kDeadLetterTable,
                           table.path.object, option->second),
               "CREATE it before the query that reads from " + table.path.object);
    }
    try {
        checkDeadLetters(table.path.object, table.options, found->path.object, found->writtenSchema());
    } catch (const UserError& error) {
        Problem problem = error.problem();
        problem.where = where;
        throw UserError(std::move(problem));
    }
    return found;
}

// The table's rows of its stored ones: stored columns, the computed ones in their places, then the watermark.
LogicalPtr wholeTable(LogicalPtr node, const TablePtr& table, const TextSpan& where) {
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

}  // namespace

LogicalPtr QueryBinder::scan(const TablePtr& table, const TextSpan& where) {
    return wholeTable(std::make_shared<LogicalScan>(table, where), table, where);
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
    const TablePtr hinted = withHints(found, table.hints);
    const TextSpan& where = table.name.span;
    const TablePtr dead_letters = deadLettersOf(*hinted, catalog_, where);
    if (!dead_letters) return scan(hinted, where);
    return wholeTable(std::make_shared<LogicalDeadLetterScan>(LogicalScan(hinted, where), dead_letters),
                      hinted, where);
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
