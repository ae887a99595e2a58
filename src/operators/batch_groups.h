// The rows of a batch by equal keys: what operators do first that keep something for each key, so that state
// is looked up once for all rows of a key. Keys mostly repeat: what belongs together tends to arrive
// together.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "batch/batch.h"

namespace millrace {

// Equal as keys are: NULL equals NULL, NaN NaN, and -0.0 0.0.
bool sameValue(const Column& column, size_t i, size_t j);

class BatchGroups {
  public:
    // `hashes` are those of the keys, one a row.
    void find(std::span<const ColumnPtr> keys, std::span<const uint64_t> hashes);

    size_t size() const { return first_rows_.size(); }
    uint32_t of(size_t row) const { return group_of_[row]; }
    // The first row of each group, ascending.
    const Selection& firstRows() const { return first_rows_; }
    // The rows of each group, ascending. sortRows() comes first, once for each find().
    void sortRows();
    std::span<const uint32_t> rowsOf(size_t group) const {
        return std::span(by_group_).subspan(begins_[group], begins_[group + 1] - begins_[group]);
    }

  private:
    bool foundAll(std::span<const ColumnPtr> keys);
    void findByHash(std::span<const uint64_t> hashes);
    void findByKey(std::span<const ColumnPtr> keys, std::span<const uint64_t> hashes);

    std::vector<uint32_t> group_of_;
    Selection first_rows_;
    std::vector<uint64_t> hashes_;  // of each group
    std::vector<uint32_t> slots_;   // a group's number and one; 0: none
    std::vector<uint8_t> same_;
    Selection by_group_;
    std::vector<uint32_t> begins_;  // of each group, and where the last one ends
    std::vector<uint32_t> next_;
};

}  // namespace millrace
