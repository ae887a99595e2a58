#include "sql/bind/lookup_hint.h"

#include <algorithm>
#include <functional>

#include "base/configuration.h"
#include "base/text.h"
#include "sql/bind/expression_binder.h"
#include "sql/parse/lexer.h"

namespace millrace::sql {

namespace {

struct LookupOption {
    const char* key;
    const char* values;
    std::function<bool(const std::string& key, const std::string& value)> accepts;
    bool of_retry = false;
};

bool isBoolean(const std::string& key, const std::string& value) {
    parseConfigValue<bool>(key, value);
    return true;
}
bool isCount(const std::string& key, const std::string& value) {
    return parseConfigValue<int64_t>(key, value) > 0;
}
bool isTime(const std::string& key, const std::string& value) {
    return parseConfigValue<Duration>(key, value).ms > 0;
}
auto oneOf(std::vector<std::string> words) {
    return [words = std::move(words)](const std::string&, const std::string& value) {
        return std::find(words.begin(), words.end(), lowerCase(value)) != words.end();
    };
}

const std::vector<LookupOption>& lookupOptions() {
    static const std::vector<LookupOption> options = {
        {"table", "the name or the alias of a table", [](const auto&, const auto& v) { return !v.empty(); }},
        {"async", "true or false", isBoolean},
        {"output-mode", "'ordered' or 'allow_unordered'", oneOf({"ordered", "allow_unordered"})},
        {"capacity", "a number above 0", isCount},
        {"timeout", "a time above 0", isTime},
        {"shuffle", "true or false", isBoolean},
        {"retry-predicate", "'lookup_miss'", oneOf({"lookup_miss"}), true},
        {"retry-strategy", "'fixed_delay'", oneOf({"fixed_delay"}), true},
        {"fixed-delay", "a time above 0", isTime, true},
        {"max-attempts", "a number above 0", isCount, true},
    };
    return options;
}

void checkOptions(const Hint& hint) {
    std::vector<std::string> keys;
    for (const LookupOption& option : lookupOptions())
        keys.emplace_back(option.key);
    for (const auto& given : hint.options) {
        const std::string& key = given.first;
        const std::string& value = given.second;
        const auto known = std::find_if(lookupOptions().begin(), lookupOptions().end(),
                                        [&](const LookupOption& option) { return option.key == key; });
        if (known == lookupOptions().end()) {
            const std::string near = nearestName(key, keys);
            failAt(hint.name.span, "sql.bad-hint", fmt::format("LOOKUP has no option '{}'", key),
                   near.empty() ? "" : fmt::format("did you mean '{}'?", near));
        }
        const bool accepted =
            located(hint.name.span, [&] { return known->accepts("LOOKUP's " + key, value); });
        if (!accepted) {
            failAt(hint.name.span, "sql.bad-hint",
                   fmt::format("LOOKUP's '{}' is {}, not '{}'", key, known->values, value));
        }
    }
    size_t of_retry = 0;
    for (const LookupOption& option : lookupOptions())
        of_retry += option.of_retry ? hint.options.count(option.key) : 0;
    if (of_retry != 0 && of_retry != 4) {
        failAt(hint.name.span, "sql.bad-hint", "LOOKUP takes all options of a retry or none",
               "'retry-predicate' = 'lookup_miss', 'retry-strategy' = 'fixed_delay', 'fixed-delay', "
               "'max-attempts'");
    }
}

}  // namespace

void checkLookupHints(const std::vector<Hint>& hints, const Scope& from) {
    for (const Hint& hint : hints) {
        if (toUpper(hint.name.name) != "LOOKUP") continue;
        const auto table = hint.options.find("table");
        if (!hint.arguments.empty() || table == hint.options.end()) {
            failAt(hint.name.span, "sql.bad-hint", "LOOKUP takes options, and one of them must be 'table'",
                   "such as LOOKUP('table' = 'c', 'async' = 'true')");
        }
        checkOptions(hint);
        const std::vector<std::string> tables = from.tables();
        if (std::find(tables.begin(), tables.end(), table->second) != tables.end()) continue;
        const std::string near = nearestName(table->second, tables);
        failAt(hint.name.span, "sql.bad-hint",
               fmt::format("LOOKUP names '{}', which FROM does not", table->second),
               near.empty() ? "a table that has an alias goes by that"
                            : fmt::format("did you mean '{}'?", near));
    }
}

}  // namespace millrace::sql
