// CREATE, ALTER, DROP and USE.
#include <algorithm>

#include "sql/bind/alter_table.h"
#include "sql/bind/query_binder.h"
#include "sql/parse/to_sql.h"
#include "sql/statements.h"

namespace millrace::sql {

namespace {

const char* kindName(ObjectKind kind) {
    switch (kind) {
        case ObjectKind::Table:
            return "table";
        case ObjectKind::View:
            return "view";
        case ObjectKind::Function:
            return "function";
        case ObjectKind::Catalog:
            return "catalog";
        case ObjectKind::Database:
            return "database";
    }
    return "";
}

void refuseWrongKind(const Catalog& catalog, const ObjectPath& path, const ObjectName& name, bool wants_view,
                     const char* verb) {
    if (wants_view ? !catalog.findTable(path) : !catalog.findView(path)) return;
    failAt(name.span, "sql.wrong-kind",
           fmt::format("'{}' is a {}", path.object, wants_view ? "table" : "view"),
           fmt::format("{} {} {}", verb, wants_view ? "TABLE" : "VIEW", path.object));
}

const ScalarFunction& functionOfClass(const std::string& class_name, const TextSpan& where) {
    const ScalarFunction* const built_in = findFunctionOfClass(class_name);
    if (built_in == nullptr) {
        failNotSupported(where, fmt::format("the function class '{}' is", class_name),
                         "SHOW FUNCTIONS lists the functions that are built in");
    }
    return *built_in;
}

const FunctionDefinition& functionNamed(const Catalog& catalog, const ObjectName& name, const char* verb) {
    const std::string object = catalog.resolve(name).object;
    if (const FunctionDefinition* found = catalog.findFunction(object)) return *found;
    failAt(name.span, "sql.unknown-function", fmt::format("there is no function '{}' to {}", object, verb),
           "functions that are built in stay");
}

// The view with its query bound: its columns are known then.
std::shared_ptr<ViewDefinition> boundView(ViewDefinition view, const ObjectName& name,
                                          const SessionState& state) {
    LogicalPtr plan = QueryBinder(state.catalog, state.registry.get()).bindQuery(*view.query);
    if (!view.columns.empty()) {
        if (view.columns.size() != plan->schema().size()) {
            failAt(name.span, "sql.column-count",
                   fmt::format("the view names {} columns, but its query has {}", view.columns.size(),
                               plan->schema().size()));
        }
        plan = renamed(plan, view.columns, name.span);
    }
    view.schema = plan->schema();
    view.around = state.catalog.current();
    view.text = toSql(*view.query);
    return std::make_shared<ViewDefinition>(std::move(view));
}

std::map<std::string, std::string> asMap(const std::vector<OptionItem>& options) {
    std::map<std::string, std::string> map;
    for (const OptionItem& option : options)
        map[option.key] = option.value;
    return map;
}

void checkCatalogOptions(const std::vector<OptionItem>& options) {
    for (const OptionItem& option : options) {
        if (option.key == "type") {
            if (option.value == "generic_in_memory") continue;
            failAt(option.value_span, "config.bad-value",
                   fmt::format("there is no catalog type '{}'", option.value), "it is 'generic_in_memory'");
        }
        if (option.key == "default-database") {
            if (!option.value.empty()) continue;
            failAt(option.value_span, "config.bad-value", "the default database needs a name");
        }
        failAt(option.key_span, "config.unknown-option",
               fmt::format("a catalog has no option '{}'", option.key),
               "its options are 'type' and 'default-database'");
    }
}

std::string defaultDatabase(const std::string& name, const CatalogDefinition& catalog) {
    const auto found = catalog.options.find("default-database");
    if (found != catalog.options.end()) return found->second;
    return name == Catalog::kCatalog ? Catalog::kDatabase : "default";
}

std::string dropCatalog(const DropObject& drop, Catalog& catalog) {
    const Identifier& name = drop.name.parts.front();
    if (drop.name.parts.size() > 1) failAt(drop.name.span, "sql.syntax", "a catalog's name has one part");
    if (drop.if_exists && !catalog.catalogs().contains(name.name))
        return fmt::format("There is no catalog '{}'.", name.name);
    catalog.catalogAt(name);
    if (catalog.current().catalog == name.name)
        failAt(name.span, "sql.in-use", fmt::format("the catalog '{}' is in use", name.name),
               "USE CATALOG another one first");
    catalog.removeCatalog(name.name);
    return fmt::format("The catalog '{}' has been dropped.", name.name);
}

std::string dropDatabase(const DropObject& drop, Catalog& catalog) {
    const Namespace path = catalog.resolveDatabase(drop.name);
    if (drop.if_exists && !catalog.hasDatabase(path))
        return fmt::format("There is no database '{}'.", path.database);
    catalog.databaseAt(path, drop.name.span);
    if (catalog.current() == path)
        failAt(drop.name.span, "sql.in-use", fmt::format("the database '{}' is in use", path.database),
               "USE another one first");
    if (!drop.cascade && catalog.holdsObjects(path)) {
        failAt(drop.name.span, "sql.not-empty", fmt::format("the database '{}' is not empty", path.database),
               "DROP DATABASE ... CASCADE drops what is in it, too");
    }
    catalog.removeDatabase(path);
    return fmt::format("The database '{}' has been dropped.", path.database);
}

// ---- ALTER

// A table or view under another name of its database.
ObjectPath renamedPath(const AlterObject& alter, const RenameObject& rename, const ObjectPath& from,
                       const Catalog& catalog) {
    ObjectPath to{from.catalog, from.database, rename.to.parts.back().name};
    if (rename.to.parts.size() > 1 && catalog.resolve(rename.to) != to) {
        failAt(rename.to.span, "sql.bad-target",
               fmt::format("a {} stays in its database", kindName(alter.kind)), "name it without database");
    }
    mayCreate(catalog, to, rename.to, false, false);
    return to;
}

std::string alterTable(const AlterObject& alter, SessionState& state, std::vector<Problem>& problems) {
    Catalog& catalog = state.catalog;
    const ObjectPath path = catalog.resolve(alter.name);
    const TablePtr table = catalog.findTable(path);
    if (!table) {
        refuseWrongKind(catalog, path, alter.name, false, "ALTER");
        if (alter.if_exists) return fmt::format("There is no table '{}'.", path.object);
        catalog.failUnknownTable(alter.name);
    }
    if (const auto* rename = std::get_if<RenameObject>(&alter.change)) {
        auto moved = std::make_shared<TableDefinition>(*table);
        moved->path = renamedPath(alter, *rename, path, catalog);
        catalog.removeTable(path);
        const std::string name = moved->path.object;
        catalog.addTable(std::move(moved));
        return fmt::format("The table '{}' is called '{}' now.", path.object, name);
    }
    TablePtr altered = bindAlterTable(alter, *table, catalog, state.registry.get(), problems);
    if (altered) catalog.addTable(std::move(altered));
    return fmt::format("The table '{}' has been altered.", path.object);
}

std::string alterView(const AlterObject& alter, SessionState& state) {
    Catalog& catalog = state.catalog;
    const ObjectPath path = catalog.resolve(alter.name);
    const ViewPtr view = catalog.findView(path);
    if (!view) {
        refuseWrongKind(catalog, path, alter.name, true, "ALTER");
        if (alter.if_exists) return fmt::format("There is no view '{}'.", path.object);
        catalog.failUnknownTable(alter.name);
    }
    ViewDefinition changed = *view;
    if (const auto* rename = std::get_if<RenameObject>(&alter.change)) {
        changed.path = renamedPath(alter, *rename, path, catalog);
        catalog.removeView(path);
        const std::string name = changed.path.object;
        catalog.addView(std::make_shared<ViewDefinition>(std::move(changed)));
        return fmt::format("The view '{}' is called '{}' now.", path.object, name);
    }
    changed.query = std::get<RedefineView>(alter.change).query;
    changed.columns.clear();
    catalog.addView(boundView(std::move(changed), alter.name, state));
    return fmt::format("The view '{}' has been altered.", path.object);
}

std::string alterFunction(const AlterObject& alter, SessionState& state) {
    const std::string name = state.catalog.resolve(alter.name).object;
    if (alter.if_exists && !state.catalog.findFunction(name))
        return fmt::format("There is no function '{}'.", name);
    FunctionDefinition function = functionNamed(state.catalog, alter.name, "alter");
    const auto& change = std::get<RedefineFunction>(alter.change);
    function.class_name = change.class_name;
    function.built_in = functionOfClass(change.class_name, change.class_span).name;
    state.catalog.addFunction(std::move(function));
    return fmt::format("The function '{}' has been altered.", name);
}

std::string alterDatabase(const AlterObject& alter, Catalog& catalog) {
    const Namespace path = catalog.resolveDatabase(alter.name);
    if (alter.if_exists && !catalog.hasDatabase(path))
        return fmt::format("There is no database '{}'.", path.database);
    DatabaseDefinition database = catalog.databaseAt(path, alter.name.span);
    for (const OptionItem& option : std::get<SetObjectOptions>(alter.change).options)
        database.options[option.key] = option.value;
    catalog.putDatabase(path, std::move(database));
    return fmt::format("The database '{}' has been altered.", path.database);
}

std::string alterCatalog(const AlterObject& alter, Catalog& catalog) {
    const Identifier& name = alter.name.parts.front();
    CatalogDefinition definition = catalog.catalogAt(name);
    if (const auto* set = std::get_if<SetObjectOptions>(&alter.change)) {
        checkCatalogOptions(set->options);
        for (const OptionItem& option : set->options)
            definition.options[option.key] = option.value;
    } else {
        for (const OptionItem& option : std::get<ResetObjectOptions>(alter.change).keys) {
            if (option.key == "type") failAt(option.key_span, "sql.bad-target", "'type' cannot be reset");
            definition.options.erase(option.key);
        }
    }
    catalog.putCatalog(name.name, std::move(definition));
    return fmt::format("The catalog '{}' has been altered.", name.name);
}

}  // namespace

bool mayCreate(const Catalog& catalog, const ObjectPath& path, const ObjectName& name, bool if_not_exists,
               bool or_replace) {
    if (!catalog.has(path) || or_replace) return true;
    if (if_not_exists) return false;
    failAt(name.span, "sql.duplicate-name",
           fmt::format("a {} '{}' exists already", catalog.findView(path) ? "view" : "table", path.object),
           "DROP it first, or write CREATE ... IF NOT EXISTS");
}

void putTable(Catalog& catalog, TablePtr table) {
    catalog.removeView(table->path);
    catalog.addTable(std::move(table));
}

std::string createTable(const CreateTable& create, SessionState& state, std::vector<Problem>& problems) {
    Catalog& catalog = state.catalog;
    TablePtr table;
    try {
        table = bindCreateTable(create, catalog, state.registry.get(), problems);
    } catch (const UserError& error) {
        problems.push_back(error.problem());
    }
    if (!table) {
        catalog.addBroken(create.name.parts.back().name);
        return "";
    }
    if (create.must_exist && !catalog.findTable(table->path)) catalog.failUnknownTable(create.name);
    const std::string name = table->path.object;
    if (mayCreate(catalog, table->path, create.name, create.if_not_exists, create.or_replace))
        putTable(catalog, std::move(table));
    return fmt::format("Table '{}' has been created.", name);
}

std::string createView(const CreateView& create, SessionState& state) {
    Catalog& catalog = state.catalog;
    ViewDefinition view;
    view.path = catalog.resolve(create.name);
    view.temporary = create.temporary;
    view.comment = create.comment;
    view.query = create.query;
    for (const Identifier& column : create.columns)
        view.columns.push_back(column.name);
    const ObjectPath path = view.path;
    try {
        ViewPtr bound = boundView(std::move(view), create.name, state);
        if (mayCreate(catalog, path, create.name, create.if_not_exists, create.or_replace)) {
            catalog.removeTable(path);
            catalog.addView(std::move(bound));
        }
    } catch (const UserError&) {
        if (!catalog.has(path)) catalog.addBroken(path.object);
        throw;
    }
    return fmt::format("View '{}' has been created.", path.object);
}

std::string createFunction(const CreateFunction& create, SessionState& state) {
    const std::string name = state.catalog.resolve(create.name).object;
    const ScalarFunction& built_in = functionOfClass(create.class_name, create.class_span);
    const FunctionDefinition* const known = state.catalog.findFunction(name);
    if (known == nullptr) {
        state.catalog.addFunction({name, create.class_name, built_in.name, create.system});
    } else if (!create.if_not_exists) {
        failAt(create.name.span, "sql.duplicate-name",
               fmt::format("a function '{}' exists already", known->name),
               "DROP it first, or write CREATE FUNCTION IF NOT EXISTS");
    }
    return fmt::format("Function '{}' has been created.", name);
}

std::string createCatalog(const CreateCatalog& create, SessionState& state) {
    const Identifier& name = create.name.parts.front();
    checkCatalogOptions(create.options);
    CatalogDefinition catalog{create.comment, asMap(create.options), {}};
    if (!catalog.options.contains("type")) {
        failAt(name.span, "config.missing-option", fmt::format("the catalog '{}' has no 'type'", name.name),
               "WITH ('type' = 'generic_in_memory')");
    }
    catalog.databases[defaultDatabase(name.name, catalog)];
    if (!state.catalog.catalogs().contains(name.name)) {
        state.catalog.putCatalog(name.name, std::move(catalog));
    } else if (!create.if_not_exists) {
        failAt(name.span, "sql.duplicate-name", fmt::format("a catalog '{}' exists already", name.name),
               "DROP it first, or write CREATE CATALOG IF NOT EXISTS");
    }
    return fmt::format("Catalog '{}' has been created.", name.name);
}

std::string createDatabase(const CreateDatabase& create, SessionState& state) {
    const Namespace path = state.catalog.resolveDatabase(create.name);
    if (!state.catalog.hasDatabase(path)) {
        state.catalog.putDatabase(path, {create.comment, asMap(create.options)});
    } else if (!create.if_not_exists) {
        failAt(create.name.span, "sql.duplicate-name",
               fmt::format("a database '{}' exists already", path.database),
               "DROP it first, or write CREATE DATABASE IF NOT EXISTS");
    }
    return fmt::format("Database '{}' has been created.", path.database);
}

std::string dropObject(const DropObject& drop, SessionState& state) {
    Catalog& catalog = state.catalog;
    if (drop.kind == ObjectKind::Catalog) return dropCatalog(drop, catalog);
    if (drop.kind == ObjectKind::Database) return dropDatabase(drop, catalog);
    const ObjectPath path = catalog.resolve(drop.name);
    if (drop.kind == ObjectKind::Function) {
        if (drop.if_exists && !catalog.findFunction(path.object))
            return fmt::format("There is no function '{}'.", path.object);
        functionNamed(catalog, drop.name, "drop");
        catalog.removeFunction(path.object);
        return fmt::format("The function '{}' has been dropped.", path.object);
    }
    const bool is_view = drop.kind == ObjectKind::View;
    if (is_view ? !catalog.findView(path) : !catalog.findTable(path)) {
        refuseWrongKind(catalog, path, drop.name, is_view, "DROP");
        if (drop.if_exists) return fmt::format("There is no {} '{}'.", kindName(drop.kind), path.object);
        catalog.failUnknownTable(drop.name);
    }
    is_view ? catalog.removeView(path) : catalog.removeTable(path);
    return fmt::format("The {} '{}' has been dropped.", kindName(drop.kind), path.object);
}

std::string alterObject(const AlterObject& alter, SessionState& state, std::vector<Problem>& problems) {
    switch (alter.kind) {
        case ObjectKind::Table:
            return alterTable(alter, state, problems);
        case ObjectKind::View:
            return alterView(alter, state);
        case ObjectKind::Function:
            return alterFunction(alter, state);
        case ObjectKind::Catalog:
            return alterCatalog(alter, state.catalog);
        case ObjectKind::Database:
            return alterDatabase(alter, state.catalog);
    }
    return "";
}

std::string use(const Use& statement, SessionState& state) {
    Catalog& catalog = state.catalog;
    if (statement.kind == ObjectKind::Catalog) {
        const Identifier& name = statement.name.parts.front();
        const Namespace path{name.name, defaultDatabase(name.name, catalog.catalogAt(name))};
        catalog.databaseAt(path, name.span);
        catalog.use(path);
        return fmt::format("The catalog is '{}' now.", name.name);
    }
    const Namespace path = catalog.resolveDatabase(statement.name);
    catalog.databaseAt(path, statement.name.span);
    catalog.use(path);
    return fmt::format("The database is '{}' now.", path.database);
}

}  // namespace millrace::sql
