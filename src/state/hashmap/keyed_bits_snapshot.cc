// What KeyedBits gives to snapshots and takes from them.
#include <algorithm>
#include <cstring>

#include "base/error.h"
#include "base/hash.h"
#include "base/unmix_hash.h"
#include "state/hashmap/hash_map_table.h"
#include "state/hashmap/keyed_bits_page.h"

namespace millrace {

void KeyedBits::beginCapture(CaptureMode mode) {
    MILLRACE_CHECK(capture_ == nullptr, "state '{}': a capture begins during another", descriptor_.name);
    capture_ = std::make_unique<Capture>(max_parallelism_, memory_.scratch());
    capture_->full = mode == CaptureMode::Full || !tracking_;
    tracking_ = mode == CaptureMode::Incremental;
    for (const auto& page : pages_)
        page->pending = capture_->full || page->dirty;
}

bool KeyedBits::advanceCapture(size_t& budget) {
    for (size_t& next = capture_->next; next < pages_.size(); ++next) {
        if (budget == 0) return false;
        if (!pages_[next]->pending) continue;
        budget -= std::min<size_t>(budget, pages_[next]->pairs);
        capturePage(*pages_[next]);
    }
    return true;
}

void KeyedBits::capturePage(Page& page) {
    if (page.narrow) {
        capturePlaces<NarrowPlace>(page);
    } else {
        capturePlaces<WidePlace>(page);
    }
    std::memset(page.changed, 0, sizeof(page.changed));
    page.dirty = page.pending = false;
}

template <class Place>
void KeyedBits::capturePlaces(const Page& page) {
    char row[3 + 3 * sizeof(int64_t)];
    row[0] = row[1 + sizeof(int64_t)] = row[2 + sizeof(int64_t) + value_bytes_] = '\1';
    const size_t row_bytes = 3 + 2 * sizeof(int64_t) + value_bytes_;
    for (uint32_t at = 0; at < Page::kPlaces<Place>; ++at) {
        const Place& place = page.placesAs<Place>()[at];
        if (place.bits == 0) continue;
        if (!capture_->full && !page.isChanged(at)) continue;
        const Pair pair = place.pair(page.base);
        const uint64_t number = unmixHash(pair.group);
        std::memcpy(row + 1, &number, sizeof(number));
        std::memcpy(row + 2 + sizeof(int64_t), &pair.value, value_bytes_);  // little-endian
        std::memcpy(row + row_bytes - sizeof(pair.bits), &pair.bits, sizeof(pair.bits));
        CapturedGroup& group = capture_->groups.of(keyGroupOf(pair.group, max_parallelism_));
        ++group.rows;
        group.bytes.append(row, row_bytes);
    }
}

KeyedStateSnapshot KeyedBits::takeCapture() {
    const std::unique_ptr<Capture> capture = std::move(capture_);
    MILLRACE_CHECK(capture != nullptr && std::none_of(pages_.begin(), pages_.end(),
                                                      [](const auto& page) { return page->pending; }),
                   "state '{}': its capture is not at its end", descriptor_.name);
    auto segment = std::make_shared<StateSegment>();
    segment->full = capture->full;
    segment->groups = capture->groups.take();
    return {descriptor_.state(), {std::move(segment)}};
}

void KeyedBits::restore(const KeyedStateSnapshot& state, const std::function<bool(KeyGroup)>& owned) {
    bool fixed = state.descriptor.ttl.ms == 0;
    const size_t row_bytes = 3 + 2 * sizeof(int64_t) + value_bytes_;
    size_t first = 0;
    for (size_t i = 0; i < state.segments.size(); ++i) {
        const StateSegment& segment = *state.segments[i];
        if (segment.full) first = i;
        for (const KeyGroupSection& section : segment.groups) {
            // Rows with a NULL are shorter.
            fixed &= section.erased == 0 && section.group.value() < max_parallelism_ &&
                     section.data.size == section.rows * row_bytes && segment.file == nullptr;
        }
    }
    if (!fixed) return restoreAny(state, owned);
    for (size_t i = first; i < state.segments.size(); ++i) {
        for (const KeyGroupSection& section : state.segments[i]->groups) {
            if (!owned(section.group)) continue;
            const std::string_view bytes = section.data.bytes.view();
            for (size_t at = 0; at < bytes.size(); at += row_bytes) {
                Pair pair{0, 0, 0};
                uint64_t number = 0;
                int32_t short_value = 0;
                std::memcpy(&number, bytes.data() + at + 1, sizeof(number));
                pair.group = mixHash(number);
                const char* const value = bytes.data() + at + 2 + sizeof(int64_t);
                std::memcpy(
                    value_bytes_ == sizeof(short_value) ? static_cast<void*>(&short_value) : &pair.value,
                    value, value_bytes_);
                if (value_bytes_ == sizeof(short_value)) pair.value = short_value;
                std::memcpy(&pair.bits, bytes.data() + at + row_bytes - sizeof(pair.bits), sizeof(pair.bits));
                const bool valid = bytes[at] == '\1' && value[-1] == '\1' && value[value_bytes_] == '\1' &&
                                   keyGroupOf(pair.group, max_parallelism_) == section.group;
                if (!valid) {
                    throw UserError("snapshot.damaged",
                                    fmt::format("state '{}', key group {}: it holds a row that is not of it",
                                                descriptor_.name, section.group.value()));
                }
                if (pair.bits != 0) add(pair);
            }
        }
    }
    addAll();
}

void KeyedBits::add(const Pair& pair) {
    added_.push_back(pair);
    if (added_.size() == kBlock) addAll();
}

void KeyedBits::addAll() {
    uint64_t fresh[kBlock];
    setBlock(added_, fresh);
    added_.clear();
}

// Rows that expired or were erased: as a table reads them.
void KeyedBits::restoreAny(const KeyedStateSnapshot& state, const std::function<bool(KeyGroup)>& owned) {
    HashMapTable table(descriptor_.state(), max_parallelism_);
    table.restore(state, owned);
    const RowLayout& layout = table.layout();
    for (const std::byte* row : table.allRows(0)) {
        if (RowLayout::isNull(row, 0) || RowLayout::isNull(row, 1) || RowLayout::isNull(row, 2)) continue;
        const int64_t value = value_bytes_ == sizeof(int32_t) ? RowLayout::at<int32_t>(row, layout.offset(1))
                                                              : RowLayout::at<int64_t>(row, layout.offset(1));
        const auto bits = RowLayout::at<uint64_t>(row, layout.offset(2));
        const auto number = RowLayout::at<uint64_t>(row, layout.offset(0));
        if (bits != 0) add({mixHash(number), value, bits});
    }
    addAll();
}

}  // namespace millrace
