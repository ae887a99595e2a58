#include "sql/bind/scope.h"

#include <algorithm>
#include <numeric>

namespace millrace::sql {

Scope::Scope(LogicalPtr node, std::string alias) : node_(std::move(node)) {
    relations_.push_back({std::move(alias), 0, node_->schema().size()});
    star_ = columnsOf(relations_.front());
}

Scope::Scope(LogicalPtr node, const Scope& left, const Scope& right, const TextSpan& where)
    : node_(std::move(node)), relations_(left.relations_), catalog_(left.catalog_), star_(left.star_) {
    for (Relation relation : right.relations_) {
        if (!relation.alias.empty() && left.relation(relation.alias) != nullptr) {
            throw UserError(Problem{"sql.duplicate-name",
                                    fmt::format("two tables in FROM are called '{}'", relation.alias),
                                    "give one of them another name with AS", where});
        }
        relation.begin += left.size();
        relation.end += left.size();
        relations_.push_back(std::move(relation));
    }
    for (const size_t column : right.star_)
        star_.push_back(left.size() + column);
}

void Scope::useColumns(const std::vector<size_t>& merged, const std::vector<size_t>& hidden) {
    std::vector<size_t> columns = merged;
    for (const size_t column : star_) {
        const auto in = [&](const std::vector<size_t>& list) {
            return std::find(list.begin(), list.end(), column) != list.end();
        };
        if (!in(merged) && !in(hidden)) columns.push_back(column);
    }
    star_ = std::move(columns);
}

std::vector<size_t> Scope::columnsOf(const Relation& relation) {
    std::vector<size_t> columns(relation.end - relation.begin);
    std::iota(columns.begin(), columns.end(), relation.begin);
    return columns;
}

std::vector<std::string> Scope::candidates() const {
    std::vector<std::string> names;
    for (size_t i = 0; i < size(); ++i)
        names.push_back(field(i).name);
    return names;
}

const Scope::Relation* Scope::relation(const std::string& alias) const {
    for (const Relation& candidate : relations_) {
        if (!candidate.alias.empty() && candidate.alias == alias) return &candidate;
    }
    return nullptr;
}

std::optional<size_t> Scope::find(const Identifier& name, const std::vector<size_t>& columns) const {
    std::optional<size_t> found;
    for (const size_t i : columns) {
        if (field(i).name != name.name) continue;
        if (found) {
            throw UserError(Problem{"sql.ambiguous-column",
                                    fmt::format("column '{}' is there more than once", name.name),
                                    relations_.size() > 1 ? "say which one: table.column"
                                                          : "give the columns different names with AS",
                                    name.span});
        }
        found = i;
    }
    return found;
}

std::optional<Scope::Resolved> Scope::lookUp(const std::vector<Identifier>& path) const {
    const Relation* table = path.size() > 1 ? relation(path[0].name) : nullptr;
    if (table != nullptr) {
        if (const auto column = find(path[1], columnsOf(*table))) return Resolved{*column, 2};
    }
    if (const auto column = find(path[0], star_)) return Resolved{*column, 1};
    return std::nullopt;
}

Scope::Resolved Scope::resolve(const std::vector<Identifier>& path) const {
    if (const auto found = lookUp(path)) return *found;
    const Relation* table = path.size() > 1 ? relation(path[0].name) : nullptr;
    const Identifier& wanted = table != nullptr ? path[1] : path[0];
    std::vector<std::string> names = candidates();
    if (table == nullptr && path.size() > 1) {
        for (const Relation& other : relations_)
            names.push_back(other.alias);
    }
    // One letter is near to every other one.
    const std::string near = wanted.name.size() > 1 ? nearestName(wanted.name, names) : "";
    std::string hint;
    if (!near.empty()) {
        hint = fmt::format("did you mean '{}'?", near);
    } else if (relations_.empty()) {
        hint = "there is no FROM clause, so there are no columns";
    } else {
        constexpr size_t kShown = 12;
        for (size_t i = 0; i < names.size() && i < kShown; ++i)
            hint += (i == 0 ? "" : ", ") + names[i];
        hint = "columns here: " + hint + (names.size() > kShown ? ", ..." : "");
    }
    throw UserError(Problem{"sql.unknown-column", fmt::format("there is no column '{}'", wanted.name), hint,
                            wanted.span});
}

std::vector<std::string> Scope::tables() const {
    std::vector<std::string> names;
    for (const Relation& relation : relations_)
        names.push_back(relation.alias);
    return names;
}

bool Scope::isTable(const std::vector<Identifier>& path) const {
    return path.size() == 1 && relation(path[0].name) != nullptr;
}

std::vector<size_t> Scope::star(const std::vector<Identifier>& qualifier) const {
    if (qualifier.empty()) return star_;
    const Identifier& wanted = qualifier.back();
    const Relation* table = qualifier.size() == 1 ? relation(wanted.name) : nullptr;
    if (table != nullptr) return columnsOf(*table);
    std::vector<std::string> names;
    for (const Relation& other : relations_)
        names.push_back(other.alias);
    const std::string near = nearestName(wanted.name, names);
    throw UserError(Problem{"sql.unknown-table", fmt::format("there is no table '{}' in FROM", wanted.name),
                            near.empty() ? "" : fmt::format("did you mean '{}'?", near), wanted.span});
}

}  // namespace millrace::sql
