// The options of the json format, read once when a decoder or an encoder is made.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/configuration.h"
#include "formats/text/scalar.h"

namespace millrace {

enum class MapNullKeyMode : uint8_t { Fail, Drop, Literal };

struct JsonOptions {
    bool fail_on_missing_field = false;
    bool ignore_parse_errors = false;
    text::TimestampStandard standard = text::TimestampStandard::Sql;
    MapNullKeyMode map_null_key_mode = MapNullKeyMode::Fail;
    std::string map_null_key_literal = "null";
    bool decimal_as_plain_number = false;
    bool ignore_null_fields = false;

    // UserError "config.bad-value" where a value is not usable.
    static JsonOptions from(const std::map<std::string, std::string>& options);
    static std::vector<OptionDescription> describe();
};

}  // namespace millrace
