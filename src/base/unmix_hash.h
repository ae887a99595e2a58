// The inverse of mixHash(): each hash is of one number, so what is kept by its hash need not keep the number.
#pragma once

#include <cstdint>

namespace millrace {

// What mixHash() makes `hash` of.
inline uint64_t unmixHash(uint64_t hash) {
    hash ^= hash >> 33;
    hash *= 0x9CB4B2F8129337DBULL;  // the inverses, modulo 2^64, of what it multiplies by
    hash ^= hash >> 33;
    hash *= 0x4F74430C22A54005ULL;
    hash ^= hash >> 33;
    return hash;
}

}  // namespace millrace
