// Keyed state of 64 bits a pair of numbers, of which bits are only ever set: the values that DISTINCT
// aggregates have seen, by group (operators/distinct_values.h). There are many, so a pair takes three words
// in a hash table that is itself the rows: finding one is one access to memory, and no row has a header.
//
// The table is made of pages of like size, and grows by as much as it needs: a page that is full is split in
// two, and the list of pages doubled where need be (extendible hashing; Fagin et al., 1979). Pages are found
// by the first bits of the value's hash, so that values seen at the same time, as ids that are given out in
// order, lie together for all groups and are in the cache; a value with so many groups that this does not
// tell its pairs apart has a bucket of several pages, which are found by the first bits of the pair's hash.
//
// A page has a bit for each place that was written to since the last capture. A capture takes page by page;
// one that is written to before its turn is captured first.
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

#include "base/memory_source.h"
#include "base/named_integer.h"
#include "batch/column.h"
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
    static constexpr size_t kPairBytes = 24;

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
    size_t bytes() const;  // memory held

    // As of StateBackend. advanceCapture reduces `budget` by what it did.
    void beginCapture(CaptureMode mode);
    bool advanceCapture(size_t& budget);
    KeyedStateSnapshot takeCapture();
    // Adds the rows of the key groups that are `owned`. UserError "snapshot.damaged".
    void restore(const KeyedStateSnapshot& state, const std::function<bool(KeyGroup)>& owned);

  private:
    struct Pair {
        int64_t group;
        int64_t value;
        uint64_t bits;  // 0: nothing is here
    };
    struct Hash {
        uint64_t value;
        uint64_t pair;
    };
    // Its places lie elsewhere: pages begin at multiples of a power of two, and what there is to know of many
    // would fight over few sets of the caches.
    struct Page;
    struct Bucket;
    struct Entry {
        Page* page;  // nullptr: the bucket has several, of which its own directory tells
        union {
            Pair* places;
            Bucket* bucket;
        };
    };
    struct Moved {
        Pair pair;
        bool changed;
    };
    struct Capture;

    static Hash hashOf(const Pair& pair);
    static size_t indexOf(uint64_t hash, uint32_t bits) { return hash >> 1 >> (63 - bits); }
    const Entry& entryOf(const Hash& hash) const;
    uint64_t setBits(const Hash& hash, const Pair& pair);  // those that were not set
    Page& makePage(Bucket& bucket, uint32_t depth, uint64_t prefix);
    Bucket& makeBucket(uint32_t depth, uint64_t prefix);
    void enter(Bucket& bucket);
    void split(Page& page);
    void splitByValue(Bucket& bucket);
    void splitByPair(Page& page);
    void takeAll(Page& page, std::vector<Moved>& out);
    void put(const Moved& moved);
    void capturePage(Page& page);
    void restoreAny(const KeyedStateSnapshot& state, const std::function<bool(KeyGroup)>& owned);
    void add(const Pair& pair) { setBits(hashOf(pair), pair); }

    const KeyedBitsDescriptor descriptor_;
    const uint32_t max_parallelism_;
    const size_t value_bytes_;
    MemorySource& memory_;
    std::vector<Entry>
        directory_;  // by the value hash's first directory_bits_ bits; entries occur several times
    uint32_t directory_bits_ = 0;
    std::vector<std::unique_ptr<Bucket>> buckets_;
    std::vector<std::unique_ptr<Page>> pages_;
    std::vector<Page*> free_pages_;
    // Their places lie in blocks of memory that grow up to a huge page.
    std::vector<std::pair<std::byte*, size_t>> blocks_;
    size_t block_used_ = 0;  // of the last
    size_t pairs_ = 0;
    bool tracking_ = false;  // there is a capture that the next one can build on
    std::unique_ptr<Capture> capture_;
    std::vector<Moved> moved_;  // scratch
};

}  // namespace millrace
