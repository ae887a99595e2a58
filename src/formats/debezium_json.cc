// The debezium-json format: changes of a database's rows, as Debezium writes them in JSON.
#include "formats/debezium/debezium_json.h"

#include "formats/format.h"

namespace millrace {

FormatDescriptor describeDebeziumJson() {
    FormatDescriptor format;
    format.name = "debezium-json";
    format.documentation =
        "Changes of rows as Debezium writes them in JSON: inserts, updates and deletes, each with the row "
        "before and after it. Written: an insert or a delete a change.";
    format.options = DebeziumJsonOptions::describe();
    format.changelog = true;
    format.metadata = debeziumMetadata();
    format.make_decoder = [](const Schema& schema, const std::vector<ColumnPath>& projection,
                             const std::map<std::string, std::string>& options) {
        return makeDebeziumJsonDecoder(schema, projection, {}, DebeziumJsonOptions::from(options));
    };
    format.make_metadata_decoder = [](const Schema& schema, const std::vector<ColumnPath>& projection,
                                      const std::vector<std::string>& metadata,
                                      const std::map<std::string, std::string>& options) {
        return makeDebeziumJsonDecoder(schema, projection, metadata, DebeziumJsonOptions::from(options));
    };
    format.make_encoder = [](const Schema& schema, const std::map<std::string, std::string>& options) {
        return makeDebeziumJsonEncoder(schema, DebeziumJsonOptions::from(options));
    };
    return format;
}

}  // namespace millrace
