// SHOW, DESCRIBE and SET without a key.
#include <algorithm>

#include "base/text.h"
#include "functions/function.h"
#include "sql/parse/to_sql.h"
#include "sql/plan/connectors.h"
#include "sql/statements.h"
#include "types/calendar.h"

namespace millrace::sql {

namespace {

// SQL's LIKE: % any text, _ one character.
bool matchesLike(std::string_view text, std::string_view pattern) {
    size_t t = 0;
    size_t p = 0;
    size_t star = std::string_view::npos;
    size_t retry = 0;
    while (t < text.size()) {
        if (p < pattern.size() && pattern[p] == '%') {
            star = p++;
            retry = t;
        } else if (p < pattern.size() && (pattern[p] == '_' || pattern[p] == text[t])) {
            ++p;
            ++t;
        } else if (star != std::string_view::npos) {
            p = star + 1;
            t = ++retry;
        } else {
            return false;
        }
    }
    while (p < pattern.size() && pattern[p] == '%')
        ++p;
    return p == pattern.size();
}

[[noreturn]] void fail(const TextSpan& where, std::string code, std::string message) {
    throw UserError(Problem{std::move(code), std::move(message), "", where});
}

bool isWanted(const std::string& value, const Show& statement) {
    if (!statement.like) return true;
    const bool matches = statement.any_case ? matchesLike(lowerCase(value), lowerCase(*statement.like))
                                            : matchesLike(value, *statement.like);
    return matches != statement.not_like;
}

ResultTable column(std::string name, std::vector<std::string> values, const Show& statement) {
    ResultTable table;
    table.columns = {std::move(name)};
    for (std::string& value : values) {
        if (isWanted(value, statement)) table.rows.push_back({std::move(value)});
    }
    return table;
}

std::vector<std::string> catalogNames(const Catalog& catalog) {
    std::vector<std::string> names;
    for (const auto& [name, definition] : catalog.catalogs())
        names.push_back(name);
    return names;
}

std::vector<std::string> databaseNames(const Show& statement, const Catalog& catalog) {
    Identifier name{catalog.current().catalog, statement.span};
    if (statement.object) name = statement.object->parts.back();
    std::vector<std::string> names;
    for (const auto& [database, definition] : catalog.catalogAt(name).databases)
        names.push_back(database);
    return names;
}

// SHOW TABLES FROM db.
Namespace databaseOf(const Show& statement, const Catalog& catalog) {
    if (!statement.object) return catalog.current();
    Namespace path = catalog.resolveDatabase(*statement.object);
    catalog.databaseAt(path, statement.object->span);
    return path;
}

std::string optionsText(const std::map<std::string, std::string>& options) {
    std::string text;
    for (const auto& [key, value] : options)
        text += fmt::format("{}\n  {} = {}", text.empty() ? "" : ",", quoteText(key), quoteText(value));
    return text;
}

std::string showCreateCatalog(const ObjectName& object, const Catalog& catalog) {
    const CatalogDefinition& definition = catalog.catalogAt(object.parts.back());
    std::string text = "CREATE CATALOG " + quoteName(object.parts.back().name);
    if (!definition.comment.empty()) text += "\nCOMMENT " + quoteText(definition.comment);
    return text + "\nWITH (" + optionsText(definition.options) + "\n)";
}

ResultTable information(const std::vector<std::pair<std::string, std::string>>& rows) {
    ResultTable table;
    table.columns = {"info name", "info value"};
    for (const auto& [name, value] : rows)
        table.rows.push_back({name, value});
    return table;
}

ResultTable describeFunction(const ObjectName& name, const Catalog& catalog) {
    std::string called = catalog.resolve(name).object;
    const FunctionDefinition* const created = catalog.findFunction(called);
    if (created) called = created->built_in;
    const ScalarFunction* const scalar = findScalarFunction(called);
    const AggregateFunction* const aggregate = scalar ? nullptr : findAggregateFunction(called);
    if (!scalar && !aggregate) {
        const std::string near = nearestName(called, catalog.functionNames());
        throw UserError(Problem{
            "sql.unknown-function", fmt::format("there is no function '{}'", called),
            near.empty() ? "SHOW FUNCTIONS lists what there is" : fmt::format("did you mean '{}'?", near),
            name.span});
    }
    return information({{"system function", created && !created->system ? "false" : "true"},
                        {"class name", created ? created->class_name : ""},
                        {"kind", scalar ? "scalar" : "aggregate"},
                        {"signature", scalar ? scalar->signature : aggregate->signature},
                        {"documentation", scalar ? scalar->documentation : aggregate->documentation}});
}

ResultTable describeNamespace(const Describe& statement, const Catalog& catalog) {
    const auto with_options = [](std::vector<std::pair<std::string, std::string>> rows,
                                 const std::map<std::string, std::string>& options) {
        for (const auto& [key, value] : options)
            rows.emplace_back("option:" + key, value);
        return information(rows);
    };
    if (statement.kind == ObjectKind::Catalog) {
        const Identifier& name = statement.table.parts.back();
        const CatalogDefinition& definition = catalog.catalogAt(name);
        return with_options({{"name", name.name}, {"comment", definition.comment}}, definition.options);
    }
    const Namespace path = catalog.resolveDatabase(statement.table);
    const DatabaseDefinition& definition = catalog.databaseAt(path, statement.table.span);
    return with_options({{"name", path.database}, {"catalog", path.catalog}, {"comment", definition.comment}},
                        definition.options);
}

std::vector<std::string> primaryKeyOf(const SessionState& state, const ObjectPath& path) {
    const TablePtr table = state.catalog.findTable(path);
    return table ? table->primary_key : std::vector<std::string>();
}

ResultTable jobs(const SessionState& state) {
    ResultTable result;
    result.columns = {"job id", "job name", "status", "start time"};
    if (!state.jobs) return result;
    for (const SessionJob& job : state.jobs())
        result.rows.push_back({job.id, job.name, job.status, formatTimestamp(job.start_ms * 1000, 3)});
    return result;
}

// SHOW PARTITIONS t [PARTITION (k = 'v')].
ResultTable partitions(const Show& statement, const SessionState& state) {
    const ObjectName& name = *statement.object;
    const TablePtr table = state.catalog.findTable(state.catalog.resolve(name));
    if (!table) state.catalog.failUnknownTable(name);
    const std::vector<std::string>& keys = table->partition_keys;
    if (keys.empty()) {
        fail(name.span, "sql.bad-target",
             fmt::format("'{}' has no partitions: it is not PARTITIONED BY anything", table->path.object));
    }
    std::vector<std::pair<size_t, std::string>> wanted;
    for (const OptionItem& item : statement.partition) {
        const auto key = std::find(keys.begin(), keys.end(), item.key);
        if (key == keys.end()) {
            fail(item.key_span, "sql.unknown-column",
                 fmt::format("'{}' is no partition column of '{}'", item.key, table->path.object));
        }
        wanted.emplace_back(key - keys.begin(), item.value);
    }
    PlanOptions options;
    options.registry = state.registry;
    options.configuration = state.configuration;
    ResultTable result;
    result.columns = {"partition name"};
    for (const std::vector<std::string>& values : partitionsOf(*table, options, name.span)) {
        const bool shown = std::all_of(wanted.begin(), wanted.end(),
                                       [&](const auto& of) { return values[of.first] == of.second; });
        if (!shown) continue;
        std::string text;
        for (size_t i = 0; i < keys.size(); ++i)
            text += fmt::format("{}{}={}", text.empty() ? "" : "/", keys[i], values[i]);
        result.rows.push_back({std::move(text)});
    }
    return result;
}

}  // namespace

ResultTable describe(const Describe& statement, const SessionState& state) {
    if (statement.kind == ObjectKind::Function) return describeFunction(statement.table, state.catalog);
    if (statement.kind != ObjectKind::Table) return describeNamespace(statement, state.catalog);
    const ObjectPath path = state.catalog.resolve(statement.table);
    const TablePtr table = state.catalog.findTable(path);
    const ViewPtr view = state.catalog.findView(path);
    if (!table && !view) state.catalog.failUnknownTable(statement.table);
    const std::vector<std::string> keys = primaryKeyOf(state, path);
    std::string key_text;
    for (const std::string& key : keys)
        key_text += (key_text.empty() ? "PRI(" : ", ") + key;
    if (!key_text.empty()) key_text += ")";

    ResultTable result;
    result.columns = {"name", "type", "null", "key", "extras", "watermark"};
    const Schema schema = table ? table->schema() : view->schema;
    for (size_t i = 0; i < schema.size(); ++i) {
        std::string extras;
        std::string watermark;
        std::string time;
        if (table) {
            const TableColumn& column = table->columns[i];
            if (column.kind == ColumnKind::Computed) extras = "AS " + column.text;
            if (column.kind == ColumnKind::Metadata) {
                extras =
                    "METADATA FROM " + quoteText(column.metadata_key) + (column.is_virtual ? " VIRTUAL" : "");
            }
            if (table->watermark && table->watermark->column == i) watermark = table->watermark->text;
            if (column.time != TimeAttribute::None)
                time = column.time == TimeAttribute::Rowtime ? " *ROWTIME*" : " *PROCTIME*";
        }
        const bool in_key = std::find(keys.begin(), keys.end(), schema[i].name) != keys.end();
        result.rows.push_back({schema[i].name, schema[i].type.withNullable(true).toString() + time,
                               schema[i].type.nullable() ? "TRUE" : "FALSE", in_key ? key_text : "", extras,
                               watermark});
    }
    return result;
}

ResultTable settings(const SessionState& state) {
    ResultTable table;
    table.columns = {"key", "value"};
    for (const auto& [key, value] : state.configuration.values())
        table.rows.push_back({key, value});
    return table;
}

ResultTable show(const Show& statement, const SessionState& state) {
    const std::string& what = statement.what;
    const Catalog& catalog = state.catalog;
    if (what == "TABLES")
        return column("table name", catalog.tableNames(databaseOf(statement, catalog)), statement);
    if (what == "VIEWS")
        return column("view name", catalog.viewNames(databaseOf(statement, catalog)), statement);
    if (what == "FUNCTIONS") return column("function name", catalog.functionNames(), statement);
    if (what == "USER FUNCTIONS") return column("function name", catalog.userFunctionNames(), statement);
    if (what == "CATALOGS") return column("catalog name", catalogNames(catalog), statement);
    if (what == "DATABASES") return column("database name", databaseNames(statement, catalog), statement);
    if (what == "CURRENT CATALOG")
        return column("current catalog name", {catalog.current().catalog}, statement);
    if (what == "CURRENT DATABASE")
        return column("current database name", {catalog.current().database}, statement);
    if (what == "MODULES") return column("module name", {"core"}, statement);
    if (what == "FULL MODULES") {
        ResultTable table = column("module name", {"core"}, statement);
        table.columns.emplace_back("used");
        for (std::vector<std::string>& row : table.rows)
            row.emplace_back("TRUE");
        return table;
    }
    if (what == "JARS") return column("jars", {}, statement);
    if (what == "PARTITIONS") return partitions(statement, state);
    if (what == "JOBS") return jobs(state);
    if (what == "COLUMNS") {
        ResultTable table = describe({ObjectKind::Table, *statement.object}, state);
        std::erase_if(table.rows,
                      [&](const std::vector<std::string>& row) { return !isWanted(row.front(), statement); });
        return table;
    }
    if (what == "CREATE CATALOG") {
        ResultTable result;
        result.columns = {"result"};
        result.rows = {{showCreateCatalog(*statement.object, catalog)}};
        return result;
    }
    if (what == "CREATE TABLE" || what == "CREATE VIEW") {
        const ObjectPath path = state.catalog.resolve(*statement.object);
        const TablePtr table = state.catalog.findTable(path);
        const ViewPtr view = state.catalog.findView(path);
        if (!table && !view) state.catalog.failUnknownTable(*statement.object);
        const bool wants_view = what == "CREATE VIEW";
        if (wants_view != (view != nullptr)) {
            fail(statement.object->span, "sql.wrong-kind",
                 fmt::format("'{}' is a {}: use SHOW CREATE {}", path.object, view ? "view" : "table",
                             view ? "VIEW" : "TABLE"));
        }
        std::string text;
        if (table) {
            text = table->toDdl();
        } else {
            std::string names;
            for (const Field& field : view->schema)
                names += (names.empty() ? "" : ", ") + quoteName(field.name);
            const std::string comment = view->comment.empty() ? "" : " COMMENT " + quoteText(view->comment);
            text =
                fmt::format("CREATE {}VIEW `{}`.`{}`.`{}` ({}){} AS\n{}", view->temporary ? "TEMPORARY " : "",
                            path.catalog, path.database, path.object, names, comment, view->text);
        }
        ResultTable result;
        result.columns = {"result"};
        result.rows = {{std::move(text)}};
        return result;
    }
    fail(statement.span, "sql.not-supported", fmt::format("SHOW {} is not supported yet", what));
}

}  // namespace millrace::sql
