// The options of the csv format, read once when a decoder or an encoder is made.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/configuration.h"
#include "types/logical_type.h"

namespace millrace {

struct CsvOptions {
    char delimiter = ',';
    char quote = '"';    // '\0': none
    char escape = '\0';  // '\0': none
    bool ignore_parse_errors = false;
    bool allow_comments = false;
    std::string element_delimiter = ";";
    std::optional<std::string> null_literal;
    bool scientific_decimals = true;

    // UserError "config.bad-value" where a value is not usable.
    static CsvOptions from(const std::map<std::string, std::string>& options);
    static std::vector<OptionDescription> describe();
    // UserError for a column that one field of a line cannot hold.
    static void checkTypes(const Schema& schema);
};

}  // namespace millrace
