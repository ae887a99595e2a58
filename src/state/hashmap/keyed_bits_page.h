// What KeyedBits is made of: places of pairs, pages of places, and a capture that is under way.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <memory>
#include <vector>

#include "state/hashmap/table_capture.h"
#include "state/keyed_bits.h"

namespace millrace {

struct KeyedBits::NarrowPlace {
    static constexpr uint64_t kGroupEnd = uint64_t{1} << 48;
    static constexpr uint64_t kValues = uint64_t{1} << 16;

    uint64_t key;  // the group, and by how much the value is above the page's base
    uint64_t bits;

    static NarrowPlace of(const Pair& pair, uint64_t base) {
        return {pair.group << 16 | (static_cast<uint64_t>(pair.value) - base), pair.bits};
    }
    Pair pair(uint64_t base) const {
        return {key >> 16, static_cast<int64_t>(base + (key & (kValues - 1))), bits};
    }
    bool isOf(const NarrowPlace& other) const { return key == other.key; }
};

struct KeyedBits::WidePlace {
    uint64_t group;
    int64_t value;
    uint64_t bits;  // 0: nothing is here

    static WidePlace of(const Pair& pair, uint64_t) { return {pair.group, pair.value, pair.bits}; }
    Pair pair(uint64_t) const { return {group, value, bits}; }
    bool isOf(const WidePlace& other) const { return value == other.value && group == other.group; }
};

// What pairs' numbers are like.
struct KeyedBits::Extent {
    int64_t lowest = std::numeric_limits<int64_t>::max();
    int64_t highest = std::numeric_limits<int64_t>::min();
    uint64_t groups = 0;  // all their bits

    void add(const Pair& pair) {
        lowest = std::min(lowest, pair.value);
        highest = std::max(highest, pair.value);
        groups |= pair.group;
    }
    bool empty() const { return lowest > highest; }
    uint64_t span() const { return static_cast<uint64_t>(highest) - static_cast<uint64_t>(lowest); }
    bool isNarrow() const { return groups < NarrowPlace::kGroupEnd && span() < NarrowPlace::kValues; }
};

struct alignas(64) KeyedBits::Page {
    static constexpr size_t kBytes = size_t{32} << 10;  // of its places
    template <class Place>
    static constexpr uint32_t kPlaces = kBytes / sizeof(Place);
    template <class Place>
    static constexpr uint32_t kPairsMax = kPlaces<Place> * 13 / 16;
    static constexpr size_t kWords = kPlaces<NarrowPlace> / 64;

    std::byte* places = nullptr;
    uint64_t base = 0;                      // of the values, if it is narrow
    uint64_t width = NarrowPlace::kValues;  // of these as many fit
    uint32_t pairs = 0;
    bool narrow = true;
    bool dirty = false;        // some bit of `changed` is set
    bool pending = false;      // the capture under way has still to come to it
    uint8_t depth = 0;         // how many first bits of the pair's hash all its pairs have in common
    uint64_t prefix = 0;       // and those
    Bucket* bucket = nullptr;  // nullptr: all pairs of these values are here
    int64_t low = std::numeric_limits<int64_t>::min();
    int64_t last = std::numeric_limits<int64_t>::max();
    uint64_t changed[kWords] = {};  // places written to since the last capture

    // The places of a hash begin here and go round. The first bits of a hash choose the page of a bucket.
    template <class Place>
    static uint32_t homeOf(uint64_t hash) {
        return static_cast<uint32_t>((hash & UINT32_MAX) * kPlaces<Place> >> 32);
    }
    // Where that is, or just before, in a page of any form.
    static size_t offsetOf(uint64_t hash) { return (hash & UINT32_MAX) * kBytes >> 32; }
    // The place of the pair, or the free one where it would be.
    template <class Place>
    uint32_t find(const Place& wanted, uint64_t hash) const {
        const Place* const all = placesAs<Place>();
        uint32_t at = homeOf<Place>(hash);
        while (all[at].bits != 0 && !all[at].isOf(wanted))
            at = at + 1 == kPlaces<Place> ? 0 : at + 1;
        return at;
    }
    template <class Place>
    Place* placesAs() const {
        return reinterpret_cast<Place*>(places);
    }
    bool fits(const Pair& pair) const {
        return !narrow ||
               (pair.group < NarrowPlace::kGroupEnd && static_cast<uint64_t>(pair.value) - base < width);
    }
    uint32_t pairsMax() const { return narrow ? kPairsMax<NarrowPlace> : kPairsMax<WidePlace>; }
    // Of an empty page: so that pairs of this extent fit, and more around them. If the page is for many more
    // values than `most`, only so many.
    void setForm(const Extent& extent, uint64_t most) {
        narrow = extent.empty() || extent.isNarrow();
        if (!narrow) return;
        const uint64_t range = static_cast<uint64_t>(last) - static_cast<uint64_t>(low);
        width = NarrowPlace::kValues;
        base = static_cast<uint64_t>(low);
        if (extent.empty()) return;
        if (range >= NarrowPlace::kValues)
            base = static_cast<uint64_t>(extent.lowest) - (NarrowPlace::kValues - 1 - extent.span()) / 2;
        if (most == 0 || range / 2 < most) return;
        width =
            std::min(width, static_cast<uint64_t>(extent.lowest) - base + std::max(most, extent.span() + 1));
    }
    bool isChanged(uint32_t place) const { return (changed[place / 64] >> place % 64 & 1) != 0; }
    void mark(uint32_t place) {
        dirty = true;
        changed[place / 64] |= uint64_t{1} << place % 64;
    }
};

// Of a page into two: which of its pairs go to the upper one.
struct KeyedBits::Division {
    Page& upper;
    bool by_value;
    int64_t low;    // the upper one's lowest value
    uint8_t depth;  // otherwise: of both

    uint32_t half(const Pair& pair, uint64_t hash) const {
        return by_value ? static_cast<uint32_t>(pair.value >= low)
                        : static_cast<uint32_t>(hash >> (64 - depth) & 1);
    }
};

// The pages of one value.
struct KeyedBits::Bucket {
    std::vector<Entry> directory;  // by the pair's hash's first bits; entries occur several times
    uint32_t bits = 0;
};

struct KeyedBits::Capture {
    Capture(uint32_t max_parallelism, std::shared_ptr<ScratchFile> scratch)
        : groups(max_parallelism, std::move(scratch)) {}
    bool full = true;
    size_t next = 0;  // page
    CapturedGroups groups;
};

}  // namespace millrace
