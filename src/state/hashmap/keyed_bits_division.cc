// How pages of KeyedBits make room.
#include <algorithm>
#include <cstring>
#include <utility>

#include "base/error.h"
#include "state/hashmap/keyed_bits_page.h"

namespace millrace {

// Gives the page another form, or divides it, as the pair that is wanted has no room in it. There may be none
// after one division: whoever wants it tries again.
void KeyedBits::makeRoom(Page& page, const Pair& wanted) {
    if (beginAhead(page, wanted) || divideNarrow(page, wanted)) return;
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
    page.setForm(all, widths_.width());
    if (moved.size() < page.pairsMax()) {
        for (const Moved& each : moved)
            put(&page, each);
        moved_ = std::move(moved);
        return;
    }

    const Division division =
        divide(page, wanted, all, [&](size_t i) { return moved[i * moved.size() / kSamples].pair.value; });
    Extent extents[2];
    extents[division.half(wanted, hashOf(wanted))].add(wanted);
    for (const Moved& each : moved)
        extents[division.half(each.pair, hashOf(each.pair))].add(each.pair);
    Page* const to[] = {&page, &division.upper};
    for (size_t half = 0; half < 2; ++half)
        to[half]->setForm(extents[half], widths_.width());
    const uint64_t divisions = divisions_;
    for (const Moved& each : moved)
        put(divisions_ == divisions ? to[division.half(each.pair, hashOf(each.pair))] : nullptr, each);
    moved_ = std::move(moved);
}

// For a value that is above all that the page is to have: begins the next page, for as many values as fill
// one. False, and nothing is done, if the pair is another, or nothing is known of what fills a page.
bool KeyedBits::beginAhead(Page& page, const Pair& wanted) {
    const uint64_t width = widths_.width();
    const auto value = static_cast<uint64_t>(wanted.value);
    if (width == 0 || !page.narrow || page.pairs == 0 || wanted.group >= NarrowPlace::kGroupEnd) return false;
    if (wanted.value < static_cast<int64_t>(page.base) || value - page.base < page.width) return false;
    const uint64_t end = page.base + page.width;
    ++divisions_;
    Page& next = divideByValue(page, static_cast<int64_t>(end + (value - end) / width * width));
    forgetRecent();
    next.base = static_cast<uint64_t>(next.low);
    next.width = width;
    if (const auto former = widths_.begun({next.low, width})) judge(*former);
    return true;
}

// By how full the pages are that have those values now.
void KeyedBits::judge(const PageWidths::Begun& begun) {
    size_t pairs = 0;
    for (int64_t low = begun.low;;) {
        const Page* const page = ranges_.at(low).page;
        if (page == nullptr) return;
        pairs += page->pairs;
        if (page->last >= begun.last()) break;
        low = page->last + 1;
    }
    widths_.judge(begun, static_cast<double>(pairs) / Page::kPairsMax<NarrowPlace>);
}

// Divides a full page of two words a pair into two of these, as nearly all are divided: its pairs stay
// packed. False, and nothing is done, if it is another.
bool KeyedBits::divideNarrow(Page& page, const Pair& wanted) {
    constexpr uint32_t kPlaces = Page::kPlaces<NarrowPlace>;
    if (!page.narrow || page.pairs < page.pairsMax()) return false;
    const uint64_t base = page.base;
    NarrowPlace* const places = page.placesAs<NarrowPlace>();
    uint16_t taken[kPlaces];
    uint32_t count = 0;
    for (uint32_t at = 0; at < kPlaces; ++at) {
        taken[count] = static_cast<uint16_t>(at);
        count += places[at].bits != 0 ? 1 : 0;
    }
    Extent all;
    all.add(wanted);
    for (uint32_t i = 0; i < count; ++i)
        all.add(places[taken[i]].pair(base));
    if (!all.isNarrow()) return false;

    if (page.pending) capturePage(page);
    NarrowPlace former[kPlaces];
    std::memcpy(former, places, sizeof(former));
    std::memset(places, 0, sizeof(former));
    uint64_t changed[Page::kWords];
    std::memcpy(changed, page.changed, sizeof(changed));
    std::memset(page.changed, 0, sizeof(changed));
    const bool any_changed = std::exchange(page.dirty, false);
    const Division division = divide(
        page, wanted, all, [&](size_t i) { return former[taken[i * count / kSamples]].pair(base).value; });
    // Where a page is filled in the order of homes, a pair lies at its home or behind those before it. So to
    // count homes is to know places, and nothing is looked for; what goes round the end comes last.
    Page* const to[] = {&page, &division.upper};
    uint16_t homes[kPlaces];
    uint16_t starts[2][kPlaces] = {};
    Extent extents[2];
    uint32_t pairs[2] = {};
    extents[division.half(wanted, hashOf(wanted))].add(wanted);
    for (uint32_t i = 0; i < count; ++i) {
        const Pair pair = former[taken[i]].pair(base);
        const uint64_t hash = hashOf(pair);
        const uint32_t half = division.half(pair, hash);
        const uint32_t home = Page::homeOf<NarrowPlace>(hash);
        extents[half].add(pair);
        homes[i] = static_cast<uint16_t>(half * kPlaces + home);
        ++starts[half][home];
        ++pairs[half];
    }
    for (size_t half = 0; half < 2; ++half) {
        to[half]->setForm(extents[half], widths_.width());
        to[half]->pairs = pairs[half];
        uint32_t free = 0;
        for (uint32_t home = 0; home < kPlaces; ++home) {
            const uint32_t first = std::max(home, free);
            free = first + starts[half][home];
            starts[half][home] = static_cast<uint16_t>(first);
        }
    }
    uint16_t round[kPlaces];
    uint32_t rounds = 0;
    const auto put_at = [&](uint32_t i, uint32_t at) {
        Page& half = *to[homes[i] / kPlaces];
        const NarrowPlace& place = former[taken[i]];
        half.placesAs<NarrowPlace>()[at] = {place.key + (base - half.base), place.bits};
        if (any_changed && (changed[taken[i] / 64] >> taken[i] % 64 & 1) != 0) half.mark(at);
    };
    for (uint32_t i = 0; i < count; ++i) {
        const uint32_t at = starts[homes[i] / kPlaces][homes[i] % kPlaces]++;
        if (at < kPlaces) {
            put_at(i, at);
        } else {
            round[rounds++] = static_cast<uint16_t>(i);
        }
    }
    for (uint32_t k = 0; k < rounds; ++k) {
        const NarrowPlace* const half = to[homes[round[k]] / kPlaces]->placesAs<NarrowPlace>();
        uint32_t at = 0;
        while (half[at].bits != 0)
            ++at;
        put_at(round[k], at);
    }
    return true;
}

// Divides the page, as yet without its pairs, of which `sample` gives the value of the i-th of kSamples.
template <class Sample>
KeyedBits::Division KeyedBits::divide(Page& page, const Pair& wanted, const Extent& all,
                                      const Sample& sample) {
    ++divisions_;
    const bool by_value = page.low != page.last;
    const int64_t low = by_value ? dividing(sample, page.low, wanted, all) : 0;
    Page& upper = by_value ? divideByValue(page, low) : divideByPair(page);
    forgetRecent();
    return {upper, by_value, low, page.depth};
}

// Where to divide a page of values from `page_low` on, of which `sample` gives the i-th of kSamples: pairs
// lie on both sides, or all are of one value, which gets a page for itself. About as many lie on both sides,
// unless the pair that is wanted is at one end: where values ascend or descend, what lies before them stays
// as it is, and may fill its page.
template <class Sample>
int64_t KeyedBits::dividing(const Sample& sample, int64_t page_low, const Pair& wanted, const Extent& all) {
    if (all.lowest == all.highest) return page_low < all.lowest ? all.lowest : all.lowest + 1;
    constexpr size_t kEnd = 2;
    int64_t values[kSamples];
    for (size_t i = 0; i < kSamples; ++i)
        values[i] = sample(i);
    const auto above = static_cast<size_t>(std::count_if(
        std::begin(values), std::end(values), [&](int64_t value) { return value > wanted.value; }));
    const auto below = static_cast<size_t>(std::count_if(
        std::begin(values), std::end(values), [&](int64_t value) { return value < wanted.value; }));
    const bool ascends = above < kEnd;
    size_t middle = kSamples / 2;
    if (ascends) middle = kSamples * 7 / 8;
    if (below < kEnd) middle = kSamples / 8;
    std::nth_element(std::begin(values), values + middle, std::end(values));
    const int64_t low = std::max(values[middle], all.lowest + 1);
    if (ascends && all.isNarrow())
        widths_.full(static_cast<uint64_t>(low) - static_cast<uint64_t>(all.lowest));
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
