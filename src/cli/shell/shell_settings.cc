#include "cli/shell/shell_settings.h"

#include <fmt/format.h>

#include "base/error.h"
#include "sql/parse/lexer.h"

namespace millrace::cli {

namespace {

constexpr const char* kResultMode = "sql-client.execution.result-mode";
constexpr const char* kTimeCost = "sql-client.display.print-time-cost";
constexpr const char* kRowsMax = "sql-client.execution.max-table-result.rows";

}  // namespace

const std::vector<OptionDescription>& shellOptions() {
    static const std::vector<OptionDescription> options = {
        {kResultMode,
         "enum",
         "table",
         "how rows of a SELECT are shown: as a table that changes in place, as every change, or as rows as "
         "they "
         "come",
         false,
         {"table", "changelog", "tableau"}},
        {kTimeCost, "boolean", "true", "whether the time that a statement took is shown", false, {}},
        {kRowsMax, "integer", "1000000", "how many rows a table that changes in place holds", false, {}},
    };
    return options;
}

ShellSettings ShellSettings::from(const Configuration& configuration) {
    ShellSettings settings;
    if (const auto mode = configuration.find(kResultMode)) {
        const std::string upper = sql::toUpper(*mode);
        if (upper == "TABLE")
            settings.result_mode = ResultMode::Table;
        else if (upper == "CHANGELOG")
            settings.result_mode = ResultMode::Changelog;
        else if (upper == "TABLEAU")
            settings.result_mode = ResultMode::Tableau;
        else
            throw UserError("config.bad-value", fmt::format("'{}' is '{}'", kResultMode, *mode),
                            "it is table, changelog or tableau");
    }
    settings.print_time_cost = configuration.getOptional<bool>(kTimeCost).value_or(true);
    const int64_t rows = configuration.getOptional<int64_t>(kRowsMax).value_or(1'000'000);
    if (rows < 1)
        throw UserError("config.bad-value", fmt::format("'{}' is {}", kRowsMax, rows), "it is at least 1");
    settings.table_rows_max = static_cast<size_t>(rows);
    return settings;
}

}  // namespace millrace::cli
