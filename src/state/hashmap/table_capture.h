// Captures that are under way: what they have collected, and what is still to be done of a HashMapTable.
#pragma once

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/scratch_file.h"
#include "state/hashmap/row_set.h"
#include "state/snapshot.h"

namespace millrace {

// What was captured of a key group.
struct CapturedGroup {
    KeyGroup group;
    uint64_t rows = 0;
    uint64_t erased = 0;
    std::string bytes;
    std::string erased_bytes;
    std::optional<ScratchText> moved;  // what was before `bytes`

    uint64_t size() const { return (moved ? moved->size() : 0) + bytes.size(); }
};

class CapturedGroups {
  public:
    // With a `scratch` file, what has been captured leaves memory for it, a piece at a time.
    CapturedGroups(uint32_t max_parallelism, std::shared_ptr<ScratchFile> scratch)
        : place_of_(max_parallelism, 0), scratch_(std::move(scratch)) {}
    void expect(size_t bytes) { bytes_ = scratch_ ? std::min(bytes, 2 * kMovedAtOnce) : bytes; }  // of each
    CapturedGroup& of(KeyGroup group) {
        uint32_t& place = place_of_[group.value()];
        if (place == 0) {
            groups_.push_back({group, 0, 0, {}, {}, {}});
            groups_.back().bytes.reserve(bytes_);
            place = static_cast<uint32_t>(groups_.size());
        }
        CapturedGroup& found = groups_[place - 1];
        if (found.bytes.size() >= kMovedAtOnce && scratch_) [[unlikely]]
            moveOut(found);
        return found;
    }
    const std::vector<CapturedGroup>& all() const { return groups_; }
    // As a segment has them. Nothing more can be captured then.
    std::vector<KeyGroupSection> take();

  private:
    static constexpr size_t kMovedAtOnce = size_t{64} << 10;

    void moveOut(CapturedGroup& group);

    size_t bytes_ = 0;
    std::vector<CapturedGroup> groups_;
    std::vector<uint32_t> place_of_;  // of a key group in groups_, counted from 1
    std::shared_ptr<ScratchFile> scratch_;
};

// Beyond this many changed rows and half of all, the next capture takes everything: that costs no more, and
// the lists stay bounded.
inline constexpr size_t kTrackedFree = 65536;

// Capturing is done in slices of so many rows; long ones count for more than one.
inline void spendOnLongRow(size_t& budget, size_t encoded_bytes) {
    constexpr size_t kBytesOfARow = 256;
    budget -= std::min(budget, encoded_bytes / kBytesOfARow);
}

struct TableCapture {
    // What is still to be done of one namespace.
    struct Part {
        int64_t name_space = 0;
        RowSet* set = nullptr;
        RowSet::Cursor cursor, end;    // a full capture: over all places that were there at the barrier
        std::vector<std::byte*> rows;  // an incremental one: what changed
        size_t next_row = 0;
        std::string erased;
        size_t next_erased = 0;
    };
    TableCapture(uint32_t max_parallelism, std::shared_ptr<ScratchFile> scratch)
        : groups(max_parallelism, std::move(scratch)) {}
    CapturedGroup& of(KeyGroup group) { return groups.of(group); }

    bool full = true;
    uint32_t epoch = 0;  // of rows it has captured: one above that in which it began
    int64_t time = 0;    // when it began
    std::vector<Part> parts;
    size_t next_part = 0;
    std::vector<int64_t> dropped;
    CapturedGroups groups;
    std::vector<std::unique_ptr<RowSet>> detached;  // sets that left the table before their turn came
};

}  // namespace millrace
