#include "sql/bind/insert.h"

#include <algorithm>

#include "types/coercion.h"

namespace millrace::sql {

namespace {

size_t targetColumn(const Schema& schema, const TableDefinition& table, const Identifier& name) {
    const int found = schema.find(name.name);
    if (found >= 0) return static_cast<size_t>(found);
    if (table.schema().find(name.name) >= 0) {
        failAt(name.span, "sql.bad-target",
               fmt::format("column '{}' of '{}' is computed or virtual: it cannot be written", name.name,
                           table.path.object));
    }
    std::vector<std::string> names;
    for (const Field& field : schema)
        names.push_back(field.name);
    const std::string near = nearestName(name.name, names);
    failAt(name.span, "sql.unknown-column",
           fmt::format("table '{}' has no column '{}'", table.path.object, name.name),
           near.empty() ? "" : fmt::format("did you mean '{}'?", near));
}

// The value of PARTITION (key = value), as the column's type.
ExpressionPtr partitionValue(const OptionItem& item, const LogicalType& type) {
    return located(item.value_span, [&] {
        const int length = static_cast<int>(item.value.size());
        const ExpressionPtr text = Expression::literal(Value::string(item.value),
                                                       LogicalType::character(length).withNullable(false));
        ExpressionPtr value = Expression::fold(convert(text, type));
        if (value->kind() != ExpressionKind::Literal) {
            failAt(item.value_span, "sql.bad-argument",
                   fmt::format("'{}' is no value of {}", item.value, type.toString()));
        }
        return value;
    });
}

}  // namespace

std::shared_ptr<const LogicalSink> sinkOf(const LogicalPtr& query, const TablePtr& table,
                                          std::vector<ExpressionPtr> sources, bool overwrite,
                                          std::map<std::string, std::string> partition,
                                          const TextSpan& where) {
    const Schema schema = table->writtenSchema();
    std::vector<std::string> names;
    for (size_t i = 0; i < schema.size(); ++i) {
        const LogicalType& type = schema[i].type;
        if (!sources[i]) {
            if (!type.nullable()) {
                failAt(where, "sql.bad-target",
                       fmt::format("column '{}' of '{}' is NOT NULL, so it must be written", schema[i].name,
                                   table->path.object));
            }
            sources[i] = Expression::literal(Value::null(), type);
        }
        const LogicalType& from = sources[i]->type();
        if (!canCastImplicitly(from.withNullable(true), type.withNullable(true))) {
            failAt(where, "sql.type-mismatch",
                   fmt::format("column '{}' of '{}' is {}, but the query gives {}", schema[i].name,
                               table->path.object, type.toString(), from.toString()),
                   fmt::format("CAST it AS {}", type.withNullable(true).toString()));
        }
        sources[i] = Expression::fold(convert(sources[i], type));
        names.push_back(schema[i].name);
    }
    return std::make_shared<LogicalSink>(project(query, std::move(sources), std::move(names), where), table,
                                         overwrite, std::move(partition), where);
}

std::shared_ptr<const LogicalSink> bindInsert(const Insert& statement, const Catalog& catalog,
                                              const ConnectorRegistry* registry) {
    const ObjectPath path = catalog.resolve(statement.table);
    if (catalog.findView(path)) {
        failAt(statement.table.span, "sql.bad-target",
               fmt::format("'{}' is a view: nothing can be inserted into it", path.object));
    }
    const TablePtr found = catalog.findTable(path);
    if (!found) catalog.failUnknownTable(statement.table);
    QueryBinder binder(catalog, registry);
    const TablePtr table = binder.withHints(found, statement.hints);
    const Schema schema = table->writtenSchema();
    const LogicalPtr query = binder.bindQuery(*statement.query);

    // Where each column of the table comes from.
    std::vector<ExpressionPtr> sources(schema.size());
    std::map<std::string, std::string> partition;
    for (const OptionItem& item : statement.partition) {
        const Identifier key{item.key, item.key_span};
        const size_t column = targetColumn(schema, *table, key);
        if (std::find(table->partition_keys.begin(), table->partition_keys.end(), item.key) ==
            table->partition_keys.end()) {
            failAt(item.key_span, "sql.bad-target",
                   fmt::format("'{}' is no partition column of '{}'", item.key, path.object));
        }
        sources[column] = partitionValue(item, schema[column].type);
        const Value& value = sources[column]->value();
        partition[item.key] = value.isNull() ? "" : value.toString(sources[column]->type());
    }
    std::vector<size_t> targets;
    if (statement.columns.empty()) {
        for (size_t i = 0; i < schema.size(); ++i) {
            if (!sources[i]) targets.push_back(i);
        }
    }
    for (const Identifier& name : statement.columns) {
        const size_t column = targetColumn(schema, *table, name);
        if (sources[column] || std::find(targets.begin(), targets.end(), column) != targets.end()) {
            failAt(name.span, "sql.duplicate-name", fmt::format("column '{}' is written twice", name.name));
        }
        targets.push_back(column);
    }
    if (targets.size() != query->schema().size()) {
        std::string wanted;
        for (const size_t target : targets)
            wanted += (wanted.empty() ? "" : ", ") + schema[target].name;
        failAt(statement.table.span, "sql.column-count",
               fmt::format("the query has {} columns, but {} are written: {}", query->schema().size(),
                           targets.size(), wanted));
    }
    for (size_t i = 0; i < targets.size(); ++i)
        sources[targets[i]] = columnOf(query, i);

    return sinkOf(query, table, std::move(sources), statement.overwrite, std::move(partition),
                  statement.table.span);
}

std::shared_ptr<const LogicalSink> bindSelectSink(const Query& query, const Catalog& catalog,
                                                  const ConnectorRegistry* registry) {
    QueryBinder binder(catalog, registry);
    return std::make_shared<LogicalSink>(binder.bindQuery(query), nullptr, false,
                                         std::map<std::string, std::string>{}, query.span);
}

}  // namespace millrace::sql
