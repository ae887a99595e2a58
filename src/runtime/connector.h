// Connector descriptors: what the SQL catalogue, the planner, the console's forms and the reference
// documentation know of a connector. A folder src/connectors/<system>/ whose <system>.cc ends in
// `ConnectorDescriptor describe<System>()`.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/configuration.h"
#include "batch/column_path.h"
#include "runtime/sink.h"
#include "runtime/source.h"
#include "types/metadata_key.h"
#include "types/value.h"

namespace millrace {

// Keeps the rows whose column has one of these values, none of which is NULL.
struct ColumnFilter {
    size_t column = 0;  // a physical one
    std::vector<Value> values;
    bool operator==(const ColumnFilter&) const = default;
};

// A column that is not part of the records: the connector reads and writes it under a key of its own.
struct MetadataColumn {
    size_t column = 0;  // of TableSpec::schema
    std::string key;
};

// INSERT OVERWRITE: what is written takes the place of what was there, in the whole table if it has no
// partitions, else in each partition that is written to, once the job has ended.
struct Overwrite {
    std::map<std::string, std::string> partition;  // PARTITION (key = value): the values as text
};

// A table as its connector sees it.
struct TableSpec {
    std::string name;
    // The columns that are stored: the physical ones, and the metadata columns between them, which have the
    // types of their keys. A sink's has none that are VIRTUAL.
    Schema schema;
    std::vector<MetadataColumn> metadata;  // ascending; only keys that the connector offers
    // Of a source: what to produce, in the order of the output schema; no path occurs twice. Whole columns
    // come ascending; others only where nested_projection says so.
    std::vector<ColumnPath> projection;
    std::vector<ColumnFilter> filters;   // of a source: those it accepted; a row must pass all of them
    std::optional<Schema> dead_letters;  // of a source that keeps them: the columns they are wanted with
    std::optional<Overwrite> overwrite;  // of a sink that can
    std::vector<std::string> primary_key;
    std::vector<std::string> partition_keys;
    std::map<std::string, std::string> options;  // WITH (...), checked against options and the format's

    const std::string* metadataKey(size_t column) const;  // nullptr of a physical column
    bool isMetadata(size_t column) const { return metadataKey(column) != nullptr; }
    Schema physicalSchema() const;
    Schema projectedSchema() const;
    void projectAll();  // all columns, whole
};

struct ConnectorDescriptor {
    std::string name;  // "filesystem"
    std::string documentation;
    std::vector<OptionDescription>
        options;  // 'connector' itself is implied; format options are added for uses_format
    bool uses_format = false;
    bool uses_key_format = false;  // with uses_format: 'key.format' and 'value.format', with their options
    // Whether a source can produce fields of ROW columns alone, without the columns around them; absent: it
    // never can.
    std::function<bool(const TableSpec&)> nested_projection;
    // Whether a source leaves out the rows that do not pass; absent: it never does. It may only accept what
    // does not hold up event time: rows that are left come as steadily as all did. Then the filter moves
    // below the table's watermark, which sees fewer rows.
    std::function<bool(const TableSpec&, const ColumnFilter&)> accepts_filter;
    // The keys that metadata columns of a table may name; absent: there are none.
    std::function<std::vector<MetadataKey>(const TableSpec&)> metadata;
    // Whether rows of a source say how they change (each update with the row before it, and deletes); absent:
    // they are inserted.
    std::function<bool(const TableSpec&)> reads_changes;
    bool keeps_dead_letters = false;  // make_source heeds TableSpec::dead_letters (runtime/dead_letters.h)
    // Whether rows of its sources replace one another by the table's primary key: they are +U and, with
    // nothing but the key, -D.
    bool reads_upserts = false;
    // Absent: the table cannot be read, or written. They throw UserError for options that do not go together;
    // what needs the outside (does the path exist?) is left to the enumerator and the writer.
    std::function<std::shared_ptr<const Source>(const TableSpec&)> make_source;
    std::function<std::shared_ptr<const Sink>(const TableSpec&)> make_sink;
    bool can_overwrite = false;  // make_sink heeds TableSpec::overwrite
    // The partitions that a table with partition keys has, sorted, each as the values of its keys; absent:
    // the connector has none. UserError if the outside cannot be read.
    std::function<std::vector<std::vector<std::string>>(const TableSpec&)> partitions;
};

}  // namespace millrace
