#include "state/keyed_table.h"

namespace millrace {

void hashKeys(const KeyedStateDescriptor& descriptor, std::span<const ColumnPtr> keys, size_t rows,
              std::vector<uint64_t>& out) {
    if (!descriptor.partition_fields) return hashColumns(keys, rows, out);
    std::vector<uint64_t> rest;
    hashColumns(keys.subspan(0, *descriptor.partition_fields), rows, out);
    hashColumns(keys.subspan(*descriptor.partition_fields), rows, rest);
    for (size_t i = 0; i < rows; ++i)
        out[i] = hashWithin(out[i], rest[i]);
}

}  // namespace millrace
