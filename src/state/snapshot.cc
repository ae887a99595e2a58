#include "state/snapshot.h"

#include <algorithm>

namespace millrace {

uint64_t StateSegment::bytes() const {
    uint64_t total = dropped.size() * sizeof(int64_t);
    for (const KeyGroupSection& section : groups)
        total += section.data.size + section.erased_data.size;
    return total;
}

uint64_t OperatorSnapshot::bytes() const {
    uint64_t total = 0;
    for (const KeyedStateSnapshot& state : keyed) {
        for (const auto& segment : state.segments)
            total += segment->bytes();
    }
    for (const ListStateSnapshot& list : lists) {
        for (const std::string& item : list.items)
            total += item.size();
    }
    return total;
}

bool OperatorSnapshot::complete() const {
    return std::all_of(keyed.begin(), keyed.end(), [](const KeyedStateSnapshot& state) {
        return !state.segments.empty() && state.segments.front()->full;
    });
}

}  // namespace millrace
