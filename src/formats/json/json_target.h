// Where the fields of a record go: columns of a batch, whole or of ROWs that are not put together.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "batch/batch.h"
#include "batch/column_path.h"

namespace millrace {

struct JsonTarget {
    std::string name;
    std::string path;  // for messages: "bid.price"
    LogicalType type;  // of a field within ROWs: NULL where one of these is
    size_t number = 0;
    std::optional<size_t> column;    // of the batch, for the value
    std::vector<JsonTarget> fields;  // of a ROW: those that have columns of their own

    // Calls f with every column at or below it.
    template <class F>
    void forEachColumn(F&& f) const {
        if (column) f(*column);
        for (const JsonTarget& field : fields)
            field.forEachColumn(f);
    }
    // And with it and every target below.
    template <class F>
    void forEachTarget(F&& f) const {
        f(*this);
        for (const JsonTarget& field : fields)
            field.forEachTarget(f);
    }
};

struct JsonTargets {
    std::vector<JsonTarget> fields;  // of a record
    std::vector<LogicalType> types;  // of each column
    size_t count = 0;                // of targets, which are numbered from 0 on

    JsonTargets(const Schema& schema, const std::vector<ColumnPath>& projection);
};

}  // namespace millrace
