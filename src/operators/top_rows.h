// Of partitions of rows the first few of each, in the order of sort keys, rows of equal keys as they were
// added: arrays in memory, of few enough rows that they can be moved up for another.
//
// A partition has a block of memory: for as many rows as it has room for the numbers, then the first words of
// the keys, then the second ones, as far as keys have them. So looking for a row's place reads little more
// than the first words, and the numbers lie as they are asked for.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "operators/sort_keys.h"

namespace millrace {

class TopRows {
  public:
    // A row's key while it is looked for a place.
    struct Key {
        const SortKeys& keys;
        size_t row;
        const SortKeys::Prefix& prefix() const { return keys.prefix(row); }
        std::string_view whole() const { return keys.at(row); }
    };

    static constexpr size_t kRowsMax = UINT16_MAX;

    // Of each partition no more than `rows_max`. `types`: of the sort columns.
    TopRows(size_t rows_max, std::span<const LogicalType> types);
    ~TopRows();
    TopRows(const TopRows&) = delete;
    TopRows& operator=(const TopRows&) = delete;

    // There are partitions 0 to `partitions` - 1; new ones are empty.
    void growTo(size_t partitions);
    size_t size() const { return partitions_.size(); }

    // What the caller tells a partition's rows apart by, in their order.
    std::span<int64_t> numbers(uint32_t partition) {
        return {reinterpret_cast<int64_t*>(partitions_[partition].block), partitions_[partition].size};
    }
    // Whatever the caller wants to remember of a partition; 0 at first.
    uint32_t& mark(uint32_t partition) { return partitions_[partition].mark; }
    void prefetchPartition(uint32_t partition) const { __builtin_prefetch(&partitions_[partition], 1); }
    void prefetchRows(uint32_t partition) const {
        const Partition& at = partitions_[partition];
        if (at.size > 0) __builtin_prefetch(&word(at, 0)[at.size - 1]);
    }
    // Whether a row with that key has a place: false if there are rows_max before it.
    bool hasPlace(uint32_t partition, const Key& key) const {
        const Partition& at = partitions_[partition];
        return at.size < rows_max_ || less(key, at, at.size - 1U);
    }
    bool full(uint32_t partition) const { return partitions_[partition].size == rows_max_; }
    // The row has a place; if the partition is full its last row leaves.
    void insert(uint32_t partition, const Key& key, int64_t number);
    // Removes the rows for which keep[i] is 0.
    void retain(uint32_t partition, std::span<const uint8_t> keep);

  private:
    struct Partition {
        uint64_t* block = nullptr;
        uint32_t mark = 0;
        uint16_t size = 0;
        uint8_t capacity_power = 0;  // if there is a block
    };
    static constexpr size_t kFirstPower = 2;

    // Of blocks of that power; a partition's last block has no more rows than it can come to have.
    size_t blockRows(size_t power) const {
        return std::min(size_t{1} << power, std::max(rows_max_, size_t{1} << kFirstPower));
    }
    size_t blockWords(size_t power) const { return blockRows(power) * (1 + key_words_); }
    uint64_t* word(const Partition& at, size_t index) const {
        return at.block + (1 + index) * blockRows(at.capacity_power);
    }

    bool less(const Key& key, const Partition& at, size_t row) const {
        const SortKeys::Prefix& prefix = key.prefix();
        const uint64_t first = word(at, 0)[row];
        return prefix[0] != first ? prefix[0] < first : lessBehindFirst(key, at, row);
    }
    bool lessBehindFirst(const Key& key, const Partition& at, size_t row) const;
    size_t placeOf(const Key& key, const Partition& at) const;
    uint64_t* takeBlock(size_t power);
    void giveBlock(uint64_t* block, size_t power);
    void drop(const Partition& at, size_t row) const;

    const size_t rows_max_;
    const bool long_keys_;    // then the last word is the address of the whole key
    const size_t key_words_;  // of each row
    std::vector<Partition> partitions_;
    std::array<std::vector<uint64_t*>, 32> free_blocks_;  // by power
    std::vector<std::pair<std::byte*, size_t>> chunks_;   // and their bytes, which grow up to a huge page
    uint64_t* unused_ = nullptr;
    size_t unused_words_ = 0;
};

}  // namespace millrace
