#include "state/keyed_bits.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "base/error.h"
#include "base/hash.h"
#include "state/hashmap/hash_map_table.h"
#include "state/hashmap/table_capture.h"

namespace millrace {

struct KeyedBits::Page {
    static constexpr size_t kBytes = size_t{32} << 10;  // of its places
    static constexpr uint32_t kPlaces = kBytes / sizeof(Pair);
    static constexpr uint32_t kPairsMax = kPlaces * 3 / 4;
    static constexpr size_t kWords = (kPlaces + 63) / 64;

    Pair* places;
    Bucket* bucket;
    uint32_t depth;   // how many first bits of the pair's hash all its pairs have in common
    uint64_t prefix;  // and those
    uint32_t pairs = 0;
    bool dirty = false;             // some bit of `changed` is set
    bool pending = false;           // the capture under way has still to come to it
    uint64_t changed[kWords] = {};  // places written to since the last capture

    // The places of a hash begin here and go round.
    static uint32_t homeOf(uint64_t hash) {
        return static_cast<uint32_t>((hash & UINT32_MAX) * kPlaces >> 32);
    }
    // The place of the pair, or the free one where it would be.
    static uint32_t find(const Pair* places, uint64_t hash, const Pair& pair) {
        uint32_t at = homeOf(hash);
        while (places[at].bits != 0 && (places[at].value != pair.value || places[at].group != pair.group))
            at = at + 1 == kPlaces ? 0 : at + 1;
        return at;
    }
    bool isChanged(uint32_t place) const { return (changed[place / 64] >> place % 64 & 1) != 0; }
    void mark(uint32_t place) {
        dirty = true;
        changed[place / 64] |= uint64_t{1} << place % 64;
    }
};

// The pages of the values whose hashes have some first bits in common.
struct KeyedBits::Bucket {
    // One that has come to more is of values with many groups, and no other value bit would make it small. It
    // also bounds what one split moves.
    static constexpr size_t kPagesSplit = 16;
    static constexpr uint32_t kDepthMax = 16;

