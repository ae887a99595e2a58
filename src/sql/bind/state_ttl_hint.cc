#include "sql/bind/state_ttl_hint.h"

#include <algorithm>

#include "base/text.h"
#include "sql/bind/expression_binder.h"
#include "sql/parse/lexer.h"

namespace millrace::sql {

StateTtlHint::StateTtlHint(const std::vector<Hint>& hints) {
    for (const Hint& hint : hints) {
        if (toUpper(hint.name.name) != "STATE_TTL")
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

void StateTtlHint::check(const Scope& from) const {
    const std::vector<std::string> tables = from.tables();
    for (const auto& [table, ttl] : ttls_) {
        if (std::find(tables.begin(), tables.end(), table) != tables.end()) continue;
        const std::string near = nearestName(table, tables);
        failAt(where_, "sql.bad-hint", fmt::format("STATE_TTL names '{}', which FROM does not", table),
               near.empty() ? "a table that has an alias goes by that"
                            : fmt::format("did you mean '{}'?", near));
    }
}

}  // namespace millrace::sql
