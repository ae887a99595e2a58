// How sources and sinks of tables are called in plans and dashboards: "TableSourceScan(table=[t], fields=[a,
// b])".
#pragma once

#include <string>

#include "types/logical_type.h"

namespace millrace {

inline std::string nodeName(const std::string& kind, const std::string& table, const Schema& schema) {
    std::string name = kind + "(table=[" + table + "], fields=[";
    for (size_t i = 0; i < schema.size(); ++i)
        name += (i == 0 ? "" : ", ") + schema[i].name;
    return name + "])";
}

}  // namespace millrace
