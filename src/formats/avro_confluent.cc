// The avro-confluent format: Avro in messages whose schemas are in a schema registry.
#include "formats/confluent/avro_confluent.h"
#include "formats/format.h"

namespace millrace {

FormatDescriptor describeAvroConfluent() {
    FormatDescriptor format;
    format.name = "avro-confluent";
    format.documentation =
        "Apache Avro in messages that name their schema by its number in a schema registry, as Confluent's "
        "serializers write them.";
    format.options = AvroConfluentOptions::describe();
    format.infer_schema = [](const std::map<std::string, std::string>& options) {
        const AvroConfluentOptions read = AvroConfluentOptions::from(options);
        return inferConfluentColumns(read, makeCurlHttpClient(read.registry.tls));
    };
    format.make_decoder = [](const Schema& schema, const std::vector<ColumnPath>& projection,
                             const std::map<std::string, std::string>& options) {
        const AvroConfluentOptions read = AvroConfluentOptions::from(options);
        return makeAvroConfluentDecoder(schema, projection, read, makeCurlHttpClient(read.registry.tls));
    };
    format.make_encoder = [](const Schema& schema, const std::map<std::string, std::string>& options) {
        const AvroConfluentOptions read = AvroConfluentOptions::from(options);
        return makeAvroConfluentEncoder(schema, read, makeCurlHttpClient(read.registry.tls));
    };
    return format;
}

}  // namespace millrace
