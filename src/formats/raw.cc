// The raw format: a record is the value of the table's only column, as bytes.
#include "formats/format.h"
#include "formats/raw/raw_format.h"

namespace millrace {

FormatDescriptor describeRaw() {
    FormatDescriptor format;
    format.name = "raw";
    format.documentation =
        "The value of the table's only column as bytes, without any structure. In files a record is a line.";
    format.options = RawOptions::describe();
    format.make_decoder = [](const Schema& schema, const std::vector<ColumnPath>& projection,
                             const std::map<std::string, std::string>& options) {
        return makeRawDecoder(schema, !projection.empty(), RawOptions::from(options));
    };
    format.make_encoder = [](const Schema& schema, const std::map<std::string, std::string>& options) {
        return makeRawEncoder(schema, RawOptions::from(options));
    };
    return format;
}

}  // namespace millrace
