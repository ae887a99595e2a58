#include "state/hashmap/key_probe.h"

#include <algorithm>
#include <numeric>

namespace millrace {
namespace {

// Below this many slots the index is in cache anyway.
constexpr uint64_t kPrefetchSlotsFrom = 2048;

template <class T>
void compareFlat(const RowLayout& layout, size_t field, const Column& column, const uint32_t* selected,
                 size_t count, std::byte* const* rows, uint8_t* same) {
    const uint32_t offset = layout.offset(field);
    const T* values = column.data<T>();
    const uint8_t* validity = column.validity();
    if (validity == nullptr) {
        for (size_t i = 0; i < count; ++i) {
            same[i] &= static_cast<uint8_t>(rows[i][field]) &
                       static_cast<uint8_t>(RowLayout::at<T>(rows[i], offset) == values[selected[i]]);
        }
        return;
    }
    for (size_t i = 0; i < count; ++i) {
        const uint8_t valid = validity[selected[i]];
        const bool equal = RowLayout::at<T>(rows[i], offset) == values[selected[i]];
        same[i] &= static_cast<uint8_t>(static_cast<uint8_t>(rows[i][field]) == valid && (!valid || equal));
    }
}

void compareField(const RowLayout& layout, size_t field, const Column& column, const uint32_t* selected,
                  size_t count, std::byte* const* rows, uint8_t* same) {
    switch (column.physical()) {
        case PhysicalType::Bool:
            return compareFlat<uint8_t>(layout, field, column, selected, count, rows, same);
        case PhysicalType::Int32:
            return compareFlat<int32_t>(layout, field, column, selected, count, rows, same);
        case PhysicalType::Int64:
            return compareFlat<int64_t>(layout, field, column, selected, count, rows, same);
        case PhysicalType::String:
            return compareFlat<StringView>(layout, field, column, selected, count, rows, same);
        default:  // NaN, -0.0 and nested values have their own equality
            for (size_t i = 0; i < count; ++i) {
                if (same[i]) same[i] = fieldEquals(layout, field, rows[i], column, selected[i]);
            }
    }
}

}  // namespace

const uint32_t* ProbedRows::block(size_t first, size_t count) {
    if (!selection_.empty()) return selection_.data() + first;
    std::iota(indices_, indices_ + count, static_cast<uint32_t>(first));
    return indices_;
}

KeyProbe::KeyProbe(const RowLayout& layout, size_t key_fields)
    : layout_(layout), key_fields_(key_fields), no_row_(std::max<size_t>(layout.rowBytes(), 8)) {}

bool KeyProbe::same(const std::byte* row, std::span<const ColumnPtr> keys, size_t index) const {
    for (size_t field = 0; field < key_fields_; ++field) {
        if (!fieldEquals(layout_, field, row, *keys[field], index)) return false;
    }
    return true;
}

void KeyProbe::probe(const RowSet& set, std::span<const ColumnPtr> keys, std::span<const uint64_t> hashes,
                     const uint32_t* selected, size_t count, std::byte** found, uint8_t* same) const {
    const uint64_t* slots = set.slots();
    const uint64_t mask = set.mask();
    if (mask >= kPrefetchSlotsFrom) {
        for (size_t i = 0; i < count; ++i)
            __builtin_prefetch(&slots[hashes[selected[i]] & mask]);
    }
    std::byte* const nothing = const_cast<std::byte*>(no_row_.data());  // only ever read
    for (size_t i = 0; i < count; ++i) {
        const uint64_t hash = hashes[selected[i]];
        const uint64_t tag = RowSet::tagOf(hash);
        uint64_t at = hash & mask;
        uint64_t slot = slots[at];
        while (slot != 0 && RowSet::tagOf(slot) != tag)
            slot = slots[at = (at + 1) & mask];
        found[i] = slot != 0 ? RowSet::rowOf(slot) : nothing;
        same[i] = slot != 0;
        __builtin_prefetch(found[i] - sizeof(uint32_t));  // the end of its header and its beginning
    }
    for (size_t field = 0; field < key_fields_; ++field)
        compareField(layout_, field, *keys[field], selected, count, found, same);
}

}  // namespace millrace
