#include "state/hashmap/hash_map_table.h"

#include <algorithm>

#include "base/error.h"
#include "base/hash.h"
#include "state/hashmap/table_capture.h"

namespace millrace {
HashMapTable::HashMapTable(KeyedStateDescriptor descriptor, uint32_t max_parallelism, const Clock& clock,
                           MemorySource& memory)
    : KeyedTable(std::move(descriptor)),
      max_parallelism_(max_parallelism),
      key_fields_(descriptor_.key.size()),
      ttl_ms_(descriptor_.ttl.ms),
      clock_(clock),
      memory_(memory),
      pool_(memory),
      heap_(memory),
      probe_(layout_, key_fields_) {}

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

void HashMapTable::findOrInsert(int64_t name_space, std::span<const ColumnPtr> keys,
                                std::span<const uint64_t> hashes, std::span<const uint32_t> selection,
                                std::vector<std::byte*>& rows, std::vector<uint8_t>* inserted) {
    MILLRACE_CHECK(keys.size() == key_fields_, "{} key columns for {} fields", keys.size(), key_fields_);
    ProbedRows picked(selection, hashes.size());
    rows.resize(picked.count());
    if (inserted) inserted->assign(picked.count(), 0);
    if (picked.count() == 0) return;
    RowSet& set = made(name_space);
    const int64_t time = now();
    uint8_t same[KeyProbe::kBlock];
    for (size_t first = 0; first < picked.count(); first += KeyProbe::kBlock) {
        const size_t count = std::min(KeyProbe::kBlock, picked.count() - first);
        const uint32_t* selected = picked.block(first, count);
        std::byte** found = rows.data() + first;
        probe_.probe(set, keys, hashes, selected, count, found, same);
        for (size_t i = 0; i < count; ++i) {
            if (!same[i]) [[unlikely]] {
                const uint32_t index = selected[i];
                const uint64_t hash = hashes[index];
                found[i] =
                    set.find(hash, [&](const std::byte* row) { return probe_.same(row, keys, index); });
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
    MILLRACE_CHECK(descriptor_.linked || descriptor_.in_place, "rows without an index in state '{}'",
                   descriptor_.name);
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
    uint8_t same[KeyProbe::kBlock];
    probe_.probe(set, keys, hashes, selected, count, found, same);
    for (size_t i = 0; i < count; ++i) {
        if (same[i]) continue;
        found[i] = set.find(hashes[selected[i]],
                            [&](const std::byte* row) { return probe_.same(row, keys, selected[i]); });
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
    ProbedRows picked(selection, hashes.size());
    RowSet* set = existing(name_space);
    rows.assign(picked.count(), nullptr);
    if (set == nullptr) return;
    const int64_t time = now();
    for (size_t first = 0; first < picked.count(); first += KeyProbe::kBlock) {
        const size_t count = std::min(KeyProbe::kBlock, picked.count() - first);
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
    ProbedRows picked(selection, hashes.size());
    const RowSet* set = existing(name_space);
    rows.assign(picked.count(), nullptr);
    if (set == nullptr) return;
    for (size_t first = 0; first < picked.count(); first += KeyProbe::kBlock) {
        const size_t count = std::min(KeyProbe::kBlock, picked.count() - first);
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
    MILLRACE_CHECK(!descriptor_.linked, "a row of state '{}', which is linked, goes by itself",
                   descriptor_.name);
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
