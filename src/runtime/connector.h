// Connector descriptors: what the SQL catalogue, the planner, the console's forms and the reference
// documentation know of a connector. A folder src/connectors/<system>/ whose <system>.cc ends in
// `ConnectorDescriptor describe<System>()`.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/configuration.h"
#include "runtime/sink.h"
#include "runtime/source.h"

namespace millrace {

// A table as its connector sees it.
struct TableSpec {
    std::string name;
    Schema schema;  // the physical columns
    std::vector<size_t>
        projection;  // of a source: the columns to produce, ascending (the output schema in that order)
    std::vector<std::string> primary_key;
    std::vector<std::string> partition_keys;
    std::map<std::string, std::string> options;  // WITH (...), checked against options and the format's
};

struct ConnectorDescriptor {
    std::string name;  // "filesystem"
    std::string documentation;
    std::vector<OptionDescription>
        options;  // 'connector' itself is implied; format options are added for uses_format
    bool uses_format = false;
    // Absent: the table cannot be read, or written. They throw UserError for options that do not go together;
    // what needs the outside (does the path exist?) is left to the enumerator and the writer.
    std::function<std::shared_ptr<const Source>(const TableSpec&)> make_source;
    std::function<std::shared_ptr<const Sink>(const TableSpec&)> make_sink;
};

}  // namespace millrace
