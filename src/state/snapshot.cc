#include "state/snapshot.h"

#include <algorithm>

#include "base/scratch_file.h"

namespace millrace {

SectionData::SectionData(const ScratchText& moved, std::string_view rest) : size(moved.size() + rest.size()) {
    auto [owner, view] = moved.view();
    if (rest.empty()) {
        bytes = SharedBytes(std::move(owner), view);
        return;
    }
    std::string all;  // the disk is full: in memory once more
    all.reserve(size);
    bytes = SharedBytes(all.append(view).append(rest));
}

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
