// Keyed state of 64 bits a pair of numbers, of which bits are only ever set: the values that DISTINCT
// aggregates have seen, by group (operators/distinct_values.h). There are many, so a pair takes two or three
// words in a hash table that is itself the rows: finding one is one access to memory; no row has a header.
//
// The table is made of pages of like size, and grows by as much as it needs: a page that is full is divided.
// Pages are found by ranges of values, so that values seen at the same time, as ids that are given out in
// order, lie together for all groups and are in the cache, and what lies in pages of old ones is not touched
// again. A value with so many groups that this does not tell its pairs apart has a bucket of several pages,
// which are found by the first bits of the pair's hash (extendible hashing; Fagin et al., 1979).
//
// A page whose values are near one another and whose groups' hashes are small, as those of counted groups are
// (operators/group_numbers.h), takes two words a pair.
//
// A page has a bit for each place that was written to since the last capture, if the next one can build on
// it. A capture takes page by page; one that is written to before its turn is captured first.
//
// In snapshots it is keyed state like any other: key "group" and the value, of which the group decides the
// key group, value "terms" (docs/formats/snapshot.md). Not thread-safe: one subtask owns it.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/hash.h"
#include "base/memory_source.h"
#include "base/named_integer.h"
#include "batch/column.h"
#include "state/hashmap/number_ranges.h"
#include "state/hashmap/page_widths.h"
#include "state/keyed_table.h"
#include "state/snapshot.h"
#include "state/state_backend.h"

namespace millrace {

struct KeyedBitsDescriptor {
    std::string name;
    Field value;                         // INTEGER or BIGINT, physically
    KeyedStateDescriptor state() const;  // what snapshots say of it
    bool operator==(const KeyedBitsDescriptor&) const = default;
};

class KeyedBits {
  public:
    static constexpr size_t kPairBytesMin = 16;
    static constexpr size_t kPairBytesMax = 24;

    // `memory` must outlive it.
    KeyedBits(KeyedBitsDescriptor descriptor, uint32_t max_parallelism, MemorySource& memory);
    ~KeyedBits();
    KeyedBits(const KeyedBits&) = delete;
    KeyedBits& operator=(const KeyedBits&) = delete;

    const KeyedBitsDescriptor& descriptor() const { return descriptor_; }

    // For each row of the selection sets bits[row], which are not 0, of groups[row] and row `row` of
    // `values`; `fresh` gets, one a row of the selection, those that were not set before.
    void set(std::span<const int64_t> groups, const Column& values, std::span<const uint64_t> bits,
             std::span<const uint32_t> selection, std::vector<uint64_t>& fresh);

    size_t pairs() const { return pairs_; }
    size_t pairsOfTwoWords() const;
    size_t bytes() const;  // memory held

    // As of StateBackend. advanceCapture reduces `budget` by what it did.
    void beginCapture(CaptureMode mode);
    bool advanceCapture(size_t& budget);
    KeyedStateSnapshot takeCapture();
    // Adds the rows of the key groups that are `owned`. UserError "snapshot.damaged".
    void restore(const KeyedStateSnapshot& state, const std::function<bool(KeyGroup)>& owned);

  private:
    struct Pair {
        uint64_t group;  // its hash, which is of no other group's number
        int64_t value;
        uint64_t bits;
    };
    struct Moved {
        Pair pair;
        bool changed;
    };
    struct NarrowPlace;
    struct WidePlace;
    struct Extent;
    // Its places lie elsewhere: pages begin at multiples of a power of two, and what there is to know of many
    // would fight over few sets of the caches.
    struct Page;
    struct Bucket;
    struct Division;
    struct Entry {
        Page* page;  // nullptr: the value has several, of which its bucket tells
        union {
            std::byte* places;
            Bucket* bucket;
        };
    };
    // Ranges that were looked up lately.
    struct Recent {
        int64_t value;
        Entry entry;
    };
    static constexpr uint32_t kRecentBits = 8;
    static constexpr size_t kBlock = 64;  // rows whose accesses to memory overlap
    static constexpr size_t kSamples = 127;
    struct Capture;

    static uint64_t scattered(int64_t value) { return static_cast<uint64_t>(value) * 0x9E3779B97F4A7C15ULL; }
    // Groups alone may be counted, and so may values.
    static uint64_t hashOf(const Pair& pair) { return mixHash(pair.group ^ scattered(pair.value)); }
    static size_t indexOf(uint64_t hash, uint32_t bits) { return hash >> 1 >> (63 - bits); }
    Recent& recentOf(int64_t value) { return recent_[scattered(value) >> (64 - kRecentBits)]; }
    static Entry inBucket(const Entry& entry, uint64_t hash);
    Page* pageOf(const Pair& pair, uint64_t hash);
    void findEntries(std::span<const Pair> pairs, Entry* entries);
    void setBlock(std::span<const Pair> pairs, uint64_t* fresh);
    uint64_t setBits(Page* page, const Pair& pair, uint64_t hash);  // those that were not set
    template <class Place>
    bool setIn(Page& page, const Pair& pair, uint64_t hash, uint64_t& fresh);
    Page& makePage();
    void makeRoom(Page& page, const Pair& wanted);
    bool beginAhead(Page& page, const Pair& wanted);
    void judge(const PageWidths::Begun& begun);
    bool divideNarrow(Page& page, const Pair& wanted);
    template <class Sample>
    Division divide(Page& page, const Pair& wanted, const Extent& all, const Sample& sample);
    template <class Sample>
    int64_t dividing(const Sample& sample, int64_t page_low, const Pair& wanted, const Extent& all);
    Page& divideByValue(Page& page, int64_t low);
    Page& divideByPair(Page& page);
    template <class Place>
    void takeAll(Page& page, std::vector<Moved>& out);
    template <class Place>
    void putIn(Page& page, const Moved& moved, uint64_t hash);
    void put(Page* page, const Moved& moved);
    void forgetRecent();
    void capturePage(Page& page);
    template <class Place>
    void capturePlaces(const Page& page);
    void restoreAny(const KeyedStateSnapshot& state, const std::function<bool(KeyGroup)>& owned);
    void add(const Pair& pair);  // to `added_`
    void addAll();

    const KeyedBitsDescriptor descriptor_;
    const uint32_t max_parallelism_;
    const size_t value_bytes_;
    MemorySource& memory_;
    NumberRanges<Entry> ranges_;  // of values
    Recent recent_[size_t{1} << kRecentBits];
    uint64_t divisions_ = 0;  // of pages: until there is another, an entry holds
    std::vector<std::unique_ptr<Bucket>> buckets_;
    std::vector<std::unique_ptr<Page>> pages_;
    // Their places lie in blocks of memory that grow up to a huge page.
    std::vector<std::pair<std::byte*, size_t>> blocks_;
    size_t block_used_ = 0;  // of the last
    PageWidths widths_;
    size_t pairs_ = 0;
    bool tracking_ = false;  // there is a capture that the next one can build on
    std::unique_ptr<Capture> capture_;
    std::vector<Moved> moved_;  // scratch
    std::vector<Pair> added_;   // by a restore, less than a block
};

}  // namespace millrace
