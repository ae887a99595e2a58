#include "formats/json/json_options.h"

#include "base/error.h"

namespace millrace {
namespace {

const std::string* find(const std::map<std::string, std::string>& options, const char* key) {
    const auto found = options.find(key);
    return found == options.end() ? nullptr : &found->second;
}

void readFlag(const std::map<std::string, std::string>& options, const char* key, bool& flag) {
    if (const std::string* value = find(options, key)) flag = parseConfigValue<bool>(key, *value);
}

}  // namespace

JsonOptions JsonOptions::from(const std::map<std::string, std::string>& options) {
    JsonOptions out;
    readFlag(options, "json.fail-on-missing-field", out.fail_on_missing_field);
    readFlag(options, "json.ignore-parse-errors", out.ignore_parse_errors);
    readFlag(options, "json.encode.decimal-as-plain-number", out.decimal_as_plain_number);
    readFlag(options, "json.encode.ignore-null-fields", out.ignore_null_fields);
    bool accepted = true;  // one parser does what both of Flink's do
    readFlag(options, "json.decode.json-parser.enabled", accepted);
    if (out.fail_on_missing_field && out.ignore_parse_errors) {
        throw UserError("config.bad-value",
                        "'json.fail-on-missing-field' and 'json.ignore-parse-errors' cannot both be true",
                        "set one of them to false");
    }
    if (const std::string* value = find(options, "json.timestamp-format.standard")) {
        if (*value == "ISO-8601") {
            out.standard = text::TimestampStandard::Iso8601;
        } else if (*value != "SQL") {
            throw UserError(
                "config.bad-value",
                fmt::format("'json.timestamp-format.standard' has the value '{}', which is not one of: "
                            "SQL, ISO-8601",
                            *value));
        }
    }
    if (const std::string* value = find(options, "json.map-null-key.mode")) {
        if (*value == "DROP") {
            out.map_null_key_mode = MapNullKeyMode::Drop;
        } else if (*value == "LITERAL") {
            out.map_null_key_mode = MapNullKeyMode::Literal;
        } else if (*value != "FAIL") {
            throw UserError(
                "config.bad-value",
                fmt::format("'json.map-null-key.mode' has the value '{}', which is not one of: FAIL, "
                            "DROP, LITERAL",
                            *value));
        }
    }
    if (const std::string* value = find(options, "json.map-null-key.literal"))
        out.map_null_key_literal = *value;
    return out;
}

std::vector<OptionDescription> JsonOptions::describe() {
    return {
        {"json.fail-on-missing-field", "boolean", "false",
         "Fail on a record that lacks a field of the table; by default it is NULL."},
        {"json.ignore-parse-errors", "boolean", "false",
         "Skip records that are not JSON, counting them in numRecordsSkipped, and read fields that are not "
         "of their "
         "column's type as NULL; by default both fail the job."},
        {"json.timestamp-format.standard", "string", "SQL",
         "The form of TIMESTAMP and TIMESTAMP_LTZ, read and written: SQL (2026-03-01 12:30:15.123) or "
         "ISO-8601 "
         "(2026-03-01T12:30:15.123); TIMESTAMP_LTZ has a Z behind."},
        {"json.map-null-key.mode", "string", "FAIL",
         "What to do with a NULL key when a map is written: FAIL, DROP the entry, or write the LITERAL."},
        {"json.map-null-key.literal", "string", "null", "What LITERAL writes for a NULL key."},
        {"json.encode.decimal-as-plain-number", "boolean", "false",
         "Write decimals without an exponent: 0.000000027 and not 2.7E-8."},
        {"json.encode.ignore-null-fields", "boolean", "false",
         "Leave fields that are NULL out of the record."},
        {"json.decode.json-parser.enabled", "boolean", "true",
         "Accepted for compatibility; one parser does what both of Flink's do."},
    };
}

}  // namespace millrace
