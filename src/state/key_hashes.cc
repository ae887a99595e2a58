#include <bit>

#include "base/hash.h"
#include "state/keyed_table.h"

namespace millrace {

void hashKeys(const KeyedStateDescriptor& descriptor, std::span<const ColumnPtr> keys, size_t rows,
              uint32_t max_parallelism, std::vector<uint64_t>& hashes) {
    const size_t routing = std::min(descriptor.routing_fields, keys.size());
    hashColumns(keys.first(routing), rows, hashes);
    if (routing < keys.size()) hashFurtherKeys(keys.subspan(routing), max_parallelism, hashes);
}

// The upper half of a hash, modulo the max parallelism, is the key group (base/hash.h); tables take slots and
// tags from all of it. So the upper half is the one nearest to a mixed one that is of the group.
void hashFurtherKeys(std::span<const ColumnPtr> others, uint32_t max_parallelism,
                     std::vector<uint64_t>& hashes) {
    std::vector<uint64_t> further;
    hashColumns(others, hashes.size(), further);
    const bool power = std::has_single_bit(max_parallelism);
    for (size_t i = 0; i < hashes.size(); ++i) {
        const uint64_t mixed = combineHash(hashes[i], further[i]);
        const auto route = static_cast<uint32_t>(hashes[i] >> 32);
        auto upper = static_cast<uint32_t>(mixed >> 32);
        if (power) {
            upper = (upper & ~(max_parallelism - 1)) | (route & (max_parallelism - 1));
        } else {
            const uint32_t base = upper - upper % max_parallelism;
            const uint32_t group = route % max_parallelism;
            upper = base > UINT32_MAX - group ? base - max_parallelism + group : base + group;
        }
        hashes[i] = uint64_t{upper} << 32 | (mixed & UINT32_MAX);
    }
}

}  // namespace millrace
