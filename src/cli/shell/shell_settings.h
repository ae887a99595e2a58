// Settings of the shell itself: keys of Flink's SQL client, in the session's configuration.
#pragma once

#include <vector>

#include "base/configuration.h"

namespace millrace::cli {

enum class ResultMode : uint8_t { Table, Changelog, Tableau };

struct ShellSettings {
    ResultMode result_mode = ResultMode::Table;
    bool print_time_cost = true;
    size_t table_rows_max = 1'000'000;  // of a live table; the oldest give way

    // UserError "config.bad-value".
    static ShellSettings from(const Configuration& configuration);
};

const std::vector<OptionDescription>& shellOptions();

}  // namespace millrace::cli
