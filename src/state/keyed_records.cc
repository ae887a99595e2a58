#include "state/keyed_records.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "base/error.h"
#include "state/hashmap/record_header.h"
#include "state/hashmap/records_capture.h"

namespace millrace {

namespace {

// Rows have room for multiples of 8 bytes up to kFineMax, and above for 4 sizes between powers of two.
constexpr size_t kFineMax = 1024;
constexpr size_t kFineClasses = kFineMax / 8 + 1;
constexpr int kSteps = 4;

size_t stepOf(size_t bytes) { return size_t{1} << (std::bit_width(bytes - 1) - 3); }

size_t roomFor(size_t bytes) {
    if (bytes <= kFineMax) return bytes;
    const size_t step = stepOf(bytes);
    return (bytes + step - 1) / step * step;
}

size_t classOf(size_t room) {
    if (room <= kFineMax) return room / 8;
    const int power = std::bit_width(room - 1) - 1;  // 2^power < room
    const size_t above = (room - (size_t{1} << power)) / stepOf(room) - 1;
    return kFineClasses + static_cast<size_t>(power - std::bit_width(kFineMax) + 1) * kSteps + above;
}

std::vector<LogicalType> valueTypes(const Schema& schema) {
    std::vector<LogicalType> types;
    for (const Field& field : schema)
        types.push_back(field.type);
    return types;
}

ColumnPtr copyOfTexts(const Column& column) {
    auto copy = std::make_shared<Column>(column.type(), column.size());
    if (column.validity() != nullptr) std::copy_n(column.validity(), column.size(), copy->mutableValidity());
    StringHeap& heap = copy->heap();
    for (size_t i = 0; i < column.size(); ++i) {
        if (!column.isNull(i))
            copy->mutableData<StringView>()[i] = heap.add(column.data<StringView>()[i].view());
    }
    return copy;
}

}  // namespace

KeyedStateDescriptor KeyedRecordsDescriptor::state() const {
    KeyedStateDescriptor descriptor;
    descriptor.name = name;
    descriptor.value = value;
    RowNumbers::describe(descriptor);
    return descriptor;
}

KeyedRecords::KeyedRecords(KeyedRecordsDescriptor descriptor, uint32_t max_parallelism,
                           std::shared_ptr<MemorySource> memory)
    : descriptor_(std::move(descriptor)),
      max_parallelism_(max_parallelism),
      source_(std::move(memory)),
      layout_(valueTypes(descriptor_.value), sizeof(RecordHeader)),
      memory_(std::make_shared<LogMemory>(source_)),
      numbers_(max_parallelism) {}

KeyedRecords::~KeyedRecords() = default;

int64_t KeyedRecords::numberOf(const std::byte* row) { return RecordHeader::of(row).number; }

void KeyedRecords::write(std::span<const ColumnPtr> columns, std::span<const uint32_t> selection,
                         std::span<const KeyGroup> groups, std::span<std::byte*> rows) {
    given_.resize(rows.size());
    for (size_t i = 0; i < rows.size(); ++i)
        given_[i] = rows[i] == nullptr ? numbers_.next(groups[i]) : 0;
    write(columns, selection, given_, rows);
}

void KeyedRecords::write(std::span<const ColumnPtr> columns, std::span<const uint32_t> selection,
                         std::span<const int64_t> numbers, std::span<std::byte*> rows) {
    // Few rows at a time, so that they are written to while they are in the nearest cache.
    constexpr size_t kRows = 64;
    for (size_t first = 0; first < rows.size(); first += kRows) {
        const size_t count = std::min(kRows, rows.size() - first);
        const std::span<std::byte*> some = rows.subspan(first, count);
        for (const std::byte* row : some) {
            if (row != nullptr) __builtin_prefetch(row, 1);
        }
        layout_.measure(columns, selection.subspan(first, count), row_bytes_);
        for (size_t i = 0; i < count; ++i) {
            std::byte* const former = some[i];
            RecordHeader made{epoch_, 1, 0, numbers[first + i]};
            if (former != nullptr) {
                if (pending(former)) capture(former);
                made.number = numberOf(former);
                free(former);
            } else {
                ++rows_;
            }
            some[i] = allocate(row_bytes_[i]);
            layout_.begin(some[i], nullptr);
            made.putTo(some[i]);
        }
        layout_.write(columns, selection.subspan(first, count), some);
    }
    if (rewritten_.size() > kTrackedFree + rows_ / 2) stopTracking();
}

std::byte* KeyedRecords::allocate(size_t bytes) {
    const size_t room = roomFor(bytes);
    const size_t index = classOf(room);
    if (index >= free_.size()) free_.resize(index + 1);
    if (free_[index] == nullptr) {
        if (loans_.waiting() > 0) recycleReleased();
        if (free_[index] == nullptr) return memory_->allocate(room);
    }
    std::byte* const row = free_[index];
    const RecordHeader header = RecordHeader::of(row);
    free_[index] = header.next();
    // One that was written in this epoch is known to have changed, whichever row lay there.
    if (tracking_ && header.changed != epoch_) rewritten_.push_back(row);
    return row;
}

size_t KeyedRecords::reservedBytes(const std::byte* row) const { return roomFor(layout_.rowBytes(row)); }

// What the row holds stays there until its memory is used again: columns may point to it, and whoever visits
// all rows has to know its length.
void KeyedRecords::free(std::byte* row) {
    RecordHeader header = RecordHeader::of(row);
    header.live = 0;
    header.putTo(row);
    loans_.release(row, [this](std::byte* released) { recycle(released); });
}

void KeyedRecords::recycle(std::byte* row) {
    const size_t index = classOf(reservedBytes(row));
    RecordHeader header = RecordHeader::of(row);
    header.setNext(free_[index]);
    header.putTo(row);
    free_[index] = row;
}

void KeyedRecords::recycleReleased() {
    loans_.recycleReleased([this](std::byte* released) { recycle(released); });
}

std::vector<ColumnPtr> KeyedRecords::load(std::span<const size_t> fields, std::span<std::byte* const> rows) {
    if (loans_.tooMuchWaits(rows_)) recycleReleased();
    if (!loans_.tooMuchWaits(rows_)) return layout_.load(fields, rows, loans_.lend(memory_));
    std::vector<ColumnPtr> columns = layout_.load(fields, rows, memory_);
    for (ColumnPtr& column : columns) {
        if (column->physical() == PhysicalType::String) column = copyOfTexts(*column);
    }
    return columns;
}

std::vector<std::byte*> KeyedRecords::all() const {
    std::vector<std::byte*> all;
    all.reserve(rows_);
    LogMemory::Place at;
    size_t budget = SIZE_MAX;
    memory_->visit(at, memory_->end(), budget, [&](std::byte* row, int64_t) {
        if (RecordHeader::of(row).live != 0) all.push_back(row);
        return LogMemory::Extent{reservedBytes(row)};
    });
    return all;
}

size_t KeyedRecords::bytes() const { return memory_->bytes() + rewritten_.capacity() * sizeof(std::byte*); }

}  // namespace millrace
