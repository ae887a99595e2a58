// The csv format: one record a line, fields matched to columns by position.
#include "formats/csv/csv_decoder.h"
#include "formats/csv/csv_encoder.h"
#include "formats/format.h"

namespace millrace {

FormatDescriptor describeCsv() {
    FormatDescriptor format;
    format.name = "csv";
    format.documentation =
        "CSV after RFC 4180, without a header line. Fields are matched to columns by position; quoted fields "
        "may "
        "hold delimiters, quotes and line ends.";
    format.options = CsvOptions::describe();
    format.make_decoder = [](const Schema& schema, const std::vector<ColumnPath>& projection,
                             const std::map<std::string, std::string>& options) {
        std::vector<size_t> columns;
        columns.reserve(projection.size());
        for (const ColumnPath& path : projection)
            columns.push_back(path.front());
        return makeCsvDecoder(schema, columns, CsvOptions::from(options));
    };
    format.make_encoder = [](const Schema& schema, const std::map<std::string, std::string>& options) {
        return makeCsvEncoder(schema, CsvOptions::from(options));
    };
    return format;
}

}  // namespace millrace
