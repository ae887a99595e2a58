// The json format: one object a line (or a message), fields matched to columns by name.
#include "base/error.h"
#include "formats/format.h"
#include "formats/json/json_decoder.h"
#include "formats/json/json_encoder.h"

namespace millrace {

FormatDescriptor describeJson() {
    FormatDescriptor format;
    format.name = "json";
    format.documentation =
        "JSON, one object a line. Fields are matched to columns by name, in any order; fields without a "
        "column are "
        "ignored, columns without a field are NULL.";
    format.options = JsonOptions::describe();
    format.nested_projection = true;
    format.make_decoder = [](const Schema& schema, const std::vector<ColumnPath>& projection,
                             const std::map<std::string, std::string>& options) {
        return makeJsonDecoder(schema, projection, JsonOptions::from(options));
    };
    format.make_encoder = [](const Schema& schema, const std::map<std::string, std::string>& options) {
        return makeJsonEncoder(schema, JsonOptions::from(options));
    };
    return format;
}

}  // namespace millrace
