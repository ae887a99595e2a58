// The built-in functions of Flink's documentation ("System (Built-in) Functions"), by its sections: what the
// reference page is ordered by, and what tells which of them are not here yet.
#pragma once

#include <span>
#include <string_view>

namespace millrace {

struct FlinkFunction {
    std::string_view section;
    std::string_view name;   // as a descriptor's name or alias
    bool is_syntax = false;  // understood by the parser or binder, without a descriptor
    std::string_view missing_because = "";
};

// Of Flink 2.2, in the documentation's order.
std::span<const FlinkFunction> flinkFunctions();

}  // namespace millrace
