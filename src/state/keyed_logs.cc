#include "state/keyed_logs.h"

#include <algorithm>
#include <bit>

#include "base/error.h"
#include "state/hashmap/block_pool.h"
#include "state/hashmap/key_probe.h"
#include "state/hashmap/log_capture.h"
#include "state/hashmap/log_run.h"
#include "state/hashmap/row_set.h"

namespace millrace {

namespace {

std::vector<LogicalType> typesOf(const Schema& schema) {
    std::vector<LogicalType> types;
    for (const Field& field : schema)
        types.push_back(field.type);
    return types;
}

}  // namespace

KeyedStateDescriptor KeyedLogDescriptor::state() const {
    const LogicalType counter = LogicalType::bigint().withNullable(false);
    KeyedStateDescriptor state;
    state.name = name;
    state.routing_fields = key.size();
    std::vector<Field> keys = key.fields();
    keys.push_back({"number", counter});
    std::vector<Field> values{{"size", counter}};
    values.insert(values.end(), value.begin(), value.end());
    state.key = Schema(std::move(keys));
    state.value = Schema(std::move(values));
    return state;
}

KeyedLogs::KeyedLogs(std::vector<KeyedLogDescriptor> logs, uint32_t max_parallelism,
                     std::shared_ptr<MemorySource> memory)
    : max_parallelism_(max_parallelism),
      key_fields_(logs.at(0).key.size()),
      memory_(std::move(memory)),
      key_layout_(typesOf(logs[0].key)),
      pool_(std::make_unique<BlockPool>(*memory_)),
      heap_(*memory_),
      newest_offset_(key_layout_.rowBytes()),
      counts_offset_(newest_offset_ + static_cast<uint32_t>(logs.size() * sizeof(std::byte*))),
      note_offset_((counts_offset_ + static_cast<uint32_t>(logs.size() * sizeof(uint32_t)) + 7) / 8 * 8) {
    static_assert(kRunBytes == LogRun::kHeaderBytes);
    size_t note_bytes = 0;
    for (const KeyedLogDescriptor& descriptor : logs)
        note_bytes += descriptor.note_bytes;
    index_ = std::make_unique<RowSet>(*pool_, note_offset_ + note_bytes);
    probe_ = std::make_unique<KeyProbe>(key_layout_, key_fields_);
    no_entry_.resize(key_layout_.rowBytes());
    for (KeyedLogDescriptor& descriptor : logs) {
        MILLRACE_CHECK(descriptor.key.size() == key_fields_, "log '{}' has {} key fields, another {}",
                       descriptor.name, descriptor.key.size(), key_fields_);
        for (size_t field = 0; field < key_fields_; ++field) {
            MILLRACE_CHECK(descriptor.key[field].type.physical() == key_layout_.types()[field].physical(),
                           "log '{}' is keyed by {}, another by {}", descriptor.name,
                           descriptor.key[field].type.toString(), key_layout_.types()[field].toString());
        }
        LogLayout layout(typesOf(descriptor.value));
        std::vector<std::byte> nothing(layout.fixedBytes());
        layout.makeNothing(nothing.data(), no_entry_.data());
        logs_.push_back({std::move(descriptor),
                         std::move(layout),
                         std::make_shared<LogMemory>(memory_),
                         std::move(nothing),
                         nullptr,
                         false,
                         {},
                         0});
    }
}

KeyedLogs::~KeyedLogs() {
    const auto nested = [](const RowLayout::Code& code) { return code.form == RowLayout::Form::Nested; };
    if (std::none_of(key_layout_.codes().begin(), key_layout_.codes().end(), nested)) return;
    index_->forEach([&](std::byte* entry) { releaseRow(key_layout_, entry, heap_); });
}

void KeyedLogs::find(std::span<const ColumnPtr> keys, std::span<const uint64_t> hashes,
                     std::span<const uint32_t> selection, std::vector<std::byte*>& entries) {
    look(keys, hashes, selection, entries, false);
}

void KeyedLogs::findOrInsert(std::span<const ColumnPtr> keys, std::span<const uint64_t> hashes,
                             std::span<const uint32_t> selection, std::vector<std::byte*>& entries) {
    look(keys, hashes, selection, entries, true);
}

void KeyedLogs::look(std::span<const ColumnPtr> keys, std::span<const uint64_t> hashes,
                     std::span<const uint32_t> selection, std::vector<std::byte*>& entries, bool insert) {
    MILLRACE_CHECK(keys.size() == key_fields_, "{} key columns for {} fields", keys.size(), key_fields_);
    ProbedRows picked(selection, hashes.size());
    entries.resize(picked.count());
    uint8_t same[KeyProbe::kBlock];
    for (size_t first = 0; first < picked.count(); first += KeyProbe::kBlock) {
        const size_t count = std::min(KeyProbe::kBlock, picked.count() - first);
        const uint32_t* selected = picked.block(first, count);
        std::byte** found = entries.data() + first;
        probe_->probe(*index_, keys, hashes, selected, count, found, same);
        for (size_t i = 0; i < count; ++i) {
            if (same[i]) continue;
            const uint32_t index = selected[i];
            const uint64_t hash = hashes[index];
            found[i] =
                index_->find(hash, [&](const std::byte* entry) { return probe_->same(entry, keys, index); });
            if (found[i] != nullptr || !insert) continue;
            found[i] = index_->insert(hash);
            for (size_t field = 0; field < key_fields_; ++field)
                storeField(key_layout_, field, *keys[field], index, found[i], heap_);
        }
    }
}

void KeyedLogs::append(size_t number, std::span<std::byte* const> entries, std::span<const ColumnPtr> columns,
                       std::span<const uint32_t> selection) {
    Log& log = logs_[number];
    MILLRACE_CHECK(entries.size() == selection.size(), "{} keys for {} rows", entries.size(),
                   selection.size());
    // Few rows at a time, so that they are written to while they are in the nearest cache.
    constexpr size_t kRows = 64;
    for (size_t first = 0; first < selection.size(); first += kRows) {
        const auto some = selection.subspan(first, std::min(kRows, selection.size() - first));
        log.layout.measure(columns, some, row_bytes_);
        rows_.resize(some.size());
        for (size_t i = 0; i < some.size();) {
            std::byte* const entry = entries[first + i];
            const size_t begin = i;
            size_t bytes = 0;
            do
                bytes += row_bytes_[i++];
            while (i < some.size() && entries[first + i] == entry && bytes < LogRun::kBytesMax);
            std::byte* const run =
                log.memory->allocate(LogRun::kHeaderBytes + bytes, static_cast<int64_t>(i - begin));
            LogRun::begin(run, newest(entry, number), i - begin);
            newest(entry, number) = run;
            RowLayout::at<uint32_t>(entry, countOffset(number)) += static_cast<uint32_t>(i - begin);
            std::byte* row = run + LogRun::kHeaderBytes;
            for (size_t of_run = begin; of_run < i; ++of_run) {
                log.layout.begin(row, entry);
                rows_[of_run] = row;
                row += row_bytes_[of_run];
            }
        }
        log.layout.write(columns, some, rows_);
    }
}

void KeyedLogs::collect(size_t number, std::span<std::byte* const> entries, std::vector<std::byte*>& rows) {
    const auto fetch = [](const std::byte* run) {
        __builtin_prefetch(run);
        __builtin_prefetch(run + 64);
    };
    size_t all = 0;
    cursors_.clear();
    for (std::byte* entry : entries) {
        const uint32_t rows_of_key = size(entry, number);
        if (rows_of_key == 0) continue;
        std::byte* const run = newest(entry, number);
        fetch(run);
        all += rows_of_key;
        cursors_.push_back({run, all, rows_of_key});
    }
    rows.resize(all);
    const LogLayout& layout = logs_[number].layout;
    // The chains of many keys are followed side by side, so that their memory accesses overlap.
    while (!cursors_.empty()) {
        size_t kept = 0;
        for (Cursor cursor : cursors_) {
            const uint32_t of_run = LogRun::rowsOf(cursor.run);
            std::byte* row = cursor.run + LogRun::kHeaderBytes;
            for (size_t place = cursor.end - of_run; place < cursor.end; ++place) {
                rows[place] = row;
                row += layout.rowBytes(row);
            }
            cursor.left -= of_run;
            if (cursor.left == 0) continue;
            cursor.end -= of_run;
            cursor.run = LogRun::previousOf(cursor.run);
            fetch(cursor.run);
            cursors_[kept++] = cursor;
        }
        cursors_.resize(kept);
    }
}

std::vector<ColumnPtr> KeyedLogs::load(size_t log, std::span<const size_t> fields,
                                       std::span<std::byte* const> rows) const {
    return logs_[log].layout.load(fields, rows, logs_[log].memory);
}

ColumnPtr KeyedLogs::loadKey(size_t log, size_t field, std::span<std::byte* const> rows) const {
    std::vector<std::byte*> entries(rows.size());
    std::transform(rows.begin(), rows.end(), entries.begin(), LogLayout::keyOf);
    return Column::retyped(loadColumn(key_layout_, field, entries), logs_[log].descriptor.key[field].type);
}

size_t KeyedLogs::bytes() const {
    size_t bytes = pool_->heldBytes() + heap_.bytes() + sizeof(RowSet);
    for (const Log& log : logs_)
        bytes += log.memory->bytes();
    return bytes;
}

}  // namespace millrace
