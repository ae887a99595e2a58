// Hashing and checksums.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/named_integer.h"

namespace millrace {

// CRC-32C (Castagnoli), hardware-assisted where there is SSE 4.2. Chain by passing the last result as `seed`.
uint32_t crc32c(std::string_view bytes, uint32_t seed = 0);

// 64-bit mixing for hash tables and partitioning (the finaliser of MurmurHash3, Appleby 2011). Stable: it
// decides which key group a key belongs to, so snapshots depend on it.
inline uint64_t mixHash(uint64_t x) {
    x ^= x >> 33;
    x *= 0xFF51AFD7ED558CCDULL;
    x ^= x >> 33;
    x *= 0xC4CEB9FE1A85EC53ULL;
    x ^= x >> 33;
    return x;
}
inline uint64_t combineHash(uint64_t left, uint64_t right) {
    return mixHash(left + 0x9E3779B97F4A7C15ULL + (right << 6) + (right >> 2) + right);
}
uint64_t hashBytes(std::string_view bytes);  // stable too

// Flink's key groups (KeyGroupRangeAssignment): a key's group is a function of its hash and the max
// parallelism alone, and each subtask owns a contiguous range of groups.
inline KeyGroup keyGroupOf(uint64_t key_hash, uint32_t max_parallelism) {
    return KeyGroup(static_cast<uint16_t>((key_hash >> 32) % max_parallelism));
}
inline SlotIndex ownerOf(KeyGroup group, uint32_t max_parallelism, uint32_t parallelism) {
    return SlotIndex(static_cast<uint32_t>(group.value()) * parallelism / max_parallelism);
}

// SHA-256 of `bytes`, lower-case hexadecimal.
std::string sha256Hex(std::string_view bytes);
// Likewise MD5: an identity that interfaces ask for, never a protection.
std::string md5Hex(std::string_view bytes);

}  // namespace millrace
