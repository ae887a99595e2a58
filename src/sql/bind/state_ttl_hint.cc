#include "sql/bind/state_ttl_hint.h"

#include <algorithm>

#include "base/text.h"
#include "sql/bind/expression_binder.h"
#include "sql/parse/lexer.h"

namespace millrace::sql {

StateTtlHint::StateTtlHint(const std::vector<Hint>& hints) {
    for (const Hint& hint : hints) {
        const std::string name = toUpper(hint.name.name);
        if (name == "BROADCAST" || name == "SHUFFLE_HASH" || name == "SHUFFLE_MERGE" || name == "NEST_LOOP") {
            if (hint.arguments.empty() || !hint.options.empty()) {
                failAt(hint.name.span, "sql.bad-hint", fmt::format("{} takes names of tables", name),
                       fmt::format("such as {}(orders)", name));
            }
            for (const std::string& table : hint.arguments)
                joined_.push_back({table, hint.name.span});
            continue;
        }
        if (name == "LOOKUP") continue;  // sql/bind/lookup_hint.h
        if (name == "OPTIONS") {
            failAt(hint.name.span, "sql.bad-hint", "the hint OPTIONS does not stand behind SELECT",
                   "it stands behind its table: FROM t /*+ OPTIONS('key' = 'value') */");
        }
        if (name != "STATE_TTL")
            failNotSupported(hint.name.span, fmt::format("the hint {} is", hint.name.name));
        where_ = hint.name.span;
        if (!hint.arguments.empty() || hint.options.empty()) {
            failAt(where_, "sql.bad-hint", "STATE_TTL takes a time for each table that it names",
                   "such as STATE_TTL('orders' = '1 d')");
        }
        for (const auto& option : hint.options) {
            ttls_[option.first] = located(where_, [&] {
                return parseConfigValue<Duration>("STATE_TTL of " + option.first, option.second);
            });
        }
    }
}

std::optional<Duration> StateTtlHint::of(const Scope& scope) const {
    if (ttls_.empty()) return std::nullopt;
    const std::vector<std::string> tables = scope.tables();
    const auto found = tables.size() == 1 ? ttls_.find(tables.front()) : ttls_.end();
    return found == ttls_.end() ? std::nullopt : std::optional(found->second);
}

void StateTtlHint::checkName(const char* hint, const std::string& table, const TextSpan& where,
                             const Scope& from) const {
    const std::vector<std::string> tables = from.tables();
    if (std::find(tables.begin(), tables.end(), table) != tables.end()) return;
    const std::string near = nearestName(table, tables);
    failAt(where, "sql.bad-hint", fmt::format("{} names '{}', which FROM does not", hint, table),
           near.empty() ? "a table that has an alias goes by that" : fmt::format("did you mean '{}'?", near));
}

void StateTtlHint::check(const Scope& from) const {
    for (const auto& [table, ttl] : ttls_)
        checkName("STATE_TTL", table, where_, from);
    for (const Joined& join : joined_)
        checkName("the hint", join.table, join.where, from);
}

}  // namespace millrace::sql
