// What a connector, or the format of its records, can tell of a row besides the row's own columns: METADATA
// columns of a table name it by its key.
#pragma once

#include <string>

#include "types/logical_type.h"

namespace millrace {

struct MetadataKey {
    std::string name;  // "timestamp"
    LogicalType type;  // of what is read and written; a column of another type is cast
    bool writable = false;
    std::string documentation;
};

}  // namespace millrace
