// How pages of KeyedBits make room.
#include <algorithm>
#include <cstring>

#include "base/error.h"
#include "state/hashmap/keyed_bits_page.h"

namespace millrace {

// Gives the page another form, or divides it, as the pair that is wanted has no room in it. There may be none
// after one division: whoever wants it tries again.
void KeyedBits::makeRoom(Page& page, const Pair& wanted) {
    std::vector<Moved> moved = std::move(moved_);  // what is put may divide again
    moved.clear();
    if (page.narrow) {
        takeAll<NarrowPlace>(page, moved);
    } else {
        takeAll<WidePlace>(page, moved);
    }
    Extent all;
    all.add(wanted);
    for (const Moved& each : moved)
        all.add(each.pair);
    page.setForm(all);
    if (moved.size() < page.pairsMax()) {
        for (const Moved& each : moved)
            put(&page, each);
        moved_ = std::move(moved);
        return;
    }

    ++divisions_;
    const bool by_value = page.low != page.last;
    const int64_t low = by_value ? dividing(moved, page.low, wanted, all) : 0;
    Page& upper = by_value ? divideByValue(page, low) : divideByPair(page);
    forgetRecent();
    const auto is_upper = [&](const Pair& pair) {
        return by_value ? pair.value >= low : (hashOf(pair) >> (64 - page.depth) & 1) != 0;
    };
    Extent extents[2];
    extents[is_upper(wanted) ? 1 : 0].add(wanted);
    for (const Moved& each : moved)
        extents[is_upper(each.pair) ? 1 : 0].add(each.pair);
    page.setForm(extents[0]);
    upper.setForm(extents[1]);
    const uint64_t divisions = divisions_;
    for (const Moved& each : moved) {
        Page* to = nullptr;
        if (divisions_ == divisions) to = is_upper(each.pair) ? &upper : &page;
        put(to, each);
    }
    moved_ = std::move(moved);
}

// Where to divide a page of values from `page_low` on: pairs lie on both sides, or all are of one value,
// which gets a page for itself. About as many lie on both sides, unless the pair that is wanted is at one
// end: where values ascend or descend, what lies before them stays as it is, and may fill its page.
int64_t KeyedBits::dividing(const std::vector<Moved>& moved, int64_t page_low, const Pair& wanted,
                            const Extent& all) {
    if (all.lowest == all.highest) return page_low < all.lowest ? all.lowest : all.lowest + 1;
    constexpr size_t kSamples = 127;
    constexpr size_t kEnd = 2;
    int64_t sample[kSamples];
    for (size_t i = 0; i < kSamples; ++i)
        sample[i] = moved[i * moved.size() / kSamples].pair.value;
    const auto above = static_cast<size_t>(std::count_if(
        std::begin(sample), std::end(sample), [&](int64_t value) { return value > wanted.value; }));
    const auto below = static_cast<size_t>(std::count_if(
        std::begin(sample), std::end(sample), [&](int64_t value) { return value < wanted.value; }));
    size_t middle = kSamples / 2;
    if (above < kEnd) middle = kSamples * 7 / 8;
    if (below < kEnd) middle = kSamples / 8;
    std::nth_element(std::begin(sample), sample + middle, std::end(sample));
    int64_t low = sample[middle];
    if (low > all.lowest) return low;
    // The next above the lowest value.
    low = all.highest;
    for (const Moved& each : moved) {
        if (each.pair.value > all.lowest) low = std::min(low, each.pair.value);
    }
    return low;
}

// Returns the page of the values from `low` on.
KeyedBits::Page& KeyedBits::divideByValue(Page& page, int64_t low) {
    Page& upper = makePage();
    upper.low = low;
    upper.last = page.last;
    page.last = low - 1;
    ranges_.divide(low, {&upper, {upper.places}});
    return upper;
}

// Returns the page of the pairs whose hash has a 1 behind what those of the page have in common.
KeyedBits::Page& KeyedBits::divideByPair(Page& page) {
    // No table comes near this many pages: without a check, a bad hash takes all memory for the directory.
    MILLRACE_CHECK(page.depth < 24, "a page of '{}' cannot be divided", descriptor_.name);
    if (page.bucket == nullptr) {
        buckets_.push_back(std::make_unique<Bucket>());
        page.bucket = buckets_.back().get();
        page.bucket->directory.push_back({&page, {page.places}});
        Entry entry{nullptr, {nullptr}};
        entry.bucket = page.bucket;
        ranges_.at(page.low) = entry;
    }
    Bucket& bucket = *page.bucket;
    if (page.depth == bucket.bits) {
        std::vector<Entry> doubled(bucket.directory.size() * 2);
        for (size_t i = 0; i < doubled.size(); ++i)
            doubled[i] = bucket.directory[i / 2];
        bucket.directory = std::move(doubled);
        ++bucket.bits;
    }
    Page& upper = makePage();
    upper.bucket = &bucket;
    upper.low = page.low;
    upper.last = page.last;
    upper.depth = ++page.depth;
    upper.prefix = page.prefix | uint64_t{1} << (64 - page.depth);
    const size_t run = bucket.directory.size() >> page.depth;
    std::fill_n(bucket.directory.begin() + static_cast<ptrdiff_t>(indexOf(upper.prefix, bucket.bits)), run,
                Entry{&upper, {upper.places}});
    return upper;
}

// Empties the page.
template <class Place>
void KeyedBits::takeAll(Page& page, std::vector<Moved>& out) {
    if (page.pending) capturePage(page);
    const Place* const places = page.placesAs<Place>();
    for (uint32_t place = 0; place < Page::kPlaces<Place>; ++place) {
        if (places[place].bits != 0) out.push_back({places[place].pair(page.base), page.isChanged(place)});
    }
    std::memset(page.places, 0, Page::kBytes);
    std::memset(page.changed, 0, sizeof(page.changed));
    pairs_ -= page.pairs;
    page.pairs = 0;
    page.dirty = false;
}

// What was there before: a pair that is not there now, and changed if it was. `page`, unless nullptr, is
// where it belongs.
void KeyedBits::put(Page* page, const Moved& moved) {
    const uint64_t hash = hashOf(moved.pair);
    if (page == nullptr) page = pageOf(moved.pair, hash);
    while (!page->fits(moved.pair) || page->pairs == page->pairsMax()) {
        makeRoom(*page, moved.pair);
        page = pageOf(moved.pair, hash);
    }
    if (page->narrow) {
        putIn<NarrowPlace>(*page, moved, hash);
    } else {
        putIn<WidePlace>(*page, moved, hash);
    }
}

template <class Place>
void KeyedBits::putIn(Page& page, const Moved& moved, uint64_t hash) {
    const Place place = Place::of(moved.pair, page.base);
    const uint32_t at = page.find(place, hash);
    page.placesAs<Place>()[at] = place;
    ++page.pairs;
    ++pairs_;
    if (moved.changed) page.mark(at);
}

}  // namespace millrace
