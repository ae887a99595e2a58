#include "state/keyed_bits.h"

#include <algorithm>
#include <cstring>

#include "base/error.h"
#include "base/hash.h"
#include "state/hashmap/keyed_bits_page.h"

namespace millrace {

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
      ranges_({nullptr, {nullptr}}),
      widths_(NarrowPlace::kValues) {
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
        if (tracking_) __builtin_prefetch(&entry.page->changed[Page::homeOf<NarrowPlace>(hashes[i]) / 64], 1);
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
    if (tracking_) page.mark(at);
    return true;
}

}  // namespace millrace
