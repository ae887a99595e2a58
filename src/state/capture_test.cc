// Captures while rows change, chains of them, compacted or not, on disk or in memory: what is restored is
// what was there at the barrier.
#include <algorithm>
#include <functional>
#include <numeric>
#include <set>

#include "base/error.h"
#include "state/hashmap/hash_map_table.h"
#include "state/segment_merge.h"
#include "state/snapshot_store.h"
#include "state/test_support.h"

namespace millrace {
namespace {

using namespace testing;

using Segments = std::vector<std::shared_ptr<const StateSegment>>;

StateSegment merge(const KeyedStateDescriptor& descriptor, const Segments& segments, size_t first,
                   size_t last) {
    return mergeSegments(
        descriptor, std::span(segments).subspan(first, last - first),
        [](const StateSegment&, const KeyGroupSection& section) { return section; },
        [](KeyGroupSection section) { return section; });
}

Model restored(const KeyedStateDescriptor& descriptor, const Segments& segments) {
    // At another parallelism: each part takes its groups.
    Model all;
    constexpr uint32_t kParts = 3;
    for (uint32_t part = 0; part < kParts; ++part) {
        HashMapTable table(descriptor, kMaxParallelism);
        table.restore({descriptor, segments}, [&](KeyGroup group) {
            return ownerOf(group, kMaxParallelism, kParts) == SlotIndex(part);
        });
        for (const auto& [key, count] : contents(table))
            EXPECT_TRUE(all.emplace(key, count).second);
    }
    return all;
}

// Random work on a table, with captures of random kinds that take a random number of slices, now and then
// while the next has to wait for them.
class CapturedTable {
  public:
    CapturedTable(KeyedStateDescriptor descriptor, uint64_t seed)
        : random_(seed), table_(std::move(descriptor), kMaxParallelism) {}

    void run(int steps) {
        for (int step = 0; step < steps && !::testing::Test::HasFailure(); ++step) {
            change();
            if (table_.capturing()) {
                size_t rows = random_.below(200);
                if (table_.advanceCapture(rows)) finish();
            } else if (random_.chance(0.3)) {
                at_barrier_ = model_;
                full_ = random_.chance(0.1);
                table_.beginCapture(full_ ? CaptureMode::Full : CaptureMode::Incremental);
            }
            ASSERT_EQ(contents(table_), model_);
        }
    }
    size_t deltas() const { return deltas_; }
    size_t longest() const { return longest_; }

  private:
    void change() {
        const int64_t space = table_.descriptor().namespaced ? static_cast<int64_t>(random_.below(4)) - 1 : 0;
        std::vector<std::vector<Value>> keys;
        for (uint64_t left = random_.below(random_.chance(0.1) ? 1500 : 30); left > 0; --left)
            keys.push_back({someText(random_, 2000)});
        if (table_.descriptor().in_place) {
            std::erase_if(keys,
                          [&](const auto& key) { return !model_.emplace(std::pair(space, key), 0).second; });
        }
        Probe probe(table_, keys);
        if (table_.descriptor().in_place) {
            append(probe, space, keys.size());
        } else {
            probe.count(table_, space);
        }
        for (const auto& key : keys)
            ++model_[{space, key}];
        if (random_.chance(0.5)) {  // erase some of what there is
            std::vector<std::byte*> rows = table_.allRows(space);
            for (std::byte* row : rows) {
                if (!random_.chance(0.05)) continue;
                model_.erase({space, {loadValue(table_.layout(), 0, row)}});
                table_.erase(space, row);
            }
        }
        if (random_.chance(0.3)) {  // write to rows that were not found to be written
            const size_t field = table_.firstValueField();
            for (std::byte* row : table_.allRows(space)) {
                if (!random_.chance(0.05)) continue;
                table_.touch(space, row);
                RowLayout::at<int64_t>(row, table_.layout().offset(field)) += 1000;
                model_[{space, {loadValue(table_.layout(), 0, row)}}] += 1000;
            }
        }
        if (random_.chance(0.08)) {
            table_.dropNamespace(space);
            std::erase_if(model_, [&](const auto& entry) { return entry.first.first == space; });
        }
    }

    void append(Probe& probe, int64_t space, size_t rows) {
        std::vector<uint32_t> all(rows);
        std::iota(all.begin(), all.end(), 0);
        table_.append(space, probe.keys, probe.hashes, all, probe.rows);
        const size_t field = table_.firstValueField();
        for (std::byte* row : probe.rows) {
            RowLayout::setNull(row, field, false);
            RowLayout::at<int64_t>(row, table_.layout().offset(field)) = 1;
        }
    }

