// The key columns of a batch and their hashes, as tables take them.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "batch/batch.h"

namespace millrace {

inline void keysOf(const Batch& batch, std::span<const size_t> key_columns, std::vector<ColumnPtr>& keys,
                   std::vector<uint64_t>& hashes) {
    keys.clear();
    for (const size_t column : key_columns)
        keys.push_back(batch.column(column));
    if (const uint64_t* known = batch.hashesOf(key_columns)) {
        hashes.assign(known, known + batch.rows());
    } else {
        hashColumns(keys, batch.rows(), hashes);
    }
}

}  // namespace millrace
