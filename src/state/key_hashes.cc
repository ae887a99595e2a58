#include "base/hash.h"
#include "state/keyed_table.h"

namespace millrace {

// The upper half of a hash, modulo the max parallelism, is the key group (base/hash.h); tables take slots and
// tags from all of it. So the upper half is the one nearest to a mixed one that is of the group.
uint64_t hashWithin(uint64_t route, uint64_t further, uint32_t max_parallelism) {
    const uint64_t mixed = combineHash(route, further);
    const auto routing = static_cast<uint32_t>(route >> 32);
    auto upper = static_cast<uint32_t>(mixed >> 32);
    // A power of two; std::has_single_bit is a call where the processor is not known to count bits.
    if ((max_parallelism & (max_parallelism - 1)) == 0) {
        upper = (upper & ~(max_parallelism - 1)) | (routing & (max_parallelism - 1));
    } else {
        const uint32_t base = upper - upper % max_parallelism;
        const uint32_t group = routing % max_parallelism;
        upper = base > UINT32_MAX - group ? base - max_parallelism + group : base + group;
    }
    return uint64_t{upper} << 32 | (mixed & UINT32_MAX);
}

void hashKeys(const KeyedStateDescriptor& descriptor, std::span<const ColumnPtr> keys, size_t rows,
              uint32_t max_parallelism, std::vector<uint64_t>& hashes) {
    const size_t routing = std::min(descriptor.routing_fields, keys.size());
    hashColumns(keys.first(routing), rows, hashes);
    if (routing < keys.size()) hashFurtherKeys(keys.subspan(routing), max_parallelism, hashes);
}

void hashFurtherKeys(std::span<const ColumnPtr> others, uint32_t max_parallelism,
                     std::vector<uint64_t>& hashes) {
    std::vector<uint64_t> further;
    hashColumns(others, hashes.size(), further);
    for (size_t i = 0; i < hashes.size(); ++i)
        hashes[i] = hashWithin(hashes[i], further[i], max_parallelism);
}

}  // namespace millrace