    void finish() {
        KeyedStateSnapshot snapshot = table_.takeCapture();
        ASSERT_EQ(snapshot.segments.size(), 1U);
        std::shared_ptr<const StateSegment> segment = snapshot.segments.front();
        if (full_) {
            ASSERT_TRUE(segment->full);
        }
        if (segment->full) chain_.clear();
        deltas_ += !segment->full;
        ASSERT_TRUE(segment->full || !chain_.empty());
        chain_.push_back(std::move(segment));
        longest_ = std::max(longest_, chain_.size());
        if (chain_.size() > 1 && random_.chance(0.4)) {  // compact any part of the chain
            const size_t first = random_.below(chain_.size() - 1);
            const size_t last = first + 2 + random_.below(chain_.size() - first - 1);
            auto merged = std::make_shared<StateSegment>(merge(table_.descriptor(), chain_, first, last));
            ASSERT_EQ(merged->full, first == 0);
            chain_.erase(chain_.begin() + static_cast<ptrdiff_t>(first) + 1,
                         chain_.begin() + static_cast<ptrdiff_t>(last));
            chain_[first] = std::move(merged);
        }
        ASSERT_EQ(restored(table_.descriptor(), chain_), at_barrier_);
        if (full_) chain_.clear();  // nothing builds on it
    }

