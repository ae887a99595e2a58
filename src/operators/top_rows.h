// Of partitions of rows the first few of each, in the order of sort keys, rows of equal keys as they were
// added: arrays in memory, of few enough rows that one can be moved up for another.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "operators/sort_keys.h"

namespace millrace {

class TopRows {
  public:
    struct Row {
        SortKeys::Prefix key;  // of a long key, the last word is the address of the whole of it
        int64_t number = 0;    // whatever the caller tells rows apart by
    };

    // A row's key while it is looked for a place.
    struct Key {
        Key(const SortKeys& keys, size_t row)
            : prefix(keys.prefix(row)), whole(keys.areLong() ? keys.at(row) : std::string_view()) {}
        SortKeys::Prefix prefix;
        std::string_view whole;
    };

    // Of each partition no more than `rows_max`. `long_keys`: SortKeys::areLong() of the sort columns.
    TopRows(size_t rows_max, bool long_keys);
    ~TopRows();
    TopRows(const TopRows&) = delete;
    TopRows& operator=(const TopRows&) = delete;

    // There are partitions 0 to `partitions` - 1; new ones are empty.
    void growTo(size_t partitions);
    size_t size() const { return partitions_.size(); }

    std::span<Row> rows(uint32_t partition) {
        return {partitions_[partition].rows, partitions_[partition].size};
    }
    void prefetch(uint32_t partition) const { __builtin_prefetch(partitions_[partition].rows); }
    // Whether a row with that key has a place: false if there are rows_max before it.
    bool hasPlace(uint32_t partition, const Key& key) const {
        const Partition& at = partitions_[partition];
        return at.size < rows_max_ || less(key, at.rows[at.size - 1]);
    }
    bool full(uint32_t partition) const { return partitions_[partition].size == rows_max_; }
    // The row has a place; if the partition is full its last row leaves, which was last() before.
    void insert(uint32_t partition, const Key& key, int64_t number);
    int64_t last(uint32_t partition) const {
        return partitions_[partition].rows[partitions_[partition].size - 1].number;
    }
    // Removes the rows for which keep[i] is 0.
    void retain(uint32_t partition, std::span<const uint8_t> keep);

  private:
    struct Partition {
        Row* rows = nullptr;
        uint32_t size = 0;
        uint8_t capacity_power = 0;  // if there are rows
    };
    static constexpr size_t kFirstPower = 2;

    // Of blocks of that power; a partition's last block has no more rows than it can come to have.
    size_t blockRows(size_t power) const {
        return std::min(size_t{1} << power, std::max(rows_max_, size_t{1} << kFirstPower));
    }

    bool less(const Key& key, const Row& other) const {
        if (key.prefix[0] != other.key[0]) return key.prefix[0] < other.key[0];
        if (key.prefix[1] != other.key[1]) return key.prefix[1] < other.key[1];
        return long_keys_ ? lessWhole(key.whole, other) : key.prefix[2] < other.key[2];
    }
    static bool lessWhole(std::string_view key, const Row& other);
    Row* takeBlock(size_t power);
    void giveBlock(Row* block, size_t power);
    void drop(const Row& row) const;

    const size_t rows_max_;
    const bool long_keys_;
    std::vector<Partition> partitions_;
    // Blocks of blockRows(power) rows.
    std::array<std::vector<Row*>, 32> free_blocks_;
    std::vector<std::pair<Row*, size_t>> chunks_;  // and their bytes, which grow up to a huge page
    Row* unused_ = nullptr;
    size_t unused_rows_ = 0;
};

}  // namespace millrace
