#include "runtime/dead_letters.h"

#include <fmt/format.h>

#include "base/error.h"

namespace millrace {

const Schema& deadLetterColumns() {
    static const Schema columns({
        {"table_name", LogicalType::string()},         // that was read
        {"source_name", LogicalType::string()},        // the topic, or the file
        {"source_partition", LogicalType::integer()},  // of a topic
        {"source_offset", LogicalType::bigint()},      // of the message, or of the byte in the file
        {"source_line", LogicalType::bigint()},        // in the file
        {"failed_at", LogicalType::timestampLtz(3)},
        {"cause", LogicalType::string()},  // in a word: malformed, type, missing, schema
        {"error", LogicalType::string()},  // as the job's failure would say it
        {"record_key", LogicalType::of(TypeKind::Varbinary).withNullable(true)},  // of the message
        {"record", LogicalType::of(TypeKind::Varbinary)},                         // its bytes
        {"record_text", LogicalType::string()},  // them as a text; NULL if they are none
    });
    return columns;
}

void checkDeadLetters(const std::string& table, const std::map<std::string, std::string>& options,
                      const std::string& letters, const Schema& schema) {
    for (const auto& [key, value] : options) {
        if (!key.ends_with("ignore-parse-errors") || value != "true") continue;
        throw UserError("config.bad-value",
                        fmt::format("table '{}': '{}' = '{}' and '{}' = 'true' do not go together", table,
                                    kDeadLetterTable, letters, key),
                        "malformed records are either kept or passed over");
    }
    std::string names;
    for (const Field& known : deadLetterColumns())
        names += fmt::format("{}{} {}", names.empty() ? "" : ", ", known.name, known.type.toString());
    for (const Field& column : schema) {
        const int known = deadLetterColumns().find(column.name);
        if (known < 0) {
            throw UserError(
                "table.bad-dead-letters",
                fmt::format("table '{}' cannot take the dead letters of '{}': they have no column "
                            "'{}'",
                            letters, table, column.name),
                "its columns may be: " + names);
        }
        const LogicalType& type = deadLetterColumns()[static_cast<size_t>(known)].type;
        if (!column.type.sameIgnoringNullable(type)) {
            throw UserError(
                "table.bad-dead-letters",
                fmt::format("table '{}' cannot take the dead letters of '{}': its column '{}' is {}, "
                            "and must be {}",
                            letters, table, column.name, column.type.toString(), type.toString()));
        }
    }
}

}  // namespace millrace