    Random random_;
    HashMapTable table_;
    Model model_, at_barrier_;
    Segments chain_;
    bool full_ = false;
    size_t deltas_ = 0, longest_ = 0;
};

TEST(Capture, IsTheStateAtTheBarrierWhateverChangesMeanwhile) {
    size_t deltas = 0, longest = 0;
    for (uint64_t seed = 1; seed <= 20; ++seed) {
        SCOPED_TRACE(seed);
        KeyedStateDescriptor descriptor = descriptorOf({LogicalType::string()}, seed % 2 == 0);
        descriptor.in_place = seed % 4 > 1;
        CapturedTable table(std::move(descriptor), seed);
        table.run(150);
        deltas += table.deltas();
        longest = std::max(longest, table.longest());
    }
    EXPECT_GT(deltas, 200U);
    EXPECT_GT(longest, 5U);
}

TEST(Capture, OfWhatChangedHasNoMore) {
    HashMapTable table(descriptorOf({LogicalType::bigint()}, false), kMaxParallelism);
    std::vector<std::vector<Value>> keys;
    for (int64_t i = 0; i < 100'000; ++i)
        keys.push_back({Value::int64(i)});
    Probe all(table, keys);
    all.count(table, 0);
    const auto capture = [&] {
        table.beginCapture(CaptureMode::Incremental);
        size_t budget = SIZE_MAX;
        EXPECT_TRUE(table.advanceCapture(budget));
        return table.takeCapture().segments.front();
    };
    const auto base = capture();
    EXPECT_TRUE(base->full);
    const auto nothing = capture();
    EXPECT_FALSE(nothing->full);
    EXPECT_EQ(nothing->bytes(), 0U);

    keys.resize(1000);
    Probe some(table, keys);
    some.count(table, 0);
    some.count(table, 0);
    std::vector<const std::byte*> read;
    table.findToRead(0, all.keys, all.hashes, {}, read);  // no change
    EXPECT_EQ(std::count(read.begin(), read.end(), nullptr), 0);
    table.erase(0, all.rows[5]);
    table.erase(0, all.rows[50'000]);
    const auto changed = capture();
    uint64_t rows = 0, erased = 0;
    for (const KeyGroupSection& section : changed->groups) {
        rows += section.rows;
        erased += section.erased;
    }
    EXPECT_EQ(rows, 999U);
    EXPECT_EQ(erased, 2U);
    EXPECT_LT(changed->bytes(), base->bytes() / 50);

    // More changed than not: all rows cost no more.
    all.keys.clear();
    Probe(table,
          [&] {
              std::vector<std::vector<Value>> more;
              for (int64_t i = 0; i < 200'000; ++i)
                  more.push_back({Value::int64(i)});
              return more;
          }())
        .count(table, 0);
    EXPECT_TRUE(capture()->full);
}

TEST(Capture, ADroppedNamespaceIsOneEntryAndNothingIsLeftOfIt) {
    HashMapTable table(descriptorOf({LogicalType::bigint()}, true), kMaxParallelism);
    std::vector<std::vector<Value>> keys;
    for (int64_t i = 0; i < 10'000; ++i)
        keys.push_back({Value::int64(i)});
    Probe probe(table, keys);
    probe.count(table, 10);
    probe.count(table, 20);
    table.beginCapture(CaptureMode::Incremental);
    size_t rows = 100;
    EXPECT_FALSE(table.advanceCapture(rows));
    table.dropNamespace(10);  // half captured
    table.dropNamespace(20);  // not begun
    EXPECT_TRUE(table.namespaces().empty());
    rows = SIZE_MAX;
    EXPECT_TRUE(table.advanceCapture(rows));
    Segments chain{table.takeCapture().segments.front()};
    EXPECT_EQ(restored(table.descriptor(), chain).size(), 20'000U);
    table.beginCapture(CaptureMode::Incremental);
    EXPECT_TRUE(table.advanceCapture(rows));
    chain.push_back(table.takeCapture().segments.front());
    EXPECT_EQ(chain.back()->bytes(), 2 * sizeof(int64_t));
    EXPECT_TRUE(restored(table.descriptor(), chain).empty());
    EXPECT_EQ(merge(table.descriptor(), chain, 0, 2).bytes(), 0U);
}

// Two subtasks dropped a namespace at different times; both chains go into one.
TEST(Capture, ChainsOfSeveralSubtasksDoNotTouchEachOther) {
    const KeyedStateDescriptor descriptor = descriptorOf({LogicalType::bigint()}, true);
    std::vector<std::shared_ptr<const OperatorSnapshot>> snapshots;
    Model expected;
    for (uint32_t subtask = 0; subtask < 2; ++subtask) {
        const auto backend =
            makeHashMapStateBackend({"uid", "op", SlotIndex(subtask), 2, kMaxParallelism, {}});
        auto& table = static_cast<HashMapTable&>(backend->table(descriptor));
        std::vector<std::vector<Value>> mine;
        for (int64_t i = 0; i < 500; ++i) {
            const std::vector<Value> key{Value::int64(i)};
            std::vector<uint64_t> hashes;
            hashColumns(std::vector{Column::of(LogicalType::bigint(), key)}, 1, hashes);
            if (ownerOf(keyGroupOf(hashes[0], kMaxParallelism), kMaxParallelism, 2).value() == subtask)
                mine.push_back(key);
        }
        Probe probe(table, mine);
        probe.count(table, 7);
        OperatorSnapshot all;
        all.uid = "uid";
        all.subtask = SlotIndex(subtask);
        KeyedStateSnapshot chain;
        const auto capture = [&] {
            backend->beginCapture(CaptureMode::Incremental);
            EXPECT_TRUE(backend->advanceCapture(SIZE_MAX));
            const OperatorSnapshot snapshot = backend->takeCapture();
            chain.descriptor = snapshot.keyed.front().descriptor;
            chain.segments.push_back(snapshot.keyed.front().segments.front());
        };
        capture();
        if (subtask == 0) {
            table.dropNamespace(7);
        } else {
            for (const auto& key : mine)
                expected[{7, key}] = 1;
        }
        capture();
        all.keyed.push_back(chain);
        snapshots.push_back(std::make_shared<const OperatorSnapshot>(all));
    }
    const auto one = makeHashMapStateBackend({"uid", "op", SlotIndex(0), 1, kMaxParallelism, snapshots});
    EXPECT_EQ(contents(one->table(descriptor)), expected);
}

TEST(SegmentMerge, RunsOfLikeSizeAreMergedAndTheBaseWhenItIsNoLarger) {
    using Range = std::pair<size_t, size_t>;
    const auto of = [](std::vector<uint64_t> bytes) { return segmentsToMerge(bytes); };
    EXPECT_EQ(of({}), Range(0, 0));
    EXPECT_EQ(of({100}), Range(0, 0));
    EXPECT_EQ(of({1000, 10}), Range(0, 0));
    EXPECT_EQ(of({1000, 10, 10, 10}), Range(0, 0));
    EXPECT_EQ(of({1000, 10, 10, 10, 10}), Range(1, 5));
    EXPECT_EQ(of({1000, 40, 10, 10, 10, 10}), Range(1, 6));
    EXPECT_EQ(of({1000, 90, 10, 10, 10, 10}), Range(2, 6));
    EXPECT_EQ(of({10, 10}), Range(0, 2));
    // Chains stay short and a byte is rewritten a few times only, however long it goes on.
    std::vector<uint64_t> chain{100'000};
    uint64_t rewritten = 0;
    size_t longest = 0;
    constexpr uint64_t kCaptures = 3000;
    for (uint64_t i = 0; i < kCaptures; ++i) {
        chain.push_back(100);
        const auto [first, last] = segmentsToMerge(chain);
        if (first < last) {
            uint64_t sum = 0;
            for (size_t at = first; at < last; ++at)
                sum += chain[at];
            rewritten += sum;
            if (first == 0) sum = 100'000;
            chain.erase(chain.begin() + static_cast<ptrdiff_t>(first) + 1, chain.end());
            chain.back() = sum;
        }
        longest = std::max(longest, chain.size());
    }
    EXPECT_LE(longest, 20U);
    EXPECT_LE(rewritten, kCaptures * 100 * 10);
}

}  // namespace
}  // namespace millrace
