// SHOW, DESCRIBE and SET without a key.
#include <algorithm>

#include "functions/function.h"
#include "sql/parse/to_sql.h"
#include "sql/statements.h"

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

ResultTable column(std::string name, std::vector<std::string> values, const Show& statement) {
    ResultTable table;
    table.columns = {std::move(name)};
    for (std::string& value : values) {
        if (statement.like && matchesLike(value, *statement.like) == statement.not_like) continue;
        table.rows.push_back({std::move(value)});
    }
    return table;
}

std::vector<std::string> primaryKeyOf(const SessionState& state, const ObjectPath& path) {
    const TablePtr table = state.catalog.findTable(path);
    return table ? table->primary_key : std::vector<std::string>();
}

}  // namespace

ResultTable describe(const Describe& statement, const SessionState& state) {
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
    if (what == "TABLES") return column("table name", state.catalog.tableNames(), statement);
    if (what == "VIEWS") return column("view name", state.catalog.viewNames(), statement);
    if (what == "FUNCTIONS") return column("function name", state.catalog.functionNames(), statement);
    if (what == "CATALOGS") return column("catalog name", {Catalog::kCatalog}, statement);
    if (what == "DATABASES") return column("database name", {Catalog::kDatabase}, statement);
    if (what == "CURRENT CATALOG") return column("current catalog name", {Catalog::kCatalog}, statement);
    if (what == "CURRENT DATABASE") return column("current database name", {Catalog::kDatabase}, statement);
    if (what == "COLUMNS") {
        ResultTable table = describe({*statement.object}, state);
        std::erase_if(table.rows, [&](const std::vector<std::string>& row) {
            return statement.like && matchesLike(row.front(), *statement.like) == statement.not_like;
        });
        return table;
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
            text =
                fmt::format("CREATE {}VIEW `{}`.`{}`.`{}` ({}) AS\n{}", view->temporary ? "TEMPORARY " : "",
                            path.catalog, path.database, path.object, names, view->text);
        }
        ResultTable result;
        result.columns = {"result"};
        result.rows = {{std::move(text)}};
        return result;
    }
    throw UserError("sql.not-supported", fmt::format("SHOW {} is not supported yet", what));
}

}  // namespace millrace::sql
