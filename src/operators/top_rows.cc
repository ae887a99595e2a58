#include "operators/top_rows.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "base/error.h"
#include "base/memory_source.h"

namespace millrace {

namespace {

constexpr size_t kFirstChunkBytes = 4096;

// A whole key is kept as its length and its bytes.
uint64_t copyOfKey(std::string_view key) {
    char* copy = new char[sizeof(uint64_t) + key.size()];
    const uint64_t size = key.size();
    std::memcpy(copy, &size, sizeof(size));
    std::memcpy(copy + sizeof(size), key.data(), key.size());
    return reinterpret_cast<uintptr_t>(copy);
}

std::string_view keyAtAddress(uint64_t address) {
    const char* copy = reinterpret_cast<const char*>(address);
    uint64_t size = 0;
    std::memcpy(&size, copy, sizeof(size));
    return {copy + sizeof(size), size};
}

}  // namespace

TopRows::TopRows(size_t rows_max, bool long_keys) : rows_max_(rows_max), long_keys_(long_keys) {
    MILLRACE_CHECK(rows_max > 0, "no rows");
}

TopRows::~TopRows() {
    for (uint32_t partition = 0; long_keys_ && partition < partitions_.size(); ++partition) {
        for (const Row& row : rows(partition))
            drop(row);
    }
    for (const auto& [chunk, bytes] : chunks_)
        heapMemory().give(reinterpret_cast<std::byte*>(chunk), bytes);
}

void TopRows::drop(const Row& row) const {
    if (long_keys_) delete[] reinterpret_cast<char*>(row.key[2]);
}

bool TopRows::lessWhole(std::string_view key, const Row& other) { return key < keyAtAddress(other.key[2]); }

void TopRows::growTo(size_t partitions) {
    if (partitions > partitions_.size()) partitions_.resize(partitions);
}

TopRows::Row* TopRows::takeBlock(size_t power) {
    std::vector<Row*>& blocks = free_blocks_[power];
    if (!blocks.empty()) {
        Row* block = blocks.back();
        blocks.pop_back();
        return block;
    }
    const size_t rows = blockRows(power);
    if (rows > unused_rows_) {
        // What is left of the chunk serves smaller blocks.
        for (size_t smaller = power; smaller-- > kFirstPower;) {
            const size_t size = blockRows(smaller);
            if (size > unused_rows_) continue;
            free_blocks_[smaller].push_back(unused_);
            unused_ += size;
            unused_rows_ -= size;
        }
        const size_t wanted =
            chunks_.empty() ? kFirstChunkBytes : std::min(chunks_.back().second * 2, MemorySource::kHugePage);
        const size_t bytes = std::max(wanted, std::bit_ceil(rows * sizeof(Row)));
        unused_ = reinterpret_cast<Row*>(heapMemory().take(bytes));
        unused_rows_ = bytes / sizeof(Row);
        chunks_.emplace_back(unused_, bytes);
    }
    Row* block = unused_;
    unused_ += rows;
    unused_rows_ -= rows;
    return block;
}

void TopRows::giveBlock(Row* block, size_t power) { free_blocks_[power].push_back(block); }

void TopRows::insert(uint32_t partition, const Key& key, int64_t number) {
    Partition& at = partitions_[partition];
    if (at.size == rows_max_) {
        drop(at.rows[--at.size]);
    } else if (at.rows == nullptr) {
        at.capacity_power = kFirstPower;
        at.rows = takeBlock(kFirstPower);
    } else if (at.size == blockRows(at.capacity_power)) {
        Row* larger = takeBlock(at.capacity_power + 1);
        std::copy_n(at.rows, at.size, larger);
        giveBlock(at.rows, at.capacity_power++);
        at.rows = larger;
    }
    Row* const place =
        std::partition_point(at.rows, at.rows + at.size, [&](const Row& other) { return !less(key, other); });
    std::copy_backward(place, at.rows + at.size, at.rows + at.size + 1);
    ++at.size;
    place->key = key.prefix;
    if (long_keys_) place->key[2] = copyOfKey(key.whole);
    place->number = number;
}

void TopRows::retain(uint32_t partition, std::span<const uint8_t> keep) {
    Partition& at = partitions_[partition];
    uint32_t left = 0;
    for (uint32_t i = 0; i < at.size; ++i) {
        if (keep[i]) {
            at.rows[left++] = at.rows[i];
        } else {
            drop(at.rows[i]);
        }
    }
    at.size = left;
    if (left > 0 || at.rows == nullptr) return;
    giveBlock(at.rows, at.capacity_power);
    at.rows = nullptr;
}

}  // namespace millrace
