#include "state/hashmap/hash_map_table.h"

#include <algorithm>
#include <numeric>

#include "base/error.h"
#include "base/hash.h"
#include "state/hashmap/table_capture.h"

namespace millrace {
namespace {

// Rows probed together: enough to overlap memory accesses, few enough for the L1 cache.
constexpr size_t kBlock = 128;
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

// The selected rows of a block as indices: `selection`'s own, or `first`, `first` + 1, ...
class Selected {
  public:
    Selected(std::span<const uint32_t> selection, size_t rows)
        : selection_(selection), count_(selection.empty() ? rows : selection.size()) {}
    size_t count() const { return count_; }
    const uint32_t* block(size_t first, size_t count) {
        if (!selection_.empty()) return selection_.data() + first;
        std::iota(indices_, indices_ + count, static_cast<uint32_t>(first));
        return indices_;
    }

  private:
    std::span<const uint32_t> selection_;
    size_t count_;
    uint32_t indices_[kBlock];
};

}  // namespace

HashMapTable::HashMapTable(KeyedStateDescriptor descriptor, uint32_t max_parallelism, const Clock& clock,
                           MemorySource& memory)
    : KeyedTable(std::move(descriptor)),
      max_parallelism_(max_parallelism),
      key_fields_(descriptor_.key.size()),
      ttl_ms_(descriptor_.ttl.ms),
      clock_(clock),
      pool_(memory),
      heap_(memory),
      no_row_(std::max<size_t>(layout_.rowBytes(), 8)) {}

HashMapTable::~HashMapTable() {
    // Strings go with their heap.
    const auto nested = [](const RowLayout::Code& code) { return code.form == RowLayout::Form::Nested; };
    if (std::none_of(layout_.codes().begin(), layout_.codes().end(), nested)) return;
    for (const auto& entry : sets_)
        release(*entry.second);
    if (capture_ == nullptr) return;
    for (const auto& set : capture_->detached)
        release(*set);
}

void HashMapTable::release(RowSet& set) {
    if (layout_.ownsMemory()) set.forEach([&](std::byte* row) { releaseRow(layout_, row, heap_); });
}

RowSet* HashMapTable::existing(int64_t name_space) const {
    if (last_set_ != nullptr && last_namespace_ == name_space) return last_set_;
    const auto found = sets_.find(name_space);
    if (found == sets_.end()) return nullptr;
    last_namespace_ = name_space;
    return last_set_ = found->second.get();
}

RowSet& HashMapTable::made(int64_t name_space) {
    if (RowSet* set = existing(name_space)) return *set;
    MILLRACE_CHECK(descriptor_.namespaced || name_space == 0, "state '{}' has no namespaces",
                   descriptor_.name);
    std::unique_ptr<RowSet>& set = sets_[name_space];
    set = std::make_unique<RowSet>(pool_, link_offset_ + (descriptor_.linked ? sizeof(std::byte*) : 0));
    last_namespace_ = name_space;
    return *(last_set_ = set.get());
}

void HashMapTable::retire(int64_t name_space) {
    const auto found = sets_.find(name_space);
    std::unique_ptr<RowSet> set = std::move(found->second);
    sets_.erase(found);
    last_set_ = nullptr;
    row_count_ -= set->size();
    tracked_ -= set->changes.rows.size();
    if (tracking_ && (set->any_captured || set->in_capture)) dropped_.push_back(name_space);
    if (set->in_capture) {
        capture_->detached.push_back(std::move(set));
    } else {
        release(*set);
    }
}

bool HashMapTable::sameKey(const std::byte* row, std::span<const ColumnPtr> keys, size_t index) const {
    for (size_t field = 0; field < key_fields_; ++field) {
        if (!fieldEquals(layout_, field, row, *keys[field], index)) return false;
    }
    return true;
}

// For a block of rows: same[i] and found[i] where the first row with the hash's tag has the key; the few
// others, and the absent, are left to the caller.
void HashMapTable::probe(const RowSet& set, std::span<const ColumnPtr> keys, std::span<const uint64_t> hashes,
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
    for (size_t field = 0; field < key_fields_; ++field) {
        compareField(layout_, field, *keys[field], selected, count, found, same);
    }
}

void HashMapTable::findOrInsert(int64_t name_space, std::span<const ColumnPtr> keys,
                                std::span<const uint64_t> hashes, std::span<const uint32_t> selection,
                                std::vector<std::byte*>& rows, std::vector<uint8_t>* inserted) {
    MILLRACE_CHECK(keys.size() == key_fields_, "{} key columns for {} fields", keys.size(), key_fields_);
    Selected picked(selection, hashes.size());
    rows.resize(picked.count());
    if (inserted) inserted->assign(picked.count(), 0);
    if (picked.count() == 0) return;
    RowSet& set = made(name_space);
    const int64_t time = now();
    uint8_t same[kBlock];
    for (size_t first = 0; first < picked.count(); first += kBlock) {
        const size_t count = std::min(kBlock, picked.count() - first);
        const uint32_t* selected = picked.block(first, count);
        std::byte** found = rows.data() + first;
        probe(set, keys, hashes, selected, count, found, same);
        for (size_t i = 0; i < count; ++i) {
            if (!same[i]) [[unlikely]] {
                const uint32_t index = selected[i];
                const uint64_t hash = hashes[index];
                found[i] = set.find(hash, [&](const std::byte* row) { return sameKey(row, keys, index); });
                if (found[i] == nullptr) {
                    found[i] = set.insert(hash);
                    begin(name_space, set, found[i], keys, index, time);
                    if (inserted) (*inserted)[first + i] = 1;
                    continue;
                }
            }
            if (RowSet::header(found[i]).changed != epoch_) [[unlikely]]
                markChanged(name_space, set, found[i]);
        }
        if (expires()) renew(found, count, time, inserted ? inserted->data() + first : nullptr);
    }
}

void HashMapTable::begin(int64_t name_space, RowSet& set, std::byte* row, std::span<const ColumnPtr> keys,
                         size_t index, int64_t time) {
    for (size_t field = 0; field < key_fields_; ++field)
        storeField(layout_, field, *keys[field], index, row, heap_);
    ++row_count_;
    RowSet::header(row).changed = epoch_;
    if (tracking_) note(name_space, set, row);
    if (expires()) lastWrite(row) = time;
}

void HashMapTable::append(int64_t name_space, std::span<const ColumnPtr> keys,
                          std::span<const uint64_t> hashes, std::span<const uint32_t> selection,
                          std::vector<std::byte*>& rows) {
    MILLRACE_CHECK(descriptor_.linked, "rows without an index in state '{}'", descriptor_.name);
    rows.resize(selection.size());
    if (selection.empty()) return;
    RowSet& set = made(name_space);
    const int64_t time = now();
    for (size_t i = 0; i < selection.size(); ++i) {
        rows[i] = set.allocate();
        RowSet::header(rows[i]).hash = hashes[selection[i]];
        begin(name_space, set, rows[i], keys, selection[i], time);
    }
}

// Found to be written: the time to live begins anew, of an expired row as of a new one.
void HashMapTable::renew(std::byte** found, size_t count, int64_t time, uint8_t* inserted) {
    for (size_t i = 0; i < count; ++i) {
        if (expired(found[i], time)) {
            releaseFields(layout_, found[i], key_fields_, layout_.fieldCount(), heap_);
            if (inserted != nullptr) inserted[i] = 1;
        }
        lastWrite(found[i]) = time;
    }
}

void HashMapTable::locate(const RowSet& set, std::span<const ColumnPtr> keys,
                          std::span<const uint64_t> hashes, const uint32_t* selected, size_t count,
                          std::byte** found) const {
    uint8_t same[kBlock];
    probe(set, keys, hashes, selected, count, found, same);
    for (size_t i = 0; i < count; ++i) {
        if (same[i]) continue;
        found[i] = set.find(hashes[selected[i]],
                            [&](const std::byte* row) { return sameKey(row, keys, selected[i]); });
    }
    if (!expires()) return;
    const int64_t time = now();
    for (size_t i = 0; i < count; ++i) {
        if (found[i] != nullptr && expired(found[i], time)) found[i] = nullptr;
    }
}

void HashMapTable::find(int64_t name_space, std::span<const ColumnPtr> keys, std::span<const uint64_t> hashes,
                        std::span<const uint32_t> selection, std::vector<std::byte*>& rows) {
    MILLRACE_CHECK(keys.size() == key_fields_, "{} key columns for {} fields", keys.size(), key_fields_);
    Selected picked(selection, hashes.size());
    RowSet* set = existing(name_space);
    rows.assign(picked.count(), nullptr);
    if (set == nullptr) return;
    const int64_t time = now();
    for (size_t first = 0; first < picked.count(); first += kBlock) {
        const size_t count = std::min(kBlock, picked.count() - first);
        std::byte** found = rows.data() + first;
        locate(*set, keys, hashes, picked.block(first, count), count, found);
        for (size_t i = 0; i < count; ++i) {
            if (found[i] == nullptr) continue;
            if (RowSet::header(found[i]).changed != epoch_) markChanged(name_space, *set, found[i]);
            if (expires()) lastWrite(found[i]) = time;
        }
    }
}

void HashMapTable::findToRead(int64_t name_space, std::span<const ColumnPtr> keys,
                              std::span<const uint64_t> hashes, std::span<const uint32_t> selection,
                              std::vector<const std::byte*>& rows) {
    MILLRACE_CHECK(keys.size() == key_fields_, "{} key columns for {} fields", keys.size(), key_fields_);
    Selected picked(selection, hashes.size());
    const RowSet* set = existing(name_space);
    rows.assign(picked.count(), nullptr);
    if (set == nullptr) return;
    for (size_t first = 0; first < picked.count(); first += kBlock) {
        const size_t count = std::min(kBlock, picked.count() - first);
        locate(*set, keys, hashes, picked.block(first, count), count,
               const_cast<std::byte**>(rows.data() + first));
    }
}

void HashMapTable::touch(int64_t name_space, std::byte* row) {
    RowSet* set = existing(name_space);
    MILLRACE_CHECK(set != nullptr, "state '{}' has no namespace {}", descriptor_.name, name_space);
    if (RowSet::header(row).changed != epoch_) markChanged(name_space, *set, row);
    if (expires()) lastWrite(row) = now();
}

void HashMapTable::erase(int64_t name_space, std::byte* row) {
    RowSet* set = existing(name_space);
    MILLRACE_CHECK(set != nullptr, "state '{}' has no namespace {}", descriptor_.name, name_space);
    MILLRACE_CHECK(!descriptor_.linked, "a chained row of state '{}' goes by itself", descriptor_.name);
    if (pending(RowSet::header(row))) encode(name_space, *set, row);
    if (tracking_ && RowSet::header(row).captured != 0) noteErased(name_space, *set, row);
    set->erase(row);
    --row_count_;
    if (layout_.ownsMemory()) releaseRow(layout_, row, heap_);
    if (set->size() == 0 && descriptor_.namespaced) retire(name_space);
}

void HashMapTable::dropNamespace(int64_t name_space) {
    if (existing(name_space) != nullptr) retire(name_space);
}

std::vector<int64_t> HashMapTable::namespaces() const {
    std::vector<int64_t> all;
    for (const auto& [name_space, set] : sets_) {
        if (set->size() > 0) all.push_back(name_space);
    }
    return all;
}

size_t HashMapTable::rows(int64_t name_space) const {
    const RowSet* set = existing(name_space);
    if (set == nullptr || !expires()) return set == nullptr ? 0 : set->size();
    size_t count = 0;
    const int64_t time = now();
    set->forEach([&](std::byte* row) { count += !expired(row, time); });
    return count;
}

std::vector<std::byte*> HashMapTable::allRows(int64_t name_space) {
    std::vector<std::byte*> all;
    if (const RowSet* set = existing(name_space)) {
        all.reserve(set->size());
        const int64_t time = now();
        set->forEach([&](std::byte* row) {
            if (!expired(row, time)) all.push_back(row);
        });
    }
    return all;
}

size_t HashMapTable::bytes() const {
    return pool_.heldBytes() + heap_.bytes() + sets_.size() * (sizeof(RowSet) + 64) +
           tracked_ * sizeof(std::byte*);
}

bool HashMapTable::expire(size_t& rows) {
    if (!expires()) return true;
    const int64_t time = now();
    // A set that is emptied goes away if there are namespaces: so its rows are collected before they go.
    std::vector<std::byte*> gone;
    for (auto set = sets_.lower_bound(expiry_namespace_); set != sets_.end();) {
        if (set->first != expiry_namespace_) expiry_cursor_ = {};
        const int64_t name_space = expiry_namespace_ = set->first;
        gone.clear();
        const bool more = set->second->visit(expiry_cursor_, set->second->end(), rows, [&](std::byte* row) {
            if (expired(row, time)) gone.push_back(row);
        });
        for (std::byte* row : gone)
            erase(name_space, row);
        if (more) return false;
        set = sets_.upper_bound(name_space);
        expiry_cursor_ = {};
    }
    expiry_namespace_ = INT64_MIN;
    releaseMemory();
    return true;
}

void HashMapTable::releaseMemory() {
    if (capture_ != nullptr) return;
    for (const auto& [name_space, set] : sets_)
        set->releaseEmptyBlocks(tracking_ ? epoch_ : UINT32_MAX);
}

}  // namespace millrace
