// Numbers by which the rows of a keyed table are told apart that have no key of their own. A number carries
// the key group of its row's partition: a snapshot therefore rescales as if rows were keyed by their
// partition, whatever columns that has. Of one group, numbers ascend in the order in which they were given.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "state/keyed_table.h"

namespace millrace {

class RowNumbers {
  public:
    // No number reaches it: larger ones are free to mean something else.
    static constexpr int64_t kEnd = int64_t{1} << 62;

    explicit RowNumbers(uint32_t max_parallelism);

    // Makes numbers the key of a table.
    static void describe(KeyedStateDescriptor& descriptor);
    static constexpr size_t kNumberField = 1;  // of the key

    int64_t next(KeyGroup group) { return next_++ << kGroupBits | group.value(); }
    // How many were given between two of them.
    static int64_t between(int64_t first, int64_t second) {
        return (second >> kGroupBits) - (first >> kGroupBits);
    }
    void restored(int64_t number) { next_ = std::max(next_, (number >> kGroupBits) + 1); }

    // The key of rows, as tables take it. Valid until the next call.
    struct Keys {
        std::span<const ColumnPtr> columns;
        std::span<const uint64_t> hashes;
    };
    Keys keysOf(std::span<const int64_t> numbers);

  private:
    static constexpr int kGroupBits = 15;  // key groups are below 2^15
    struct Route {
        int64_t value = -1;  // some value whose hash is of the group
        uint64_t hash = 0;
    };

    uint32_t max_parallelism_;
    std::vector<Route> routes_;  // of each key group
    int64_t next_ = 0;
    ColumnPtr columns_[2];
    std::vector<uint64_t> hashes_;
};

}  // namespace millrace
