#include "formats/csv/csv_options.h"

#include <fmt/format.h>

#include "base/error.h"

namespace millrace {
namespace {

// One ASCII character, which may be written as Java escapes it: \t, \\, \u0001.
char readCharacter(const char* key, const std::string& value) {
    if (value.size() == 1 && static_cast<unsigned char>(value[0]) < 0x80) return value[0];
    if (value.size() == 2 && value[0] == '\\') {
        switch (value[1]) {
            case 't':
                return '\t';
            case 'b':
                return '\b';
            case 'f':
                return '\f';
            case '\\':
            case '"':
            case '\'':
                return value[1];
            default:
                break;
        }
    }
    if (value.size() == 6 && value.starts_with("\\u00")) {
        const std::string digits = value.substr(4);
        if (digits.find_first_not_of("0123456789abcdefABCDEF") == std::string::npos) {
            const int code = std::stoi(digits, nullptr, 16);
            if (code > 0 && code < 0x80) return static_cast<char>(code);
        }
    }
    throw UserError("config.bad-value",
                    fmt::format("'{}' has the value '{}', which is not one ASCII character", key, value),
                    "write a tab as '\\t' and other control characters as '\\u0001'");
}

bool hasForm(const LogicalType& type) {
    switch (type.kind()) {
        case TypeKind::Array:
            return !type.element().isNested();
        case TypeKind::Row:
            for (const Field& inner : type.fields()) {
                if (inner.type.isNested()) return false;
            }
            return true;
        default:
            return !type.isNested();
    }
}

}  // namespace

CsvOptions CsvOptions::from(const std::map<std::string, std::string>& options) {
    CsvOptions out;
    const auto find = [&](const char* key) -> const std::string* {
        const auto found = options.find(key);
        return found == options.end() ? nullptr : &found->second;
    };
    const auto character = [&](const char* key, char& into) {
        if (const std::string* value = find(key)) into = readCharacter(key, *value);
    };
    const auto flag = [&](const char* key, bool& into) {
        if (const std::string* value = find(key)) into = parseConfigValue<bool>(key, *value);
    };
    character("csv.field-delimiter", out.delimiter);
    character("csv.quote-character", out.quote);
    character("csv.escape-character", out.escape);
    flag("csv.ignore-parse-errors", out.ignore_parse_errors);
    flag("csv.allow-comments", out.allow_comments);
    flag("csv.write-bigdecimal-in-scientific-notation", out.scientific_decimals);
    bool unquoted = false;
    flag("csv.disable-quote-character", unquoted);
    if (unquoted && find("csv.quote-character") != nullptr) {
        throw UserError("config.bad-value",
                        "'csv.quote-character' cannot be set where 'csv.disable-quote-character' is true",
                        "leave out one of them");
    }
    if (unquoted) out.quote = '\0';
    if (const std::string* value = find("csv.array-element-delimiter")) out.element_delimiter = *value;
    if (out.element_delimiter.empty()) {
        throw UserError("config.bad-value", "'csv.array-element-delimiter' is empty", "the default is ';'");
    }
    if (const std::string* value = find("csv.null-literal")) out.null_literal = *value;
    for (const char c : {out.delimiter, out.quote, out.escape}) {
        if (c == '\n' || c == '\r') {
            throw UserError("config.bad-value",
                            "a line end cannot be the delimiter, the quote or the escape character of csv");
        }
    }
    if (out.delimiter == out.quote || out.delimiter == out.escape ||
        (out.quote != '\0' && out.quote == out.escape)) {
        throw UserError(
            "config.bad-value",
            "'csv.field-delimiter', 'csv.quote-character' and 'csv.escape-character' must differ");
    }
    return out;
}

std::vector<OptionDescription> CsvOptions::describe() {
    return {
        {"csv.field-delimiter", "string", ",",
         "The character between fields; '\\t' is a tab, '\\u0001' the character 1."},
        {"csv.quote-character", "string", "\"",
         "The character around fields that hold delimiters, quotes or line ends; doubled within such a "
         "field."},
        {"csv.disable-quote-character", "boolean", "false", "Give the quote character no meaning."},
        {"csv.escape-character", "string", "",
         "The character that takes the next one's meaning away; by default there is none."},
        {"csv.allow-comments", "boolean", "false", "Skip lines that start with '#'."},
        {"csv.ignore-parse-errors", "boolean", "false",
         "Skip records that are not CSV, counting them in numRecordsSkipped, and read fields that are "
         "missing or not "
         "of their column's type as NULL; by default both fail the job."},
        {"csv.array-element-delimiter", "string", ";",
         "What stands between the elements of an ARRAY or the fields of a ROW."},
        {"csv.null-literal", "string", "",
         "The text that is read and written as NULL; by default nothing is read as NULL, and NULL is written "
         "as an "
         "empty field."},
        {"csv.write-bigdecimal-in-scientific-notation", "boolean", "true",
         "Write decimals with an exponent where Java's BigDecimal does: 1E+5; false writes 100000."},
    };
}

void CsvOptions::checkTypes(const Schema& schema) {
    for (const Field& field : schema) {
        if (hasForm(field.type)) continue;
        throw UserError(
            "config.bad-value",
            fmt::format("column '{}': the csv format has no form for {}", field.name, field.type.toString()),
            "ARRAYs and ROWs of simple types can be written, other nested types need the json format");
    }
}

}  // namespace millrace
