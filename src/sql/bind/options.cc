#include "sql/bind/options.h"

#include <algorithm>

#include "runtime/dead_letters.h"
#include "sql/parse/lexer.h"

namespace millrace::sql {

namespace {

bool matches(std::string_view known, std::string_view key) {
    if (known.ends_with('*')) return key.starts_with(known.substr(0, known.size() - 1));
    const size_t hole = known.find('#');
    if (hole == std::string_view::npos) return known == key;
    const std::string_view before = known.substr(0, hole);
    const std::string_view after = known.substr(hole + 1);
    return key.size() > before.size() + after.size() && key.starts_with(before) && key.ends_with(after);
}

const OptionItem* find(const std::vector<OptionItem>& options, std::string_view key) {
    const auto found =
        std::find_if(options.begin(), options.end(), [&](const OptionItem& item) { return item.key == key; });
    return found == options.end() ? nullptr : &*found;
}

// What the planner reads of every table's options, whatever its connector.
bool isPlannerOption(std::string_view key) {
    return key == "connector" || key == kDeadLetterTable || key.starts_with("scan.watermark.") ||
           key == "lookup.cache" || key == "lookup.full-cache.periodic-reload.interval";
}

// What is wrong with a value of the option's type; "" if nothing is.
std::string badValue(const OptionDescription& option, const OptionItem& item) {
    try {
        if (option.type == "integer") parseConfigValue<int64_t>(item.key, item.value);
        if (option.type == "double") parseConfigValue<double>(item.key, item.value);
        if (option.type == "boolean") parseConfigValue<bool>(item.key, item.value);
        if (option.type == "duration") parseConfigValue<Duration>(item.key, item.value);
        if (option.type == "memory") parseConfigValue<MemorySize>(item.key, item.value);
        return "";
    } catch (const UserError& error) {
        return error.problem().message;
    }
}

std::string list(const std::vector<std::string>& names) {
    std::string out;
    for (const std::string& name : names)
        out += (out.empty() ? "" : ", ") + name;
    return out;
}

// The keys of Flink's tables before 1.11, and what they are called now; "" for what goes without saying.
constexpr std::pair<std::string_view, std::string_view> kLegacyKeys[] = {
    {"connector.type", "connector"},
    {"connector.path", "path"},
    {"connector.property-version", ""},
    {"format.type", "format"},
    {"format.property-version", ""},
    {"format.derive-schema", ""},
    {"format.field-delimiter", "csv.field-delimiter"},
    {"format.quote-character", "csv.quote-character"},
    {"format.ignore-parse-errors", "csv.ignore-parse-errors"},
    {"format.null-literal", "csv.null-literal"},
    {"update-mode", ""},
};

}  // namespace

std::vector<OptionItem> withoutLegacyKeys(const std::vector<OptionItem>& options) {
    if (find(options, "connector.type") == nullptr) return options;
    std::vector<OptionItem> result;
    for (const OptionItem& item : options) {
        const auto* known = std::find_if(std::begin(kLegacyKeys), std::end(kLegacyKeys),
                                         [&](const auto& legacy) { return legacy.first == item.key; });
        result.push_back(item);
        if (known == std::end(kLegacyKeys)) continue;
        if (known->second.empty()) {
            result.pop_back();
        } else {
            result.back().key = known->second;
        }
    }
    return result;
}

std::vector<Problem> checkTableOptions(const ConnectorRegistry* registry, const std::string& table,
                                       const std::vector<OptionItem>& options, const TextSpan& table_span) {
    std::vector<Problem> problems;
    if (registry == nullptr) return problems;
    const auto suggest = [](const std::string& wanted, const std::vector<std::string>& names,
                            const char* otherwise) {
        const std::string near = nearestName(wanted, names);
        return near.empty() ? otherwise + list(names) : fmt::format("did you mean '{}'?", near);
    };

    const OptionItem* connector_item = find(options, "connector");
    std::vector<std::string> connectors;
    for (const ConnectorDescriptor& known : registry->connectors)
        connectors.push_back(known.name);
    if (connector_item == nullptr) {
        problems.push_back({"config.missing-option",
                            fmt::format("table '{}' needs the option 'connector'", table),
                            "connectors: " + list(connectors), table_span});
        return problems;
    }
    const auto connector =
        std::find_if(registry->connectors.begin(), registry->connectors.end(),
                     [&](const ConnectorDescriptor& known) { return known.name == connector_item->value; });
    if (connector == registry->connectors.end()) {
        problems.push_back(
            {"sql.unknown-connector", fmt::format("there is no connector '{}'", connector_item->value),
             suggest(connector_item->value, connectors, "connectors: "), connector_item->value_span});
        return problems;
    }

    std::vector<OptionDescription> known = connector->options;
    if (connector->uses_format) {
        std::vector<std::string> formats;
        for (const auto& [name, described] : registry->formats)
            formats.push_back(name);
        const auto described = [&](const OptionItem& format, const std::string& prefix) {
            const auto found = registry->formats.find(format.value);
            if (found == registry->formats.end()) {
                problems.push_back({"sql.unknown-format",
                                    fmt::format("there is no format '{}'", format.value),
                                    suggest(format.value, formats, "formats: "), format.value_span});
                return false;
            }
            for (OptionDescription option : found->second) {
                option.key.insert(0, prefix);
                known.push_back(std::move(option));
            }
            return true;
        };
        const OptionItem* format = find(options, "format");
        const OptionItem* value_format = connector->uses_key_format ? find(options, "value.format") : nullptr;
        const OptionItem* key_format = connector->uses_key_format ? find(options, "key.format") : nullptr;
        if (format == nullptr && value_format == nullptr)
            problems.push_back({"config.missing-option",
                                fmt::format("table '{}' needs the option 'format'", table),
                                "formats: " + list(formats), table_span});
        // Of a format that is not known, the options cannot be told from mistakes.
        if ((format != nullptr && !described(*format, "")) ||
            (value_format != nullptr && !described(*value_format, "value.")) ||
            (key_format != nullptr && !described(*key_format, "key.")))
            return problems;
        known.push_back({"format", "string", "", "how rows are written as bytes", false, {}});
        if (connector->uses_key_format) {
            known.push_back({"value.format", "string", "", "the same as 'format'", false, {}});
            known.push_back({"key.format", "string", "", "how keys are written as bytes", false, {}});
        }
    }

    std::vector<std::string> keys;
    keys.reserve(known.size());
    for (const OptionDescription& option : known)
        keys.push_back(option.key);
    for (const OptionItem& item : options) {
        if (item.key == "lookup.cache" && toUpper(item.value) != "FULL") {
            problems.push_back(
                {"config.bad-value",
                 fmt::format("'lookup.cache' is '{}': tables are looked up in a full cache", item.value),
                 "set it to 'FULL', or leave it out", item.value_span});
        }
        if (item.key == "lookup.full-cache.periodic-reload.interval") {
            const std::string bad = badValue({item.key, "duration"}, item);
            if (!bad.empty()) problems.push_back({"config.bad-value", bad, "", item.value_span});
        }
        if (isPlannerOption(item.key)) continue;
        const auto option = std::find_if(known.begin(), known.end(), [&](const OptionDescription& candidate) {
            return matches(candidate.key, item.key);
        });
        if (option == known.end()) {
            problems.push_back({"config.unknown-option",
                                fmt::format("table '{}' has an unknown option '{}'", table, item.key),
                                suggest(item.key, keys, "known options: "), item.key_span});
            continue;
        }
        if (const std::string bad = badValue(*option, item); !bad.empty()) {
            problems.push_back({"config.bad-value", bad, option->description, item.value_span});
        }
        const auto& allowed = option->allowed;
        const auto same = [&](const std::string& value) { return toUpper(value) == toUpper(item.value); };
        if (!allowed.empty() && std::none_of(allowed.begin(), allowed.end(), same)) {
            problems.push_back({"config.bad-value",
                                fmt::format("'{}' has the value '{}', which is not one of: {}", item.key,
                                            item.value, list(allowed)),
                                suggest(item.value, allowed, "one of: "), item.value_span});
        }
    }
    for (const OptionDescription& option : known) {
        if (option.required && find(options, option.key) == nullptr && option.key != "format" &&
            option.key != "connector") {
            problems.push_back({"config.missing-option",
                                fmt::format("table '{}' needs the option '{}'", table, option.key),
                                option.description, table_span});
        }
    }
    return problems;
}

}  // namespace millrace::sql
