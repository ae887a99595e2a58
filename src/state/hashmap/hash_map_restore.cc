// Restoring a HashMapTable from a chain of segments.
#include <algorithm>
#include <unordered_map>

#include "base/error.h"
#include "base/hash.h"
#include "state/hashmap/hash_map_table.h"
#include "state/hashmap/table_capture.h"

namespace millrace {

// Reads a chain's segments in order, a block of rows at a time. Chains of several former subtasks go into one
// table, so a dropped namespace concerns the earlier segments of its own chain alone: their rows are skipped.
class HashMapTable::Restoring {
  public:
    Restoring(HashMapTable& table, const KeyedStateSnapshot& state)
        : table_(table), state_(state), stamped_(state.descriptor.ttl.ms > 0), time_(table.now()) {
        for (size_t i = 0; i < state.segments.size(); ++i) {
            if (state.segments[i]->full) first_ = i;
            for (const int64_t name_space : state.segments[i]->dropped)
                last_drop_[name_space] = i;
        }
    }

    ~Restoring() { releaseKeys(); }
    Restoring(const Restoring&) = delete;
    Restoring& operator=(const Restoring&) = delete;

    void run(const std::function<bool(KeyGroup)>& owned) {
        for (at_ = first_; at_ < state_.segments.size(); ++at_) {
            const StateSegment& segment = *state_.segments[at_];
            MILLRACE_CHECK(segment.file == nullptr, "state '{}' is restored from a segment that is not read",
                           table_.descriptor_.name);
            full_ = segment.full;
            if (full_) reserve(segment, owned);
            for (const KeyGroupSection& section : segment.groups) {
                if (section.group.value() >= table_.max_parallelism_) {
                    throw UserError(
                        "snapshot.damaged",
                        fmt::format("state '{}' has a key group {}, but there are {}",
                                    table_.descriptor_.name, section.group.value(), table_.max_parallelism_));
                }
                if (!owned(section.group)) continue;
                section_ = &section;
                erase();
                insert();
            }
        }
    }

  private:
    static constexpr size_t kRows = 1024;

    [[noreturn]] void damaged(const std::string& reason) const {
        throw UserError("snapshot.damaged",
                        fmt::format("state '{}', key group {}: {}", table_.descriptor_.name,
                                    section_->group.value(), reason));
    }

    bool possible(const KeyGroupSection& section) const {
        const uint64_t row_bytes = (stamped_ ? sizeof(int64_t) : 0) + table_.layout_.fieldCount() +
                                   (table_.descriptor_.namespaced ? sizeof(int64_t) : 0);
        return row_bytes == 0 ? section.rows <= 1 : section.rows <= section.data.size / row_bytes;
    }

    void reserve(const StateSegment& segment, const std::function<bool(KeyGroup)>& owned) {
        if (table_.descriptor_.namespaced) return;
        uint64_t rows = 0;
        for (const KeyGroupSection& section : segment.groups) {
            if (owned(section.group) && possible(section)) rows += section.rows;
        }
        RowSet& set = table_.made(0);
        if (rows > 0) set.reserve(set.size() + rows);
    }

    int64_t takeInteger(std::string_view& in) const {
        int64_t value = 0;
        if (in.size() < sizeof(value)) damaged("it ends within a row");
        std::memcpy(&value, in.data(), sizeof(value));
        in.remove_prefix(sizeof(value));
        return value;
    }

    bool droppedLater(int64_t name_space) const {
        const auto found = last_drop_.find(name_space);
        return found != last_drop_.end() && found->second > at_;
    }

    // Sets keys_ and hashes_; all must be of the section's group.
    void hashKeys(std::span<std::byte* const> rows) {
        keys_.clear();
        for (size_t field = 0; field < table_.key_fields_; ++field)
            keys_.push_back(loadColumn(table_.layout_, field, rows));
        millrace::hashKeys(table_.descriptor_, keys_, rows.size(), table_.max_parallelism_, hashes_);
        for (const uint64_t hash : hashes_) {
            const KeyGroup group = keyGroupOf(hash, table_.max_parallelism_);
            if (group != section_->group) damaged(fmt::format("it holds a key of group {}", group.value()));
        }
    }

    void releaseKeys() {
        for (std::byte* row : erased_)
            releaseFields(table_.layout_, row, 0, table_.key_fields_, scratch_heap_);
        erased_.clear();
    }

