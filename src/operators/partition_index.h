// Numbers the partitions of an operator's rows, from 0 on; numbers of partitions that were forgotten are
// given again. Kept in no snapshot: it is made anew from the rows in state.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "operators/batch_groups.h"
#include "runtime/operator.h"

namespace millrace {

class PartitionIndex {
  public:
    // `partition` are the columns that say which partition a row is of; none: there is one, which is never
    // forgotten.
    PartitionIndex(const std::string& name, const Schema& columns, std::vector<size_t> partition,
                   OperatorContext& context);

    // The number of each row's partition. Only the columns of the partition are looked at.
    void locate(std::span<const ColumnPtr> columns, size_t rows, std::vector<uint32_t>& numbers);
    void forget(uint32_t number);  // nothing is in it any more
    bool holds(uint32_t number) const { return partitions_[number].held; }
    KeyGroup groupOf(uint32_t number) const { return partitions_[number].group; }
    size_t size() const { return partitions_.size(); }  // numbers given, forgotten ones too

  private:
    struct Partition {
        std::byte* entry = nullptr;  // rows of this table never move
        KeyGroup group;
        bool held = false;
    };

    std::vector<size_t> partition_;
    uint32_t max_parallelism_;
    std::unique_ptr<StateBackend> backend_;
    KeyedTable* table_ = nullptr;
    std::vector<Partition> partitions_;
    std::vector<uint32_t> free_;
    // Of the batch at hand; entries, and what goes with them, are one a group.
    std::vector<ColumnPtr> keys_;
    std::vector<uint64_t> hashes_;
    BatchGroups groups_;
    std::vector<std::byte*> entries_;
    std::vector<uint8_t> inserted_;
    std::vector<uint32_t> number_of_;
};

}  // namespace millrace
