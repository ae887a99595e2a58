#include "operators/batch_groups.h"

#include <algorithm>
#include <bit>
#include <numeric>

namespace millrace {

namespace {

template <class T>
bool equal(T a, T b) {
    if constexpr (std::is_floating_point_v<T>) {
        return a == b || (a != a && b != b);
    } else {
        return a == b;
    }
}

// Clears same[i] where row i is not equal to row other[i].
void compare(const Column& column, std::span<const uint32_t> group_of, const Selection& first_rows,
             std::vector<uint8_t>& same) {
    if (column.repeatsOneValue()) return;
    const bool nullable = column.validity() != nullptr;
    if (nullable || column.type().isNested()) {
        for (size_t i = 0; i < group_of.size(); ++i)
            same[i] &= static_cast<uint8_t>(sameValue(column, i, first_rows[group_of[i]]));
        return;
    }
    dispatchPhysical(column.physical(), [&]<class T>() {
        const T* values = column.data<T>();
        for (size_t i = 0; i < group_of.size(); ++i)
            same[i] &= static_cast<uint8_t>(equal(values[i], values[first_rows[group_of[i]]]));
    });
}

}  // namespace

bool sameValue(const Column& column, size_t i, size_t j) {
    if (column.isNull(i) || column.isNull(j)) return column.isNull(i) && column.isNull(j);
    if (column.type().isNested()) return column.valueAt(i) == column.valueAt(j);
    return dispatchPhysical(column.physical(),
                            [&]<class T>() { return equal(column.data<T>()[i], column.data<T>()[j]); });
}

void BatchGroups::find(std::span<const ColumnPtr> keys, std::span<const uint64_t> hashes) {
    findByHash(hashes);
    if (!foundAll(keys)) findByKey(keys, hashes);
}

void BatchGroups::sortRows() {
    begins_.assign(size() + 1, 0);
    for (const uint32_t group : group_of_)
        ++begins_[group + 1];
    std::partial_sum(begins_.begin(), begins_.end(), begins_.begin());
    next_.assign(begins_.begin(), begins_.end());
    by_group_.resize(group_of_.size());
    for (uint32_t row = 0; row < group_of_.size(); ++row)
        by_group_[next_[group_of_[row]]++] = row;
}

void BatchGroups::findByHash(std::span<const uint64_t> hashes) {
    const size_t rows = hashes.size();
    slots_.assign(std::bit_ceil(rows * 2 + 16), 0);
    const size_t mask = slots_.size() - 1;
    group_of_.resize(rows);
    first_rows_.clear();
    hashes_.clear();
    for (size_t i = 0; i < rows; ++i) {
        const uint64_t hash = hashes[i];
        size_t at = hash & mask;
        while (slots_[at] != 0 && hashes_[slots_[at] - 1] != hash)
            at = (at + 1) & mask;
        if (slots_[at] == 0) {
            first_rows_.push_back(static_cast<uint32_t>(i));
            hashes_.push_back(hash);
            slots_[at] = static_cast<uint32_t>(first_rows_.size());
        }
        group_of_[i] = slots_[at] - 1;
    }
}

// Different keys of one hash of 64 bits hardly ever meet: so all rows are compared at once, column by column.
bool BatchGroups::foundAll(std::span<const ColumnPtr> keys) {
    same_.assign(group_of_.size(), 1);
    for (const ColumnPtr& key : keys)
        compare(*key, group_of_, first_rows_, same_);
    return std::find(same_.begin(), same_.end(), 0) == same_.end();
}

void BatchGroups::findByKey(std::span<const ColumnPtr> keys, std::span<const uint64_t> hashes) {
    const auto equals = [&](size_t i, size_t j) {
        return std::all_of(keys.begin(), keys.end(),
                           [&](const ColumnPtr& key) { return sameValue(*key, i, j); });
    };
    std::fill(slots_.begin(), slots_.end(), 0);
    const size_t mask = slots_.size() - 1;
    first_rows_.clear();
    for (uint32_t i = 0; i < hashes.size(); ++i) {
        size_t at = hashes[i] & mask;
        while (slots_[at] != 0 && !equals(first_rows_[slots_[at] - 1], i))
            at = (at + 1) & mask;
        if (slots_[at] == 0) {
            first_rows_.push_back(i);
            slots_[at] = static_cast<uint32_t>(first_rows_.size());
        }
        group_of_[i] = slots_[at] - 1;
    }
}

}  // namespace millrace
