#include "sql/bind/format_columns.h"

#include <algorithm>

#include "sql/bind/expression_binder.h"

namespace millrace::sql {

namespace {

const OptionItem* optionNamed(const std::vector<OptionItem>& options, std::string_view key) {
    const auto found =
        std::find_if(options.begin(), options.end(), [&](const OptionItem& item) { return item.key == key; });
    return found == options.end() ? nullptr : &*found;
}

}  // namespace

Schema columnsOfFormat(const ConnectorRegistry* registry, const std::vector<OptionItem>& options,
                       const TextSpan& table_span) {
    const OptionItem* const value_format = optionNamed(options, "value.format");
    const OptionItem* const format = value_format != nullptr ? value_format : optionNamed(options, "format");
    const ConnectorRegistry::FormatColumns* tell = nullptr;
    if (format != nullptr && registry != nullptr) {
        const auto found = registry->format_columns.find(format->value);
        if (found != registry->format_columns.end()) tell = &found->second;
    }
    if (tell == nullptr) {
        failAt(table_span, "sql.no-columns", "a table needs at least one column",
               "only formats with a schema of their own, such as avro-confluent, tell a table's columns");
    }
    constexpr std::string_view kValuePrefix = "value.";
    std::map<std::string, std::string> of_records;
    for (const OptionItem& item : options) {
        if (value_format == nullptr) {
            of_records[item.key] = item.value;
        } else if (item.key.starts_with(kValuePrefix)) {
            of_records[item.key.substr(kValuePrefix.size())] = item.value;
        }
    }
    if (const OptionItem* const topic = optionNamed(options, "topic"))
        of_records["message.topic"] = topic->value;
    try {
        return (*tell)(of_records);
    } catch (const UserError& error) {
        Problem problem = error.problem();
        problem.where = format->value_span;
        throw UserError(std::move(problem));
    }
}

}  // namespace millrace::sql
