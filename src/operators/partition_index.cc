#include "operators/partition_index.h"

#include "base/hash.h"
#include "operators/aggregation.h"
#include "operators/scratch_state.h"

namespace millrace {

PartitionIndex::PartitionIndex(const std::string& name, const Schema& columns, std::vector<size_t> partition,
                               OperatorContext& context)
    : partition_(std::move(partition)), max_parallelism_(context.maxParallelism()) {
    if (partition_.empty()) {
        partitions_.push_back({nullptr, keyGroupOf(0, max_parallelism_), true});
        return;
    }
    backend_ = makeScratchState(name, context);
    KeyedStateDescriptor descriptor;
    descriptor.name = "partitions";
    descriptor.key = Aggregation::keySchema(columns, partition_);
    descriptor.value = Schema({{"number", LogicalType::bigint()}});
    table_ = &backend_->table(descriptor);
}

void PartitionIndex::locate(std::span<const ColumnPtr> columns, size_t rows, std::vector<uint32_t>& numbers) {
    numbers.assign(rows, 0);
    if (table_ == nullptr) return;
    keys_.clear();
    for (const size_t column : partition_)
        keys_.push_back(columns[column]);
    hashColumns(keys_, rows, hashes_);
    groups_.find(keys_, hashes_);
    const Selection& first_rows = groups_.firstRows();
    table_->findOrInsert(0, keys_, hashes_, first_rows, entries_, &inserted_);
    const RowLayout& layout = table_->layout();
    const auto field = static_cast<uint32_t>(table_->firstValueField());
    const uint32_t offset = layout.offset(field);
    number_of_.resize(first_rows.size());
    for (size_t group = 0; group < first_rows.size(); ++group) {
        std::byte* entry = entries_[group];
        auto& number = RowLayout::at<int64_t>(entry, offset);
        if (inserted_[group]) {
            if (free_.empty()) {
                free_.push_back(static_cast<uint32_t>(partitions_.size()));
                partitions_.emplace_back();
            }
            number = free_.back();
            free_.pop_back();
            RowLayout::setNull(entry, field, false);
            partitions_[static_cast<size_t>(number)] = {
                entry, keyGroupOf(hashes_[first_rows[group]], max_parallelism_), true};
        }
        number_of_[group] = static_cast<uint32_t>(number);
    }
    for (size_t i = 0; i < rows; ++i)
        numbers[i] = number_of_[groups_.of(i)];
}

void PartitionIndex::forget(uint32_t number) {
    Partition& partition = partitions_[number];
    if (table_ == nullptr || !partition.held) return;
    table_->erase(0, partition.entry);
    partition = {};
    free_.push_back(number);
}

}  // namespace millrace
