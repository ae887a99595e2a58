// A table as its CREATE TABLE statement defined it: columns bound, watermark bound, options as written.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "expr/expression.h"
#include "types/logical_type.h"

namespace millrace::sql {

// catalog.database.object; unqualified names are completed with the current catalog and database.
struct ObjectPath {
    std::string catalog = "default_catalog";
    std::string database = "default_database";
    std::string object;

    bool operator==(const ObjectPath&) const = default;
    auto operator<=>(const ObjectPath&) const = default;
    std::string toString() const { return catalog + "." + database + "." + object; }
};

enum class ColumnKind : uint8_t {
    Physical,  // read from and written to the connector
    Computed,  // `expression` over the table's stored columns
    Metadata,  // read from (and, unless virtual, written to) the connector under `metadata_key`
};

enum class TimeAttribute : uint8_t { None, Rowtime, Proctime };

struct TableColumn {
    std::string name;
    LogicalType type;
    ColumnKind kind = ColumnKind::Physical;
    ExpressionPtr expression;  // Computed: over the stored columns (TableDefinition::storedSchema())
    std::string metadata_key;  // Metadata
    bool is_virtual = false;   // Metadata: not part of what is written
    std::string comment;
    std::string text;  // Computed: the expression as SQL
    TimeAttribute time = TimeAttribute::None;
};

struct WatermarkDefinition {
    size_t column = 0;         // index into TableDefinition::columns
    ExpressionPtr expression;  // over all columns of the table; TIMESTAMP or TIMESTAMP_LTZ
    // Set when the expression is `column` or `column - INTERVAL ...`: bounded out-of-orderness.
    std::optional<int64_t> delay_micros;
    std::string text;
};

struct TableDefinition {
    ObjectPath path;
    std::vector<TableColumn> columns;
    std::optional<WatermarkDefinition> watermark;
    std::vector<std::string> primary_key;
    std::vector<std::string> partition_keys;
    std::map<std::string, std::string> options;
    std::string comment;
    bool temporary = false;

    Schema schema() const;          // every column
    Schema storedSchema() const;    // physical and metadata columns, in order: what a source produces
    Schema writtenSchema() const;   // physical and not-virtual metadata columns: what a sink takes
    std::string connector() const;  // option 'connector', "" if absent
    std::string toDdl() const;      // SHOW CREATE TABLE
};
using TablePtr = std::shared_ptr<const TableDefinition>;

}  // namespace millrace::sql