    uint32_t depth;   // how many bits of the value's hash
    uint64_t prefix;  // and those
    std::vector<Entry> directory;
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
      memory_(memory) {
    static_assert(sizeof(Pair) == kPairBytes);
    const PhysicalType physical = descriptor_.value.type.physical();
    MILLRACE_CHECK(physical == PhysicalType::Int32 || physical == PhysicalType::Int64,
                   "bits of '{}', which is {}", descriptor_.value.name, descriptor_.value.type.toString());
    directory_.resize(1);
    enter(makeBucket(0, 0));
}

KeyedBits::~KeyedBits() {
    for (const auto& [block, bytes] : blocks_)
        memory_.give(block, bytes);
}

size_t KeyedBits::bytes() const {
    size_t bytes =
        directory_.capacity() * sizeof(Entry) + pages_.size() * (sizeof(Page) + sizeof(pages_.front()));
    for (const auto& bucket : buckets_)
        bytes += sizeof(Bucket) + bucket->directory.capacity() * sizeof(Entry);
    for (const auto& [block, size] : blocks_)
        bytes += size;
    return bytes;
}

// Of a pair's hash the first bits choose the page of a bucket, and the last ones the place. A group alone may
// hash to a small number (operators/group_numbers.h), and the value 0 hashes to 0: the sum keeps such groups
// apart for any value.
KeyedBits::Hash KeyedBits::hashOf(const Pair& pair) {
    constexpr uint64_t kAny = 0x9E3779B97F4A7C15ULL;
    const uint64_t value = mixHash(static_cast<uint64_t>(pair.value));
    return {value, mixHash((static_cast<uint64_t>(pair.group) ^ value) + kAny)};
}

const KeyedBits::Entry& KeyedBits::entryOf(const Hash& hash) const {
    const Entry& entry = directory_[indexOf(hash.value, directory_bits_)];
    if (entry.page != nullptr) return entry;
    return entry.bucket->directory[indexOf(hash.pair, entry.bucket->bits)];
}

KeyedBits::Page& KeyedBits::makePage(Bucket& bucket, uint32_t depth, uint64_t prefix) {
    if (free_pages_.empty()) {
        if (blocks_.empty() || block_used_ == blocks_.back().second) {
            const size_t bytes =
                blocks_.empty() ? Page::kBytes : std::min(blocks_.back().second * 2, MemorySource::kHugePage);
            blocks_.emplace_back(memory_.take(bytes), bytes);
            block_used_ = 0;
        }
        auto made = std::make_unique<Page>();
        made->places = reinterpret_cast<Pair*>(blocks_.back().first + block_used_);
        block_used_ += Page::kBytes;
        std::memset(static_cast<void*>(made->places), 0, Page::kBytes);
        free_pages_.push_back(made.get());
        pages_.push_back(std::move(made));
    }
    Page& page = *free_pages_.back();
    free_pages_.pop_back();
    page.bucket = &bucket;
    page.pending = false;  // of one that was free when the capture began
    page.depth = depth;
    page.prefix = prefix;
    const size_t run = bucket.directory.size() >> depth;
    std::fill_n(bucket.directory.begin() + static_cast<ptrdiff_t>(indexOf(prefix, bucket.bits)), run,
                Entry{&page, {page.places}});
    return page;
}

// Of one page.
KeyedBits::Bucket& KeyedBits::makeBucket(uint32_t depth, uint64_t prefix) {
    buckets_.push_back(std::make_unique<Bucket>(Bucket{depth, prefix, std::vector<Entry>(1)}));
    makePage(*buckets_.back(), 0, 0);
    return *buckets_.back();
}

// Into the directory.
void KeyedBits::enter(Bucket& bucket) {
    Entry entry = bucket.directory.front();
    if (bucket.bits > 0) {
        entry.page = nullptr;
        entry.bucket = &bucket;
    }
    const size_t run = directory_.size() >> bucket.depth;
    std::fill_n(directory_.begin() + static_cast<ptrdiff_t>(indexOf(bucket.prefix, directory_bits_)), run,
                entry);
}

void KeyedBits::set(std::span<const int64_t> groups, const Column& values, std::span<const uint64_t> bits,
                    std::span<const uint32_t> selection, std::vector<uint64_t>& fresh) {
    constexpr size_t kBlock = 64;  // rows whose accesses to memory overlap
    fresh.resize(selection.size());
    Pair pairs[kBlock];
    Hash hashes[kBlock];
    const bool narrow = value_bytes_ == sizeof(int32_t);
    const auto* const wide_values = values.data<int64_t>();
    const auto* const narrow_values = values.data<int32_t>();
    for (size_t first = 0; first < selection.size(); first += kBlock) {
        const size_t count = std::min(kBlock, selection.size() - first);
        for (size_t i = 0; i < count; ++i) {
            const uint32_t row = selection[first + i];
            pairs[i] = {groups[row], narrow ? narrow_values[row] : wide_values[row], bits[row]};
            hashes[i] = hashOf(pairs[i]);
            const Entry entry = entryOf(hashes[i]);
            const uint32_t home = Page::homeOf(hashes[i].pair);
            __builtin_prefetch(&entry.places[home], 1);
            __builtin_prefetch(&entry.places[home].bits, 1);
            __builtin_prefetch(&entry.page->pairs);
            __builtin_prefetch(&entry.page->changed[home / 64], 1);
        }
        for (size_t i = 0; i < count; ++i)
            fresh[first + i] = setBits(hashes[i], pairs[i]);
    }
}

uint64_t KeyedBits::setBits(const Hash& hash, const Pair& pair) {
    for (;;) {
        const Entry entry = entryOf(hash);
        const uint32_t at = Page::find(entry.places, hash.pair, pair);
        Pair& place = entry.places[at];
        const uint64_t fresh = pair.bits & ~place.bits;
        if (fresh == 0) return 0;
        Page& page = *entry.page;
        if (place.bits == 0 && page.pairs == Page::kPairsMax) {
            split(page);
            continue;
        }
        if (page.pending) [[unlikely]]
            capturePage(page);
        if (place.bits == 0) {
            place.group = pair.group;
            place.value = pair.value;
            ++page.pairs;
            ++pairs_;
        }
        place.bits |= fresh;
        page.mark(at);
        return fresh;
    }
}

void KeyedBits::split(Page& page) {
    Bucket& bucket = *page.bucket;
    // A bucket need not be much smaller than a page's share of all.
    const uint32_t depth_max =
        std::min(Bucket::kDepthMax, static_cast<uint32_t>(std::bit_width(pages_.size())) + 1);
    if (bucket.depth < depth_max && bucket.directory.size() <= Bucket::kPagesSplit) {
        splitByValue(bucket);
    } else {
        splitByPair(page);
    }
}

void KeyedBits::splitByValue(Bucket& bucket) {
    std::vector<Moved> moved = std::move(moved_);  // what is put may split again
    moved.clear();
    for (size_t i = 0; i < bucket.directory.size();) {
        Page& page = *bucket.directory[i].page;
        i += bucket.directory.size() >> page.depth;
        takeAll(page, moved);
        free_pages_.push_back(&page);
    }
    if (bucket.depth == directory_bits_) {
        std::vector<Entry> doubled(directory_.size() * 2);
        for (size_t i = 0; i < doubled.size(); ++i)
            doubled[i] = directory_[i / 2];
        directory_ = std::move(doubled);
        ++directory_bits_;
    }
    bucket.directory.resize(1);
    bucket.bits = 0;
    makePage(bucket, 0, 0);
    ++bucket.depth;
    enter(bucket);
    enter(makeBucket(bucket.depth, bucket.prefix | uint64_t{1} << (64 - bucket.depth)));
    for (const Moved& each : moved)
        put(each);
    moved_ = std::move(moved);
}

void KeyedBits::splitByPair(Page& page) {
    Bucket& bucket = *page.bucket;
    // No table comes near this many pages: without a check, a bad hash takes all memory for the directory.
    MILLRACE_CHECK(page.depth < 24, "a page of '{}' cannot be split", descriptor_.name);
    if (page.depth == bucket.bits) {
        std::vector<Entry> doubled(bucket.directory.size() * 2);
        for (size_t i = 0; i < doubled.size(); ++i)
            doubled[i] = bucket.directory[i / 2];
        bucket.directory = std::move(doubled);
        if (++bucket.bits == 1) enter(bucket);
    }
    moved_.clear();
    takeAll(page, moved_);
    ++page.depth;
    makePage(bucket, page.depth, page.prefix | uint64_t{1} << (64 - page.depth));
    for (const Moved& each : moved_)
        put(each);
}

// Empties the page.
void KeyedBits::takeAll(Page& page, std::vector<Moved>& out) {
    if (page.pending) capturePage(page);
    for (uint32_t place = 0; place < Page::kPlaces; ++place) {
        if (page.places[place].bits != 0) out.push_back({page.places[place], page.isChanged(place)});
    }
    std::memset(static_cast<void*>(page.places), 0, Page::kBytes);
    std::memset(page.changed, 0, sizeof(page.changed));
    pairs_ -= page.pairs;
    page.pairs = 0;
    page.dirty = false;
}

// What was there before: a pair that is not there now, and changed if it was.
void KeyedBits::put(const Moved& moved) {
    const Hash hash = hashOf(moved.pair);
    while (entryOf(hash).page->pairs == Page::kPairsMax)
        split(*entryOf(hash).page);
    const Entry& entry = entryOf(hash);
    const uint32_t at = Page::find(entry.places, hash.pair, moved.pair);
    entry.places[at] = moved.pair;
    ++entry.page->pairs;
    ++pairs_;
    if (moved.changed) entry.page->mark(at);
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
    char row[3 + 3 * sizeof(int64_t)];
    row[0] = row[1 + sizeof(int64_t)] = row[2 + sizeof(int64_t) + value_bytes_] = '\1';
    const size_t row_bytes = 3 + 2 * sizeof(int64_t) + value_bytes_;
    for (uint32_t place = 0; place < Page::kPlaces; ++place) {
        const Pair& pair = page.places[place];
        if (pair.bits == 0) continue;
        if (!capture_->full && !page.isChanged(place)) continue;
        std::memcpy(row + 1, &pair.group, sizeof(pair.group));
        std::memcpy(row + 2 + sizeof(int64_t), &pair.value, value_bytes_);  // little-endian
        std::memcpy(row + row_bytes - sizeof(pair.bits), &pair.bits, sizeof(pair.bits));
        CapturedGroup& group =
            capture_->groups.of(keyGroupOf(mixHash(static_cast<uint64_t>(pair.group)), max_parallelism_));
        ++group.rows;
        group.bytes.append(row, row_bytes);
    }
    std::memset(page.changed, 0, sizeof(page.changed));
    page.dirty = page.pending = false;
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
                int32_t narrow = 0;
                std::memcpy(&pair.group, bytes.data() + at + 1, sizeof(pair.group));
                const char* const value = bytes.data() + at + 2 + sizeof(int64_t);
                std::memcpy(value_bytes_ == sizeof(narrow) ? static_cast<void*>(&narrow) : &pair.value, value,
                            value_bytes_);
                if (value_bytes_ == sizeof(narrow)) pair.value = narrow;
                std::memcpy(&pair.bits, bytes.data() + at + row_bytes - sizeof(pair.bits), sizeof(pair.bits));
                const uint64_t hash = mixHash(static_cast<uint64_t>(pair.group));
                const bool valid = bytes[at] == '\1' && value[-1] == '\1' && value[value_bytes_] == '\1' &&
                                   keyGroupOf(hash, max_parallelism_) == section.group;
                if (!valid) {
                    throw UserError("snapshot.damaged",
                                    fmt::format("state '{}', key group {}: it holds a row that is not of it",
                                                descriptor_.name, section.group.value()));
                }
                if (pair.bits != 0) add(pair);
            }
        }
    }
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
        if (bits != 0) add({RowLayout::at<int64_t>(row, layout.offset(0)), value, bits});
    }
}

}  // namespace millrace
