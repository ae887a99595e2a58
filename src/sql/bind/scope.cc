#include "sql/bind/scope.h"

namespace millrace::sql {

Scope::Scope(LogicalPtr node, std::string alias) : node_(std::move(node)) {
    relations_.push_back({std::move(alias), 0, node_->schema().size()});
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

std::optional<size_t> Scope::find(const Identifier& name, size_t begin, size_t end) const {
    std::optional<size_t> found;
    for (size_t i = begin; i < end; ++i) {
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

Scope::Resolved Scope::resolve(const std::vector<Identifier>& path) const {
    const Relation* table = path.size() > 1 ? relation(path[0].name) : nullptr;
    if (table != nullptr) {
        if (const auto column = find(path[1], table->begin, table->end)) return {*column, 2};
    }
    if (const auto column = find(path[0], 0, size())) return {*column, 1};

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

std::pair<size_t, size_t> Scope::star(const std::vector<Identifier>& qualifier) const {
    if (qualifier.empty()) return {0, size()};
    const Identifier& wanted = qualifier.back();
    const Relation* table = qualifier.size() == 1 ? relation(wanted.name) : nullptr;
    if (table != nullptr) return {table->begin, table->end};
    std::vector<std::string> names;
    for (const Relation& other : relations_)
        names.push_back(other.alias);
    const std::string near = nearestName(wanted.name, names);
    throw UserError(Problem{"sql.unknown-table", fmt::format("there is no table '{}' in FROM", wanted.name),
                            near.empty() ? "" : fmt::format("did you mean '{}'?", near), wanted.span});
}

}  // namespace millrace::sql
