// Capturing a HashMapTable, whole or what changed, a slice at a time.
#include <algorithm>

#include "base/error.h"
#include "base/hash.h"
#include "state/hashmap/hash_map_table.h"
#include "state/hashmap/table_capture.h"

namespace millrace {

namespace {

// Places of changed rows looked ahead: they are scattered.
constexpr size_t kAhead = 12;

template <class T>
void put(std::string& out, T value) {
    out.append(reinterpret_cast<const char*>(&value), sizeof(value));
}

template <class T>
T take(const std::string& bytes, size_t& at) {
    T value;
    std::memcpy(&value, bytes.data() + at, sizeof(T));
    at += sizeof(T);
    return value;
}

}  // namespace

std::vector<KeyGroupSection> CapturedGroups::take() {
    std::sort(groups_.begin(), groups_.end(),
              [](const auto& left, const auto& right) { return left.group < right.group; });
    std::vector<KeyGroupSection> sections;
    for (CapturedGroup& group : groups_) {
        if (group.moved && group.moved->append(group.bytes)) group.bytes.clear();
        SectionData data(std::move(group.bytes));
        if (group.moved) data = SectionData(*group.moved, data.bytes.view());
        sections.push_back({group.group, group.rows, group.erased, std::move(data),
                            SectionData(std::move(group.erased_bytes))});
    }
    groups_.clear();
    return sections;
}

void CapturedGroups::moveOut(CapturedGroup& group) {
    if (!group.moved) group.moved.emplace(scratch_);
    if (group.moved->append(group.bytes)) {
        group.bytes.clear();
    } else {
        scratch_ = nullptr;  // what is still to come stays here
    }
}

bool HashMapTable::pending(const RowHeader& header) const {
    if (capture_ == nullptr) return false;
    return capture_->full ? header.changed < capture_->epoch : header.changed == capture_->epoch - 1;
}

void HashMapTable::markChanged(int64_t name_space, RowSet& set, std::byte* row) {
    RowHeader& header = RowSet::header(row);
    if (pending(header)) encode(name_space, set, row);
    header.changed = epoch_;
    if (tracking_) note(name_space, set, row);
}

void HashMapTable::note(int64_t name_space, RowSet& set, std::byte* row) {
    set.changes.rows.push_back(row);
    set.noteListed(row, epoch_);
    if (!set.changes.listed) {
        set.changes.listed = true;
        changed_namespaces_.push_back(name_space);
    }
    if (++tracked_ > kTrackedFree + row_count_ / 2) stopTracking();
}

void HashMapTable::noteErased(int64_t name_space, RowSet& set, std::byte* row) {
    RowSet::Changes& changes = set.changes;
    put(changes.erased, keyGroupOf(RowSet::header(row).hash, max_parallelism_).value());
    const size_t length_at = changes.erased.size();
    put(changes.erased, uint32_t{0});
    if (descriptor_.namespaced) put(changes.erased, name_space);
    encodeFields(layout_, row, 0, key_fields_, changes.erased);
    const auto length = static_cast<uint32_t>(changes.erased.size() - length_at - sizeof(uint32_t));
    std::memcpy(changes.erased.data() + length_at, &length, sizeof(length));
    if (!changes.listed) {
        changes.listed = true;
        changed_namespaces_.push_back(name_space);
    }
}

void HashMapTable::stopTracking() {
    for (const int64_t name_space : changed_namespaces_) {
        const auto found = sets_.find(name_space);
        if (found != sets_.end()) found->second->changes = {};
    }
    changed_namespaces_.clear();
    dropped_.clear();
    tracked_ = 0;
    tracking_ = false;
}

void HashMapTable::encode(int64_t name_space, RowSet& set, std::byte* row) {
    RowHeader& header = RowSet::header(row);
    header.changed = capture_->epoch;
    if (capture_->full && expired(row, capture_->time)) {
        header.captured = 0;
        return;
    }
    header.captured = 1;
    set.any_captured = true;
    CapturedGroup& group = capture_->of(keyGroupOf(header.hash, max_parallelism_));
    ++group.rows;
    if (expires()) put(group.bytes, lastWrite(row));
    if (descriptor_.namespaced) put(group.bytes, name_space);
    encodeRow(layout_, row, group.bytes);
}

void HashMapTable::beginCapture(CaptureMode mode) {
    MILLRACE_CHECK(capture_ == nullptr, "state '{}': a capture begins during another", descriptor_.name);
    capture_ = std::make_unique<TableCapture>(max_parallelism_, memory_.scratch());
    TableCapture& capture = *capture_;
    capture.full = mode == CaptureMode::Full || !tracking_;
    capture.epoch = epoch_ + 1;
    capture.time = now();
    epoch_ += 2;
    // A string that grows is copied; one that is too large by the half is not.
    const size_t groups = std::max<size_t>(1, group_count_);
    capture.groups.expect((capture.full ? row_count_ : tracked_) / groups * last_row_bytes_ * 9 / 8);
    if (capture.full) {
        stopTracking();
        capture.parts.reserve(sets_.size());
        for (const auto& [name_space, set] : sets_) {
            capture.parts.push_back({name_space, set.get(), {}, set->end(), {}, 0, {}, 0});
            set->in_capture = true;
        }
    } else {
        capture.dropped = std::move(dropped_);
        for (const int64_t name_space : changed_namespaces_) {
            const auto found = sets_.find(name_space);
            // Dropped since, or dropped and made again, and then listed twice.
            if (found == sets_.end() || !found->second->changes.listed) continue;
            RowSet& set = *found->second;
            capture.parts.push_back(
                {name_space, &set, {}, {}, std::move(set.changes.rows), 0, std::move(set.changes.erased), 0});
            set.changes = {};
            set.in_capture = true;
        }
        dropped_.clear();
        changed_namespaces_.clear();
        tracked_ = 0;
    }
    tracking_ = mode == CaptureMode::Incremental;
}

bool HashMapTable::advanceCapture(size_t& budget) {
    TableCapture& capture = *capture_;
    for (; capture.next_part < capture.parts.size(); ++capture.next_part) {
        TableCapture::Part& part = capture.parts[capture.next_part];
        if (capture.full ? captureAll(budget) : captureChanged(budget) || captureErased(budget)) return false;
        part.set->in_capture = false;
        part.rows = {};
        part.erased = {};
    }
    return true;
}

// These do a part's work and return true if some is left.
bool HashMapTable::captureAll(size_t& budget) {
    TableCapture::Part& part = capture_->parts[capture_->next_part];
    return part.set->visit(part.cursor, part.end, budget, [&](std::byte* row) {
        if (!pending(RowSet::header(row))) return;
        std::string& out = capture_->of(keyGroupOf(RowSet::header(row).hash, max_parallelism_)).bytes;
        const size_t before = out.size();
        encode(part.name_space, *part.set, row);
        spendOnLongRow(budget, out.size() - before);
    });
}

bool HashMapTable::captureChanged(size_t& budget) {
    TableCapture::Part& part = capture_->parts[capture_->next_part];
    const std::vector<std::byte*>& rows = part.rows;
    for (; part.next_row < rows.size(); ++part.next_row) {
        if (budget == 0) return true;
        --budget;
        if (part.next_row + kAhead < rows.size()) {
            const std::byte* ahead = rows[part.next_row + kAhead];
            __builtin_prefetch(ahead - sizeof(RowHeader));
            __builtin_prefetch(ahead + layout_.rowBytes() - 1);
        }
        std::byte* row = rows[part.next_row];
        const RowHeader& header = RowSet::header(row);
        if (header.live == 0 || !pending(header)) continue;
        std::string& out = capture_->of(keyGroupOf(header.hash, max_parallelism_)).bytes;
        const size_t before = out.size();
        encode(part.name_space, *part.set, row);
        spendOnLongRow(budget, out.size() - before);
    }
    return false;
}

bool HashMapTable::captureErased(size_t& budget) {
    TableCapture::Part& part = capture_->parts[capture_->next_part];
    while (part.next_erased < part.erased.size()) {
        if (budget == 0) return true;
        --budget;
        CapturedGroup& group =
            capture_->of(KeyGroup(take<KeyGroup::Representation>(part.erased, part.next_erased)));
        const auto length = take<uint32_t>(part.erased, part.next_erased);
        group.erased_bytes.append(part.erased, part.next_erased, length);
        part.next_erased += length;
        ++group.erased;
    }
    return false;
}

KeyedStateSnapshot HashMapTable::takeCapture() {
    const std::unique_ptr<TableCapture> capture = std::move(capture_);
    MILLRACE_CHECK(capture != nullptr && capture->next_part == capture->parts.size(),
                   "state '{}': its capture is not at its end", descriptor_.name);
    for (const auto& set : capture->detached)
        release(*set);
    releaseMemory();
    auto segment = std::make_shared<StateSegment>();
    segment->full = capture->full;
    segment->dropped = std::move(capture->dropped);
    uint64_t rows = 0, bytes = 0;
    for (const CapturedGroup& group : capture->groups.all()) {
        rows += group.rows;
        bytes += group.size();
    }
    group_count_ = std::max(group_count_, capture->groups.all().size());
    if (rows > 0) last_row_bytes_ = bytes / rows + 1;
    segment->groups = capture->groups.take();
    return {descriptor_, {std::move(segment)}};
}

KeyedStateSnapshot HashMapTable::capture() {
    beginCapture(CaptureMode::Full);
    size_t budget = SIZE_MAX;
    while (!advanceCapture(budget))
        budget = SIZE_MAX;
    return takeCapture();
}

}  // namespace millrace