    void erase() {
        const RowLayout& layout = table_.layout_;
        std::string_view in = section_->erased_data.bytes.view();
        MILLRACE_CHECK(in.size() == section_->erased_data.size);
        for (uint64_t done = 0; done < section_->erased;) {
            const size_t count = std::min<uint64_t>(kRows, section_->erased - done);
            scratch_.assign(count * layout.rowBytes(), std::byte{0});
            spaces_.clear();
            for (size_t i = 0; i < count; ++i) {
                spaces_.push_back(table_.descriptor_.namespaced ? takeInteger(in) : 0);
                erased_.push_back(scratch_.data() + i * layout.rowBytes());
                decodeFields(layout, in, 0, table_.key_fields_, erased_.back(), scratch_heap_);
                // Without a byte each there is one key at most.
                if (in.empty() && i + 1 < count) damaged("it ends within its erased keys");
            }
            hashKeys(erased_);
            for (size_t i = 0; i < count; ++i) {
                RowSet* set = table_.existing(spaces_[i]);
                std::byte* found = set == nullptr ? nullptr : find(*set, i);
                if (found != nullptr) table_.erase(spaces_[i], found);
            }
            releaseKeys();
            done += count;
        }
        if (!in.empty()) damaged(fmt::format("{} bytes follow its last erased key", in.size()));
    }

    std::byte* find(const RowSet& set, size_t i) const {
        return set.find(hashes_[i], [&](const std::byte* row) { return table_.probe_.same(row, keys_, i); });
    }

    void insert() {
        std::string_view in = section_->data.bytes.view();
        MILLRACE_CHECK(in.size() == section_->data.size);
        if (!possible(*section_)) damaged(fmt::format("it claims {} rows", section_->rows));
        for (uint64_t done = 0; done < section_->rows;) {
            const size_t count = std::min<uint64_t>(kRows, section_->rows - done);
            decode(count, in);
            hashKeys(rows_);
            constexpr size_t kAhead = 32;
            for (size_t i = 0; i < rows_.size(); ++i) {
                if (i + kAhead < rows_.size()) sets_[i + kAhead]->prefetch(hashes_[i + kAhead]);
                place(i);
            }
            done += count;
        }
        if (!in.empty()) damaged(fmt::format("{} bytes follow its last row", in.size()));
    }

    // Into rows that are not in an index yet; those that are gone are left out.
    void decode(size_t count, std::string_view& in) {
        rows_.clear();
        sets_.clear();
        RowSet* set = nullptr;
        int64_t space = 0;
        for (size_t i = 0; i < count; ++i) {
            const int64_t last_write = stamped_ ? takeInteger(in) : time_;
            const int64_t name_space = table_.descriptor_.namespaced ? takeInteger(in) : 0;
            if (!last_drop_.empty() && droppedLater(name_space)) {
                skipFields(table_.layout_, in, 0, table_.layout_.fieldCount());
                continue;
            }
            if (set == nullptr || name_space != space) set = &table_.made(space = name_space);
            std::byte* row = set->allocate();
            RowSet::header(row).changed = table_.epoch_;
            ++table_.row_count_;
            decodeRow(table_.layout_, in, row, table_.heap_);
            if (table_.expires()) table_.lastWrite(row) = last_write;
            rows_.push_back(row);
            sets_.push_back(set);
        }
    }

    void place(size_t i) {
        RowSet& set = *sets_[i];
        std::byte* row = rows_[i];
        std::byte* former = nullptr;
        if (table_.expired(row, time_)) {
            former = find(set, i);
        } else {
            former = set.indexUnlessThere(
                row, hashes_[i], [&](const std::byte* other) { return table_.probe_.same(other, keys_, i); });
            if (former == nullptr) return;
        }
        if (former != nullptr) {
            if (full_) damaged("it holds a key twice");
            // The row itself stays where it is; what it holds, and owns, is now the new one's.
            const size_t bytes = table_.layout_.rowBytes() + (table_.expires() ? sizeof(int64_t) : 0);
            releaseRow(table_.layout_, former, table_.heap_);
            std::memcpy(former, row, bytes);
            std::memset(row, 0, bytes);
        }
        releaseRow(table_.layout_, row, table_.heap_);
        set.giveBack(row);
        --table_.row_count_;
    }

    HashMapTable& table_;
    const KeyedStateSnapshot& state_;
    const bool stamped_;
    const int64_t time_;
    size_t first_ = 0;
    std::unordered_map<int64_t, size_t> last_drop_;

    size_t at_ = 0;  // the segment
    bool full_ = true;
    const KeyGroupSection* section_ = nullptr;
    // Of the rows at hand.
    std::vector<std::byte*> rows_;
    std::vector<RowSet*> sets_;
    std::vector<std::byte*> erased_;  // rows of the scratch with the keys alone
    std::vector<int64_t> spaces_;
    std::vector<ColumnPtr> keys_;
    std::vector<uint64_t> hashes_;
    std::vector<std::byte> scratch_;
    RowHeap scratch_heap_;
};

void HashMapTable::restore(const KeyedStateSnapshot& state, const std::function<bool(KeyGroup)>& owned) {
    Restoring(*this, state).run(owned);
}

}  // namespace millrace
