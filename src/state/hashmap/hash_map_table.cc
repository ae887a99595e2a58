#include "state/hashmap/hash_map_table.h"

#include <algorithm>
#include <numeric>

#include "base/error.h"
#include "base/hash.h"

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

std::vector<LogicalType> fieldTypes(const KeyedStateDescriptor& descriptor) {
    std::vector<LogicalType> types;
    for (const Field& field : descriptor.key)
        types.push_back(field.type);
    for (const Field& field : descriptor.value)
        types.push_back(field.type);
    return types;
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

KeyedTable::KeyedTable(KeyedStateDescriptor descriptor)
    : descriptor_(std::move(descriptor)), layout_(fieldTypes(descriptor_)) {}

HashMapTable::HashMapTable(KeyedStateDescriptor descriptor, uint32_t max_parallelism)
    : KeyedTable(std::move(descriptor)),
      max_parallelism_(max_parallelism),
      key_fields_(descriptor_.key.size()),
      no_row_(std::max<size_t>(layout_.rowBytes(), 8)) {}

HashMapTable::~HashMapTable() {
    if (!layout_.ownsMemory()) return;
    for (const auto& entry : sets_) {
        entry.second->forEach([&](std::byte* row) { releaseRow(layout_, row, heap_); });
    }
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
    set = std::make_unique<RowSet>(pool_, layout_.rowBytes());
    last_namespace_ = name_space;
    return *(last_set_ = set.get());
}

void HashMapTable::forget(int64_t name_space) {
    last_set_ = nullptr;
    sets_.erase(name_space);
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
        __builtin_prefetch(found[i]);
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
    uint8_t same[kBlock];
    for (size_t first = 0; first < picked.count(); first += kBlock) {
        const size_t count = std::min(kBlock, picked.count() - first);
        const uint32_t* selected = picked.block(first, count);
        std::byte** found = rows.data() + first;
        probe(set, keys, hashes, selected, count, found, same);
        for (size_t i = 0; i < count; ++i) {
            if (same[i]) [[likely]]
                continue;
            const uint32_t index = selected[i];
            const uint64_t hash = hashes[index];
            found[i] = set.find(hash, [&](const std::byte* row) { return sameKey(row, keys, index); });
            if (found[i] != nullptr) continue;
            found[i] = set.insert(hash);
            for (size_t field = 0; field < key_fields_; ++field) {
                storeField(layout_, field, *keys[field], index, found[i], heap_);
            }
            if (inserted) (*inserted)[first + i] = 1;
        }
    }
}

void HashMapTable::find(int64_t name_space, std::span<const ColumnPtr> keys, std::span<const uint64_t> hashes,
                        std::span<const uint32_t> selection, std::vector<std::byte*>& rows) {
    MILLRACE_CHECK(keys.size() == key_fields_, "{} key columns for {} fields", keys.size(), key_fields_);
    Selected picked(selection, hashes.size());
    const RowSet* set = existing(name_space);
    if (set == nullptr) {
        rows.assign(picked.count(), nullptr);
        return;
    }
    rows.resize(picked.count());
    uint8_t same[kBlock];
    for (size_t first = 0; first < picked.count(); first += kBlock) {
        const size_t count = std::min(kBlock, picked.count() - first);
        const uint32_t* selected = picked.block(first, count);
        std::byte** found = rows.data() + first;
        probe(*set, keys, hashes, selected, count, found, same);
        for (size_t i = 0; i < count; ++i) {
            if (same[i]) continue;
            found[i] = set->find(hashes[selected[i]],
                                 [&](const std::byte* row) { return sameKey(row, keys, selected[i]); });
        }
    }
}

void HashMapTable::erase(int64_t name_space, std::byte* row) {
    RowSet* set = existing(name_space);
    MILLRACE_CHECK(set != nullptr, "state '{}' has no namespace {}", descriptor_.name, name_space);
    set->erase(row);
    if (layout_.ownsMemory()) releaseRow(layout_, row, heap_);
    if (set->size() == 0 && descriptor_.namespaced) forget(name_space);
}

void HashMapTable::dropNamespace(int64_t name_space) {
    const RowSet* set = existing(name_space);
    if (set == nullptr) return;
    if (layout_.ownsMemory()) set->forEach([&](std::byte* row) { releaseRow(layout_, row, heap_); });
    forget(name_space);
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
    return set == nullptr ? 0 : set->size();
}

std::vector<std::byte*> HashMapTable::allRows(int64_t name_space) {
    std::vector<std::byte*> all;
    if (const RowSet* set = existing(name_space)) {
        all.reserve(set->size());
        set->forEach([&](std::byte* row) { all.push_back(row); });
    }
    return all;
}

size_t HashMapTable::bytes() const {
    return pool_.heldBytes() + heap_.bytes() + sets_.size() * (sizeof(RowSet) + 64);
}

KeyedStateSnapshot HashMapTable::capture() const {
    std::vector<uint64_t> counts(max_parallelism_, 0);
    for (const auto& entry : sets_) {
        entry.second->forEach([&](std::byte* row) {
            ++counts[keyGroupOf(RowSet::header(row).hash, max_parallelism_).value()];
        });
    }
    KeyedStateSnapshot snapshot{descriptor_, {}};
    std::vector<uint32_t> section_of(max_parallelism_, 0);
    const size_t row_bytes = layout_.rowBytes() + (descriptor_.namespaced ? sizeof(int64_t) : 0);
    for (uint32_t group = 0; group < max_parallelism_; ++group) {
        if (counts[group] == 0) continue;
        section_of[group] = static_cast<uint32_t>(snapshot.groups.size());
        snapshot.groups.push_back({KeyGroup(static_cast<uint16_t>(group)), counts[group], {}});
        snapshot.groups.back().bytes.reserve(counts[group] * row_bytes);
    }
    for (const auto& entry : sets_) {
        const int64_t name_space = entry.first;
        entry.second->forEach([&](std::byte* row) {
            const KeyGroup group = keyGroupOf(RowSet::header(row).hash, max_parallelism_);
            std::string& out = snapshot.groups[section_of[group.value()]].bytes;
            if (descriptor_.namespaced) {
                out.append(reinterpret_cast<const char*>(&name_space), sizeof(name_space));
            }
            encodeRow(layout_, row, out);
        });
    }
    return snapshot;
}

void HashMapTable::restore(const KeyGroupSection& section) {
    constexpr size_t kRows = 1024;
    const auto damaged = [&](const std::string& reason) {
        throw UserError("snapshot.damaged", fmt::format("state '{}', key group {}: {}", descriptor_.name,
                                                        section.group.value(), reason));
    };
    std::string_view in = section.bytes;
    std::vector<std::byte*> rows;
    std::vector<RowSet*> sets;
    std::vector<uint64_t> hashes;
    for (uint64_t done = 0; done < section.rows;) {
        rows.clear();
        sets.clear();
        while (done < section.rows && rows.size() < kRows) {
            int64_t name_space = 0;
            if (descriptor_.namespaced) {
                if (in.size() < sizeof(name_space)) damaged("it ends within a row");
                std::memcpy(&name_space, in.data(), sizeof(name_space));
                in.remove_prefix(sizeof(name_space));
            }
            RowSet& set = made(name_space);
            std::byte* row = set.allocate();
            decodeRow(layout_, in, row, heap_);
            rows.push_back(row);
            sets.push_back(&set);
            ++done;
        }
        std::vector<ColumnPtr> keys;
        for (size_t field = 0; field < key_fields_; ++field) {
            keys.push_back(loadColumn(layout_, field, rows));
        }
        hashKeys(descriptor_, keys, rows.size(), hashes);
        for (size_t i = 0; i < rows.size(); ++i)
            sets[i]->prefetch(hashes[i]);
        for (size_t i = 0; i < rows.size(); ++i) {
            if (keyGroupOf(hashes[i], max_parallelism_) != section.group) {
                damaged(fmt::format("it holds a key of group {}",
                                    keyGroupOf(hashes[i], max_parallelism_).value()));
            }
            if (sets[i]->find(hashes[i], [&](const std::byte* row) { return sameKey(row, keys, i); })) {
                damaged("it holds a key twice");
            }
            sets[i]->index(rows[i], hashes[i]);
        }
    }
    if (!in.empty()) damaged(fmt::format("{} bytes follow its last row", in.size()));
}

}  // namespace millrace
