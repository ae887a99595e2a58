#include "sql/bind/catalog.h"

#include <algorithm>
#include <cctype>

#include "base/text.h"
#include "sql/parse/lexer.h"

namespace millrace::sql {

namespace {

template <class Map>
std::vector<std::string> namesIn(const Map& map) {
    std::vector<std::string> keys;
    keys.reserve(map.size());
    for (const auto& [key, value] : map)
        keys.push_back(key);
    return keys;
}

[[noreturn]] void failUnknown(const char* what, const std::string& name, const TextSpan& where,
                              const std::vector<std::string>& known) {
    const std::string near = nearestName(name, known);
    std::string hint;
    if (known.size() == 1) {
        hint = fmt::format("the only {} is '{}'", what, known.front());
    } else {
        hint = near.empty() ? fmt::format("SHOW {}S lists what there is", toUpper(what))
                            : fmt::format("did you mean '{}'?", near);
    }
    throw UserError(Problem{fmt::format("sql.unknown-{}", what),
                            fmt::format("there is no {} '{}'", what, name), hint, where});
}

template <class Map>
void eraseWithin(Map& map, const Namespace& path) {
    std::erase_if(map, [&](const auto& entry) {
        return entry.first.catalog == path.catalog &&
               (path.database.empty() || entry.first.database == path.database);
    });
}

template <class Map>
std::vector<std::string> namesWithin(const Map& map, const Namespace& path) {
    std::vector<std::string> names;
    for (const auto& [at, object] : map) {
        if (at.catalog == path.catalog && at.database == path.database) names.push_back(at.object);
    }
    return names;
}

}  // namespace

Catalog::Catalog() {
    CatalogDefinition& first = catalogs_[kCatalog];
    first.options["type"] = "generic_in_memory";
    first.databases[kDatabase];
}

const CatalogDefinition& Catalog::catalogAt(const Identifier& name) const {
    const auto found = catalogs_.find(name.name);
    if (found == catalogs_.end()) failUnknown("catalog", name.name, name.span, namesIn(catalogs_));
    return found->second;
}

const DatabaseDefinition& Catalog::databaseAt(const Namespace& path, const TextSpan& where) const {
    const CatalogDefinition& catalog = catalogAt({path.catalog, where});
    const auto found = catalog.databases.find(path.database);
    if (found == catalog.databases.end())
        failUnknown("database", path.database, where, namesIn(catalog.databases));
    return found->second;
}

bool Catalog::hasDatabase(const Namespace& path) const {
    const auto found = catalogs_.find(path.catalog);
    return found != catalogs_.end() && found->second.databases.contains(path.database);
}

ObjectPath Catalog::resolve(const ObjectName& name, const Namespace& around) const {
    const size_t parts = name.parts.size();
    ObjectPath path{around.catalog, around.database, name.parts.back().name};
    if (parts == 3) {
        path.catalog = name.parts[0].name;
        catalogAt(name.parts[0]);
    }
    if (parts >= 2) {
        const Identifier& database = name.parts[parts - 2];
        path.database = database.name;
        databaseAt({path.catalog, path.database}, database.span);
    }
    return path;
}

Namespace Catalog::resolveDatabase(const ObjectName& name) const {
    if (name.parts.size() > 2) {
        throw UserError(Problem{"sql.syntax", fmt::format("'{}' is no name of a database", name.toString()),
                                "it is database or catalog.database", name.span});
    }
    if (name.parts.size() == 1) return {current_.catalog, name.parts[0].name};
    catalogAt(name.parts[0]);
    return {name.parts[0].name, name.parts[1].name};
}

void Catalog::putCatalog(const std::string& name, CatalogDefinition definition) {
    catalogs_[name] = std::move(definition);
}

void Catalog::putDatabase(const Namespace& path, DatabaseDefinition definition) {
    catalogs_.at(path.catalog).databases[path.database] = std::move(definition);
}

void Catalog::removeCatalog(const std::string& name) {
    catalogs_.erase(name);
    eraseWithin(tables_, {name, ""});
    eraseWithin(views_, {name, ""});
    bound_views_.clear();
}

void Catalog::removeDatabase(const Namespace& path) {
    catalogs_.at(path.catalog).databases.erase(path.database);
    eraseWithin(tables_, path);
    eraseWithin(views_, path);
    bound_views_.clear();
}

bool Catalog::holdsObjects(const Namespace& path) const {
    return !namesWithin(tables_, path).empty() || !namesWithin(views_, path).empty();
}

TablePtr Catalog::findTable(const ObjectPath& path) const {
    const auto found = tables_.find(path);
    return found == tables_.end() ? nullptr : found->second;
}

ViewPtr Catalog::findView(const ObjectPath& path) const {
    const auto found = views_.find(path);
    return found == views_.end() ? nullptr : found->second;
}

void Catalog::addTable(TablePtr table) {
    broken_.erase(table->path.object);
    const ObjectPath path = table->path;
    if (const bool is_new = tables_.insert_or_assign(path, std::move(table)).second; !is_new)
        bound_views_.clear();
}

void Catalog::addView(ViewPtr view) {
    broken_.erase(view->path.object);
    const ObjectPath path = view->path;
    if (const bool is_new = views_.insert_or_assign(path, std::move(view)).second; !is_new)
        bound_views_.clear();
}

void Catalog::removeTable(const ObjectPath& path) {
    if (tables_.erase(path) > 0) bound_views_.clear();
}

void Catalog::removeView(const ObjectPath& path) {
    if (views_.erase(path) > 0) bound_views_.clear();
}

LogicalPtr Catalog::boundView(const ObjectPath& path) const {
    const auto found = bound_views_.find(path);
    return found == bound_views_.end() ? nullptr : found->second;
}

void Catalog::keepBoundView(const ObjectPath& path, LogicalPtr plan) const {
    bound_views_[path] = std::move(plan);
}

const FunctionDefinition* Catalog::findFunction(std::string_view name) const {
    const auto found = functions_.find(lowerCase(name));
    return found == functions_.end() ? nullptr : &found->second;
}

void Catalog::addFunction(FunctionDefinition function) {
    std::string key = lowerCase(function.name);
    functions_[std::move(key)] = std::move(function);
    bound_views_.clear();
}

void Catalog::removeFunction(std::string_view name) {
    functions_.erase(lowerCase(name));
    bound_views_.clear();
}

std::vector<std::string> Catalog::userFunctionNames() const {
    std::vector<std::string> names;
    for (const auto& [key, function] : functions_)
        names.push_back(function.name);
    return names;
}

std::vector<std::string> Catalog::functionNames() const {
    std::vector<std::string> names = millrace::functionNames();
    for (std::string& name : userFunctionNames())
        names.push_back(std::move(name));
    std::sort(names.begin(), names.end());
    names.erase(std::unique(names.begin(), names.end()), names.end());
    return names;
}

std::vector<std::string> Catalog::viewNames(const Namespace& path) const { return namesWithin(views_, path); }

std::vector<std::string> Catalog::tableNames(const Namespace& path) const {
    std::vector<std::string> names = viewNames(path);
    for (std::string& table : namesWithin(tables_, path))
        names.push_back(std::move(table));
    std::sort(names.begin(), names.end());
    return names;
}

void Catalog::failUnknownTable(const ObjectName& name) const {
    const std::string& wanted = name.parts.back().name;
    if (broken_.contains(wanted)) {
        throw UserError(Problem{"sql.follow-up", fmt::format("the definition of '{}' has errors", wanted), "",
                                name.span});
    }
    const ObjectPath path = resolve(name);
    std::string hint;
    const auto elsewhere = [&](const auto& map) {
        for (const auto& [at, object] : map) {
            if (hint.empty() && at.object == wanted)
                hint = fmt::format("there is one in another database: {}", at.toString());
        }
    };
    elsewhere(tables_);
    elsewhere(views_);
    const std::string near = nearestName(wanted, tableNames({path.catalog, path.database}));
    if (hint.empty() && !near.empty()) {
        hint = fmt::format("did you mean '{}'?", near);
    } else if (tables_.empty() && views_.empty()) {
        hint = "no tables are defined yet: CREATE TABLE comes first";
    }
    throw UserError(Problem{"sql.unknown-table",
                            fmt::format("there is no table or view '{}'", name.toString()), hint, name.span});
}

}  // namespace millrace::sql
