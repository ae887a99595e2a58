#include "base/error.h"
#include "base/text.h"
#include "formats/avro/avro_format.h"

namespace millrace {

AvroOptions AvroOptions::from(const std::map<std::string, std::string>& options) {
    AvroOptions out;
    const auto find = [&](const char* key) -> const std::string* {
        const auto found = options.find(key);
        return found == options.end() ? nullptr : &found->second;
    };
    if (const std::string* value = find("avro.codec")) out.codec = avro::codecOfOption(*value);
    if (const std::string* value = find("avro.timestamp_mapping.legacy"))
        out.legacy_timestamps = parseConfigValue<bool>("avro.timestamp_mapping.legacy", *value);
    if (const std::string* value = find("avro.schema")) out.schema = avro::Schema::parse(*value);
    if (const std::string* value = find("avro.encoding"); value != nullptr && lowerCase(*value) != "binary") {
        throw UserError(
            "config.bad-value",
            fmt::format("'avro.encoding' has the value '{}': Avro is read and written in its binary "
                        "encoding",
                        *value),
            "set it to 'binary', or leave it out");
    }
    out.messages = find(kMessagePart) != nullptr;
    return out;
}

std::vector<OptionDescription> AvroOptions::describe() {
    return {
        {"avro.codec",
         "enum",
         "snappy",
         "How blocks of files are compressed that are written: null, deflate, snappy or zstandard. Read is "
         "any "
         "of them.",
         false,
         {"null", "deflate", "snappy", "zstandard"}},
        {"avro.timestamp_mapping.legacy", "boolean", "true",
         "Whether TIMESTAMP is Avro's timestamp, as before Flink 1.19; with false TIMESTAMP is a "
         "local-timestamp, and TIMESTAMP_LTZ a timestamp."},
        {"avro.schema", "string", "",
         "The schema of what is read and written, in JSON; without it, it follows from the table's columns."},
        {"avro.encoding",
         "enum",
         "binary",
         "Accepted for compatibility; it can be binary only.",
         false,
         {"binary", "json"}},
    };
}

Schema AvroOptions::columns() const {
    if (!schema) {
        throw UserError("config.missing-option",
                        "the table names no columns, and the avro format has no schema to take them from",
                        "declare the columns, or set 'avro.schema'");
    }
    return avro::columnsOf(*schema, legacy_timestamps);
}

}  // namespace millrace
