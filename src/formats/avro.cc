// The avro format: records of Avro's binary encoding; files are Avro's object container files.
#include "formats/avro/avro_format.h"
#include "formats/format.h"

namespace millrace {

FormatDescriptor describeAvro() {
    FormatDescriptor format;
    format.name = "avro";
    format.documentation =
        "Apache Avro in its binary encoding. Files are object container files, which hold their schema; "
        "messages are of the schema that follows from the table's columns, or that an option gives.";
    format.options = AvroOptions::describe();
    format.infer_schema = [](const std::map<std::string, std::string>& options) {
        return AvroOptions::from(options).columns();
    };
    format.make_decoder = [](const Schema& schema, const std::vector<ColumnPath>& projection,
                             const std::map<std::string, std::string>& options) {
        return makeAvroDecoder(schema, projection, AvroOptions::from(options));
    };
    format.make_encoder = [](const Schema& schema, const std::map<std::string, std::string>& options) {
        return makeAvroEncoder(schema, AvroOptions::from(options));
    };
    return format;
}

}  // namespace millrace
