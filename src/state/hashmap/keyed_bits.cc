#include "state/keyed_bits.h"

#include <algorithm>
#include <cstring>
#include <limits>

#include "base/error.h"
#include "base/hash.h"
#include "base/unmix_hash.h"
#include "state/hashmap/hash_map_table.h"
#include "state/hashmap/table_capture.h"

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
    uint64_t base = 0;  // of the values, if it is narrow
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
        return !narrow || (pair.group < NarrowPlace::kGroupEnd &&
                           static_cast<uint64_t>(pair.value) - base < NarrowPlace::kValues);
    }
    uint32_t pairsMax() const { return narrow ? kPairsMax<NarrowPlace> : kPairsMax<WidePlace>; }
    // Of an empty page: so that pairs of this extent fit, and more around them.
    void setForm(const Extent& extent) {
        narrow = extent.isNarrow();
        if (!narrow) return;
        const uint64_t range = static_cast<uint64_t>(last) - static_cast<uint64_t>(low);
        const uint64_t below = (NarrowPlace::kValues - 1 - extent.span()) / 2;
        base = static_cast<uint64_t>(range < NarrowPlace::kValues ? low : extent.lowest);
        if (range >= NarrowPlace::kValues) base -= below;
    }
    bool isChanged(uint32_t place) const { return (changed[place / 64] >> place % 64 & 1) != 0; }
    void mark(uint32_t place) {
        dirty = true;
        changed[place / 64] |= uint64_t{1} << place % 64;
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

KeyedStateDescriptor KeyedBitsDescriptor::state() const {
    KeyedStateDescriptor state;
    state.name = name;
    state.key = Schema({{"group", LogicalType::bigint()}, value});
    state.value = Schema({{"terms", LogicalType::bigint()}});
    state.routing_fields = 1;
    return state;
}

KeyedBits::KeyedBits(KeyedBitsDescriptor descriptor, uint32_t max_parallelism, MemorySource& memory)
    : descriptor_(std::move(descriptor)),
      max_parallelism_(max_parallelism),
      value_bytes_(descriptor_.value.type.physical() == PhysicalType::Int32 ? sizeof(int32_t)
                                                                            : sizeof(int64_t)),
      memory_(memory),
      ranges_({nullptr, {nullptr}}) {
    static_assert(sizeof(NarrowPlace) == kPairBytesMin && sizeof(WidePlace) == kPairBytesMax);
    const PhysicalType physical = descriptor_.value.type.physical();
    MILLRACE_CHECK(physical == PhysicalType::Int32 || physical == PhysicalType::Int64,
                   "bits of '{}', which is {}", descriptor_.value.name, descriptor_.value.type.toString());
    Page& page = makePage();
    ranges_.at(0) = {&page, {page.places}};
    forgetRecent();
}

KeyedBits::~KeyedBits() {
    for (const auto& [block, bytes] : blocks_)
        memory_.give(block, bytes);
}

size_t KeyedBits::bytes() const {
    size_t bytes = ranges_.bytes() + pages_.size() * (sizeof(Page) + sizeof(pages_.front()));
    for (const auto& bucket : buckets_)
        bytes += sizeof(Bucket) + bucket->directory.capacity() * sizeof(Entry);
    for (const auto& [block, size] : blocks_)
        bytes += size;
    return bytes;
}

size_t KeyedBits::pairsOfTwoWords() const {
    size_t pairs = 0;
    for (const auto& page : pages_)
        pairs += page->narrow ? page->pairs : 0;
    return pairs;
}

// Groups alone may be counted, and so may values.
uint64_t KeyedBits::hashOf(const Pair& pair) { return mixHash(pair.group ^ scattered(pair.value)); }

// The entry of the pair's page, given that of its value.
KeyedBits::Entry KeyedBits::inBucket(const Entry& entry, uint64_t hash) {
    if (entry.page != nullptr) return entry;
    return entry.bucket->directory[indexOf(hash, entry.bucket->bits)];
}

KeyedBits::Page* KeyedBits::pageOf(const Pair& pair, uint64_t hash) {
    return inBucket(ranges_.at(pair.value), hash).page;
}

// Each gets a value whose place is another.
void KeyedBits::forgetRecent() {
    for (Recent& recent : recent_)
        recent.value = 0;
    recent_[0].value = 1;
}

KeyedBits::Page& KeyedBits::makePage() {
    if (blocks_.empty() || block_used_ == blocks_.back().second) {
        const size_t bytes =
            blocks_.empty() ? Page::kBytes : std::min(blocks_.back().second * 2, MemorySource::kHugePage);
        blocks_.emplace_back(memory_.take(bytes), bytes);
        block_used_ = 0;
    }
    pages_.push_back(std::make_unique<Page>());
    Page& page = *pages_.back();
    page.places = blocks_.back().first + block_used_;
    block_used_ += Page::kBytes;
    std::memset(page.places, 0, Page::kBytes);
    return page;
}

void KeyedBits::set(std::span<const int64_t> groups, const Column& values, std::span<const uint64_t> bits,
                    std::span<const uint32_t> selection, std::vector<uint64_t>& fresh) {
    fresh.resize(selection.size());
    Pair pairs[kBlock];
    const bool short_values = value_bytes_ == sizeof(int32_t);
    const auto* const longs = values.data<int64_t>();
    const auto* const ints = values.data<int32_t>();
    for (size_t first = 0; first < selection.size(); first += kBlock) {
        const size_t count = std::min(kBlock, selection.size() - first);
        for (size_t i = 0; i < count; ++i) {
            const uint32_t row = selection[first + i];
            pairs[i] = {mixHash(static_cast<uint64_t>(groups[row])), short_values ? ints[row] : longs[row],
                        bits[row]};
        }
        setBlock({pairs, count}, &fresh[first]);
    }
}

void KeyedBits::setBlock(std::span<const Pair> pairs, uint64_t* fresh) {
    uint64_t hashes[kBlock];
    Entry entries[kBlock];
    findEntries(pairs, entries);
    for (size_t i = 0; i < pairs.size(); ++i) {
        hashes[i] = hashOf(pairs[i]);
        const Entry entry = entries[i] = inBucket(entries[i], hashes[i]);
        __builtin_prefetch(entry.page);
        const std::byte* const place = entry.places + Page::offsetOf(hashes[i]);
        __builtin_prefetch(place, 1);
        __builtin_prefetch(place + sizeof(WidePlace), 1);
        __builtin_prefetch(&entry.page->changed[Page::homeOf<NarrowPlace>(hashes[i]) / 64], 1);
    }
    const uint64_t divisions = divisions_;
    for (size_t i = 0; i < pairs.size(); ++i)
        fresh[i] = setBits(divisions_ == divisions ? entries[i].page : nullptr, pairs[i], hashes[i]);
}

// Those of the pairs' values.
void KeyedBits::findEntries(std::span<const Pair> pairs, Entry* entries) {
    static_assert(kBlock <= NumberRanges<Entry>::kNumbersMax);
    int64_t unknown[kBlock];
    uint32_t places[kBlock];
    size_t count = 0;
    for (size_t i = 0; i < pairs.size(); ++i) {
        const Recent& recent = recentOf(pairs[i].value);
        entries[i] = recent.entry;
        unknown[count] = pairs[i].value;
        places[count] = static_cast<uint32_t>(i);
        count += recent.value != pairs[i].value ? 1 : 0;
    }
    if (count == 0) return;
    Entry found[kBlock];
    ranges_.find({unknown, count}, found);
    for (size_t i = 0; i < count; ++i) {
        entries[places[i]] = found[i];
        recentOf(unknown[i]) = {unknown[i], found[i]};
    }
}

uint64_t KeyedBits::setBits(Page* page, const Pair& pair, uint64_t hash) {
    for (;;) {
        if (page == nullptr) page = pageOf(pair, hash);
        uint64_t fresh = 0;
        const bool done = page->narrow ? setIn<NarrowPlace>(*page, pair, hash, fresh)
                                       : setIn<WidePlace>(*page, pair, hash, fresh);
        if (done) return fresh;
        makeRoom(*page, pair);
        page = nullptr;
    }
}

// False if the page has no room for the pair.
template <class Place>
bool KeyedBits::setIn(Page& page, const Pair& pair, uint64_t hash, uint64_t& fresh) {
    if (!page.fits(pair)) [[unlikely]]
        return false;
    const Place wanted = Place::of(pair, page.base);
    const uint32_t at = page.find(wanted, hash);
    Place& place = page.placesAs<Place>()[at];
    fresh = pair.bits & ~place.bits;
    if (fresh == 0) return true;
    if (place.bits == 0 && page.pairs == Page::kPairsMax<Place>) [[unlikely]]
        return false;
    if (page.pending) [[unlikely]]
        capturePage(page);
    if (place.bits == 0) {
        place = wanted;
        ++page.pairs;
        ++pairs_;
    } else {
        place.bits |= fresh;
    }
    page.mark(at);
    return true;
}

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
