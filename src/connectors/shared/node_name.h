// How sources and sinks of tables are called in plans and dashboards: "TableSourceScan(table=[t], fields=[a,
// b])".
#pragma once

#include <string>

#include "runtime/connector.h"

namespace millrace {

inline std::string nodeName(const std::string& kind, const std::string& table, const Schema& schema) {
    std::string name = kind + "(table=[" + table + "], fields=[";
    for (size_t i = 0; i < schema.size(); ++i)
        name += (i == 0 ? "" : ", ") + schema[i].name;
    return name + "])";
}

// Of a source, with the filters it accepted: "TableSourceScan(table=[t, filter=[k IN (1, 2)]], fields=[a])".
inline std::string scanName(const TableSpec& spec) {
    std::string table = spec.name;
    for (const ColumnFilter& filter : spec.filters) {
        const Field& column = spec.schema[filter.column];
        std::string values;
        for (const Value& value : filter.values)
            values += (values.empty() ? "" : ", ") + value.toString(column.type);
        table += ", filter=[" + column.name + " IN (" + values + ")]";
    }
    return nodeName("TableSourceScan", table, spec.projectedSchema());
}

}  // namespace millrace
