#include "sql/bind/catalog.h"

#include <algorithm>
#include <cctype>

#include "base/text.h"

namespace millrace::sql {

ObjectPath Catalog::resolve(const ObjectName& name) const {
    const auto check = [&](const Identifier& part, const char* known, const char* what) {
        if (part.name == known) return;
        throw UserError(Problem{fmt::format("sql.unknown-{}", what),
                                fmt::format("there is no {} '{}'", what, part.name),
                                fmt::format("the only {} is '{}'", what, known), part.span});
    };
    const size_t parts = name.parts.size();
    if (parts == 3) check(name.parts[0], kCatalog, "catalog");
    if (parts >= 2) check(name.parts[parts - 2], kDatabase, "database");
    return {kCatalog, kDatabase, name.parts.back().name};
}

TablePtr Catalog::findTable(const ObjectPath& path) const {
    const auto found = tables_.find(path.object);
    return found == tables_.end() ? nullptr : found->second;
}

ViewPtr Catalog::findView(const ObjectPath& path) const {
    const auto found = views_.find(path.object);
    return found == views_.end() ? nullptr : found->second;
}

void Catalog::addTable(TablePtr table) {
    broken_.erase(table->path.object);
    tables_[table->path.object] = std::move(table);
}

void Catalog::addView(ViewPtr view) {
    broken_.erase(view->path.object);
    views_[view->path.object] = std::move(view);
}

void Catalog::removeTable(const ObjectPath& path) {
    tables_.erase(path.object);
    bound_views_.clear();
}

void Catalog::removeView(const ObjectPath& path) {
    views_.erase(path.object);
    bound_views_.clear();
}

LogicalPtr Catalog::boundView(const ObjectPath& path) const {
    const auto found = bound_views_.find(path.object);
    return found == bound_views_.end() ? nullptr : found->second;
}

void Catalog::keepBoundView(const ObjectPath& path, LogicalPtr plan) const {
    bound_views_[path.object] = std::move(plan);
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

std::vector<std::string> Catalog::functionNames() const {
    std::vector<std::string> names = millrace::functionNames();
    for (const auto& [key, function] : functions_)
        names.push_back(function.name);
    std::sort(names.begin(), names.end());
    names.erase(std::unique(names.begin(), names.end()), names.end());
    return names;
}

std::vector<std::string> Catalog::viewNames() const {
    std::vector<std::string> names;
    for (const auto& [name, view] : views_)
        names.push_back(name);
    return names;
}

std::vector<std::string> Catalog::tableNames() const {
    std::vector<std::string> names = viewNames();
    for (const auto& [name, table] : tables_)
        names.push_back(name);
    std::sort(names.begin(), names.end());
    return names;
}

void Catalog::failUnknownTable(const ObjectName& name) const {
    const std::string& wanted = name.parts.back().name;
    if (broken_.contains(wanted)) {
        throw UserError(Problem{"sql.follow-up", fmt::format("the definition of '{}' has errors", wanted), "",
                                name.span});
    }
    const std::vector<std::string> names = tableNames();
    const std::string near = nearestName(wanted, names);
    std::string hint;
    if (!near.empty()) {
        hint = fmt::format("did you mean '{}'?", near);
    } else if (names.empty()) {
        hint = "no tables are defined yet: CREATE TABLE comes first";
    }
    throw UserError(Problem{"sql.unknown-table",
                            fmt::format("there is no table or view '{}'", name.toString()), hint, name.span});
}

}  // namespace millrace::sql
