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
    uint32_t depth;  // how many first bits of the hash all its pairs have in common
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

struct KeyedBits::Capture {
    explicit Capture(uint32_t max_parallelism) : groups(max_parallelism) {}
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
    Page* const page = makePage(0);
    directory_.push_back({page, page->places});
}

KeyedBits::~KeyedBits() {
    for (const auto& [block, bytes] : blocks_)
        memory_.give(block, bytes);
}

size_t KeyedBits::bytes() const {
    size_t bytes =
        directory_.capacity() * sizeof(Entry) + pages_.size() * (sizeof(Page) + sizeof(pages_.front()));
    for (const auto& [block, size] : blocks_)
        bytes += size;
    return bytes;
}

// The first bits choose the page and the last ones the place.
uint64_t KeyedBits::hashOf(int64_t group, int64_t value) {
    return mixHash(static_cast<uint64_t>(group) ^ mixHash(static_cast<uint64_t>(value)));
}

KeyedBits::Page* KeyedBits::makePage(uint32_t depth) {
    if (blocks_.empty() || block_used_ == blocks_.back().second) {
        const size_t bytes =
            blocks_.empty() ? Page::kBytes : std::min(blocks_.back().second * 2, MemorySource::kHugePage);
        blocks_.emplace_back(memory_.take(bytes), bytes);
        block_used_ = 0;
    }
    auto page = std::make_unique<Page>();
    page->places = reinterpret_cast<Pair*>(blocks_.back().first + block_used_);
    page->depth = depth;
    block_used_ += Page::kBytes;
    std::memset(static_cast<void*>(page->places), 0, Page::kBytes);
    pages_.push_back(std::move(page));
    return pages_.back().get();
}

void KeyedBits::set(std::span<const int64_t> groups, const Column& values, std::span<const uint64_t> bits,
                    std::span<const uint32_t> selection, std::vector<uint64_t>& fresh) {
    constexpr size_t kBlock = 64;  // rows whose accesses to memory overlap
    fresh.resize(selection.size());
    Pair pairs[kBlock];
    uint64_t hashes[kBlock];
    const bool narrow = value_bytes_ == sizeof(int32_t);
    const auto* const wide_values = values.data<int64_t>();
    const auto* const narrow_values = values.data<int32_t>();
    for (size_t first = 0; first < selection.size(); first += kBlock) {
        const size_t count = std::min(kBlock, selection.size() - first);
        for (size_t i = 0; i < count; ++i) {
            const uint32_t row = selection[first + i];
            pairs[i] = {groups[row], narrow ? narrow_values[row] : wide_values[row], bits[row]};
            hashes[i] = hashOf(pairs[i].group, pairs[i].value);
            const Entry& entry = entryOf(hashes[i]);
            const uint32_t home = Page::homeOf(hashes[i]);
            __builtin_prefetch(&entry.places[home], 1);
            __builtin_prefetch(&entry.places[home].bits, 1);
            __builtin_prefetch(&entry.page->pairs);
            __builtin_prefetch(&entry.page->changed[home / 64], 1);
        }
        for (size_t i = 0; i < count; ++i)
            fresh[first + i] = setBits(hashes[i], pairs[i]);
    }
}

uint64_t KeyedBits::setBits(uint64_t hash, const Pair& pair) {
    for (;;) {
        const Entry& entry = entryOf(hash);
        const uint32_t at = Page::find(entry.places, hash, pair);
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
    if (page.pending) capturePage(page);
    // Beyond this the hash has no bits left that do not choose the place, which no table comes near.
    MILLRACE_CHECK(page.depth < 32, "a page of '{}' cannot be split", descriptor_.name);
    if (page.depth == directory_bits_) {
        std::vector<Entry> doubled(directory_.size() * 2);
        for (size_t i = 0; i < doubled.size(); ++i)
            doubled[i] = directory_[i / 2];
        directory_ = std::move(doubled);
        ++directory_bits_;
    }
    splitting_.assign(page.places, page.places + Page::kPlaces);
    std::memset(static_cast<void*>(page.places), 0, Page::kBytes);
    const Page former = page;
    page.pairs = 0;
    page.dirty = false;
    std::memset(page.changed, 0, sizeof(page.changed));
    Page* const upper = makePage(++page.depth);
    const uint32_t bit = 64 - page.depth;
    uint64_t some_hash = 0;
    for (uint32_t place = 0; place < Page::kPlaces; ++place) {
        const Pair& pair = splitting_[place];
        if (pair.bits == 0) continue;
        const uint64_t hash = some_hash = hashOf(pair.group, pair.value);
        Page& to = (hash >> bit & 1) != 0 ? *upper : page;
        const uint32_t at = Page::find(to.places, hash, pair);
        to.places[at] = pair;
        ++to.pairs;
        if (former.isChanged(place)) to.mark(at);
    }
    // Of the page's run in the directory, the second half.
    const uint64_t run = directory_.size() >> (page.depth - 1);
    const uint64_t first = (some_hash >> (64 - directory_bits_)) / run * run;
    for (uint64_t i = first + run / 2; i < first + run; ++i)
        directory_[i] = {upper, upper->places};
}

void KeyedBits::beginCapture(CaptureMode mode) {
    MILLRACE_CHECK(capture_ == nullptr, "state '{}': a capture begins during another", descriptor_.name);
    capture_ = std::make_unique<Capture>(max_parallelism_);
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
