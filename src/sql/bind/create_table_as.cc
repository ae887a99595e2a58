#include "sql/bind/create_table_as.h"

#include <algorithm>

#include "sql/bind/expression_binder.h"
#include "sql/bind/insert.h"
#include "sql/bind/query_binder.h"

namespace millrace::sql {

namespace {

// A table of the query's columns alone.
CreateTable columnsOfQuery(const LogicalPtr& query, const ObjectPath& path, const TextSpan& where) {
    TableDefinition table;
    table.path = path;
    for (const Field& field : query->schema()) {
        if (field.type.kind() == TypeKind::Null) {
            failAt(where, "sql.bad-type", fmt::format("column '{}' of the query has no type", field.name),
                   "CAST the NULL to one");
        }
        TableColumn column;
        column.name = field.name;
        column.type = field.type;
        table.columns.push_back(std::move(column));
    }
    return statementOf(table, where);
}

const ColumnDefinition* columnNamed(const CreateTable& table, const std::string& name) {
    const auto found = std::find_if(table.columns.begin(), table.columns.end(),
                                    [&](const ColumnDefinition& column) { return column.name.name == name; });
    return found == table.columns.end() ? nullptr : &*found;
}

// (b, a) before AS SELECT a, b: only the order.
std::vector<TableElements::Column> reordered(const CreateTable& statement, const CreateTable& of_query) {
    std::vector<TableElements::Column> columns;
    for (const ColumnDefinition& column : statement.columns) {
        const ColumnDefinition* found = columnNamed(of_query, column.name.name);
        if (!found)
            failAt(column.span, "sql.unknown-column",
                   fmt::format("the query has no column '{}'", column.name.name));
        columns.push_back({found, true});
    }
    if (columns.size() != of_query.columns.size()) {
        failAt(
            statement.columns.front().span, "sql.column-count",
            fmt::format("{} names for the {} columns of the query", columns.size(), of_query.columns.size()),
            "names alone give the columns' order, so all of them are named");
    }
    return columns;
}

}  // namespace

TableAs bindCreateTableAs(const CreateTable& statement, const Catalog& catalog,
                          const ConnectorRegistry* registry, std::vector<Problem>& problems) {
    const ObjectPath path = catalog.resolve(statement.name);
    if (statement.temporary) failNotSupported(statement.name.span, "CREATE TEMPORARY TABLE ... AS SELECT is");
    const LogicalPtr query = QueryBinder(catalog, registry).bindQuery(*statement.as);
    const CreateTable of_query = columnsOfQuery(query, path, statement.as->span);

    TableElements elements = elementsOf(statement);
    elements.inherited_at = statement.as->span;
    const auto only_name = [](const ColumnDefinition& column) { return !column.type && !column.computed; };
    if (!statement.columns.empty() &&
        std::all_of(statement.columns.begin(), statement.columns.end(), only_name)) {
        elements.columns = reordered(statement, of_query);
    } else {
        std::vector<TableElements::Column> columns;
        for (const ColumnDefinition& column : statement.columns) {
            if (only_name(column))
                failAt(column.span, "sql.syntax", fmt::format("column '{}' has no type", column.name.name));
            if (!columnNamed(of_query, column.name.name)) columns.push_back({&column, false});
        }
        for (const ColumnDefinition& column : of_query.columns) {
            const ColumnDefinition* own = columnNamed(statement, column.name.name);
            if (own && own->computed) {
                failAt(own->span, "sql.duplicate-name",
                       fmt::format("'{}' is computed, so the query cannot give it", own->name.name));
            }
            columns.push_back(own ? TableElements::Column{own, false} : TableElements::Column{&column, true});
        }
        elements.columns = std::move(columns);
    }
    TableAs result;
    result.table = bindTable(elements, path, catalog, registry, problems);
    if (!result.table) return result;

    const Schema written = result.table->writtenSchema();
    std::vector<ExpressionPtr> sources(written.size());
    for (size_t i = 0; i < query->schema().size(); ++i) {
        const int column = written.find(query->schema()[i].name);
        if (column < 0) {
            failAt(statement.name.span, "sql.bad-target",
                   fmt::format("column '{}' cannot be written", query->schema()[i].name));
        }
        sources[static_cast<size_t>(column)] = columnOf(query, i);
    }
    result.sink = sinkOf(query, result.table, std::move(sources), false, {}, statement.name.span);
    return result;
}

}  // namespace millrace::sql
