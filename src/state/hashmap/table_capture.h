// A capture of a HashMapTable that is under way.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "state/hashmap/row_set.h"
#include "state/snapshot.h"

namespace millrace {

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
    struct Group {
        KeyGroup group;
        uint64_t rows = 0;
        uint64_t erased = 0;
        std::string bytes;
        std::string erased_bytes;
    };

    explicit TableCapture(uint32_t max_parallelism) : place_of(max_parallelism, 0) {}
    Group& of(KeyGroup group) {
        uint32_t& place = place_of[group.value()];
        if (place == 0) {
            groups.push_back({group, 0, 0, {}, {}});
            groups.back().bytes.reserve(group_bytes);
            place = static_cast<uint32_t>(groups.size());
        }
        return groups[place - 1];
    }

    bool full = true;
    uint32_t epoch = 0;      // of rows it has captured: one above that in which it began
    int64_t time = 0;        // when it began
    size_t group_bytes = 0;  // expected of each
    std::vector<Part> parts;
    size_t next_part = 0;
    std::vector<int64_t> dropped;
    std::vector<Group> groups;
    std::vector<uint32_t> place_of;                 // of a key group in groups, counted from 1
    std::vector<std::unique_ptr<RowSet>> detached;  // sets that left the table before their turn came
};

}  // namespace millrace
