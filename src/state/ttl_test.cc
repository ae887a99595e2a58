// Time to live: what has expired is never seen again, and its memory comes back.
#include <algorithm>

#include "state/hashmap/hash_map_table.h"
#include "state/segment_merge.h"
#include "state/test_support.h"

namespace millrace {
namespace {

using namespace testing;

class ManualClock final : public Clock {
  public:
    ProcessingTime now() const override { return ProcessingTime(now_ms); }
    int64_t monotonicNanos() const override { return now_ms * 1'000'000; }
    int64_t now_ms = 1'000'000;
};

KeyedStateDescriptor expiring(int64_t ttl_ms, bool namespaced = false,
                              const LogicalType& key = LogicalType::bigint()) {
    KeyedStateDescriptor descriptor = descriptorOf({key}, namespaced);
    descriptor.ttl = {ttl_ms};
    return descriptor;
}

std::vector<std::vector<Value>> numbers(int64_t first, int64_t last) {
    std::vector<std::vector<Value>> keys;
    for (int64_t i = first; i < last; ++i)
        keys.push_back({Value::int64(i)});
    return keys;
}

void expireAll(HashMapTable& table) {
    for (bool done = false; !done;) {
        size_t rows = 100;
        done = table.expire(rows);
    }
}

std::vector<std::byte*> found(KeyedTable& table, const Probe& probe) {
    std::vector<std::byte*> rows;
    table.find(0, probe.keys, probe.hashes, {}, rows);
    return rows;
}

TEST(TimeToLive, CountsFromTheLastWriteAndNotFromReading) {
    ManualClock clock;
    HashMapTable table(expiring(100), kMaxParallelism, clock);
    Probe probe(table, numbers(0, 2));
    probe.count(table, 0);
    clock.now_ms += 60;
    std::vector<const std::byte*> read;
    table.findToRead(0, probe.keys, probe.hashes, {}, read);
    EXPECT_NE(read[0], nullptr);
    Probe first(table, numbers(0, 1));
    first.count(table, 0);
    EXPECT_EQ(first.inserted[0], 0);
    clock.now_ms += 39;
    EXPECT_EQ(table.rows(0), 2U);
    clock.now_ms += 1;  // 100 after the second row's only write
    EXPECT_EQ(table.rows(0), 1U);
    EXPECT_EQ(table.allRows(0).size(), 1U);
    table.findToRead(0, probe.keys, probe.hashes, {}, read);
    EXPECT_NE(read[0], nullptr);
    EXPECT_EQ(read[1], nullptr);
    EXPECT_EQ(found(table, probe)[1], nullptr);
    // Found to be written, the first lives on; the second comes back as a new row.
    clock.now_ms += 99;
    probe.count(table, 0);
    EXPECT_EQ(probe.inserted, (std::vector<uint8_t>{0, 1}));
    EXPECT_EQ(contents(table), (Model{{{0, {Value::int64(0)}}, 3}, {{0, {Value::int64(1)}}, 1}}));
}

TEST(TimeToLive, ANewRowIsNewOnceHoweverOftenItsKeyComes) {
    ManualClock clock;
    HashMapTable table(expiring(100), kMaxParallelism, clock);
    Probe probe(table, {{Value::int64(5)}, {Value::int64(5)}, {Value::int64(5)}});
    for (int round = 0; round < 3; ++round) {
        probe.count(table, 0);
        EXPECT_EQ(probe.inserted, (std::vector<uint8_t>{1, 0, 0}));
        EXPECT_EQ(contents(table).begin()->second, 3);
        clock.now_ms += 100;
    }
}

TEST(TimeToLive, MemoryComesBack) {
    ManualClock clock;
    HashMapTable table(expiring(1000, false, LogicalType::string()), kMaxParallelism, clock);
    std::vector<std::vector<Value>> keys;
    for (int i = 0; i < 200'000; ++i)
        keys.push_back({Value::string(fmt::format("a key that is not inline, number {}", i))});
    Probe(table, keys).count(table, 0);
    // An incremental checkpoint was taken, and its rows written to since: the lists still name them.
    table.beginCapture(CaptureMode::Incremental);
    size_t budget = SIZE_MAX;
    EXPECT_TRUE(table.advanceCapture(budget));
    table.takeCapture();
    const size_t full = table.bytes();
    keys.resize(1000);
    Probe(table, keys).count(table, 0);
    clock.now_ms += 1000;
    expireAll(table);
    EXPECT_EQ(table.rows(0), 0U);
    EXPECT_LT(table.bytes(), full / 3);
    table.beginCapture(CaptureMode::Incremental);
    budget = SIZE_MAX;
    EXPECT_TRUE(table.advanceCapture(budget));
    const auto segment = table.takeCapture().segments.front();
    EXPECT_FALSE(segment->full);
    expireAll(table);
    EXPECT_LT(table.bytes(), full / 10);
    // And the table is as good as new.
    Probe again(table, keys);
    again.count(table, 0);
    EXPECT_EQ(contents(table).size(), 1000U);
}

TEST(TimeToLive, OfWindowsTooAndTheirNamespacesGo) {
    ManualClock clock;
    HashMapTable table(expiring(100, true), kMaxParallelism, clock);
    for (int64_t window = 0; window < 10; ++window) {
        Probe(table, numbers(0, 50)).count(table, window);
        clock.now_ms += 30;
    }
    expireAll(table);
    EXPECT_EQ(table.namespaces(), (std::vector<int64_t>{7, 8, 9}));
    clock.now_ms += 1000;
    expireAll(table);
    EXPECT_TRUE(table.namespaces().empty());
}

// Random work while time passes, rows expire and captures are taken, against a map with times.
TEST(TimeToLive, AgreesWithAMapWithTimesThroughCheckpoints) {
    for (uint64_t seed = 1; seed <= 10; ++seed) {
        SCOPED_TRACE(seed);
        Random random(seed);
        ManualClock clock;
        const KeyedStateDescriptor descriptor = expiring(50, seed % 2 == 0);
        auto table = std::make_unique<HashMapTable>(descriptor, kMaxParallelism, clock);
        std::map<std::pair<int64_t, std::vector<Value>>, std::pair<int64_t, int64_t>> model;  // count, time
        const auto living = [&](const auto& all, int64_t now) {
            Model out;
            for (const auto& [key, row] : all) {
                if (row.second + 50 > now) out[key] = row.first;
            }
            return out;
        };
        auto at_barrier = model;
        std::vector<std::shared_ptr<const StateSegment>> chain;
        for (int step = 0; step < 200 && !::testing::Test::HasFailure(); ++step) {
            clock.now_ms += static_cast<int64_t>(random.below(8));
            const int64_t space = descriptor.namespaced ? static_cast<int64_t>(random.below(3)) : 0;
            std::vector<std::vector<Value>> keys;
            for (uint64_t left = random.below(40); left > 0; --left)
                keys.push_back({Value::int64(static_cast<int64_t>(random.below(300)))});
            Probe(*table, keys).count(*table, space);
            for (const auto& key : keys) {
                auto& [count, time] = model[{space, key}];
                count = time + 50 > clock.now_ms ? count + 1 : 1;
                time = clock.now_ms;
            }
            if (random.chance(0.5)) {
                size_t rows = random.below(200);
                table->expire(rows);
            }
            if (random.chance(0.05)) {
                table->dropNamespace(space);
                std::erase_if(model, [&](const auto& entry) { return entry.first.first == space; });
            }
            ASSERT_EQ(contents(*table), living(model, clock.now_ms));
            if (!table->capturing()) {
                if (!random.chance(0.3)) continue;
                at_barrier = model;
                table->beginCapture(CaptureMode::Incremental);
            }
            size_t rows = random.below(150);
            if (!table->advanceCapture(rows)) continue;
            const auto segment = table->takeCapture().segments.front();
            if (segment->full) chain.clear();
            chain.push_back(segment);
            if (chain.size() > 3) {
                chain = {std::make_shared<StateSegment>(mergeSegments(
                    descriptor, chain,
                    [](const StateSegment&, const KeyGroupSection& section) { return section; },
                    [](KeyGroupSection section) { return section; }))};
            }
            // Restored some time later, with the times the rows had.
            ManualClock later;
            later.now_ms = clock.now_ms + static_cast<int64_t>(random.below(60));
            auto restored = std::make_unique<HashMapTable>(descriptor, kMaxParallelism, later);
            restored->restore({descriptor, chain}, everyGroup);
            ASSERT_EQ(contents(*restored), living(at_barrier, later.now_ms));
            if (random.chance(0.2)) {
                table = std::make_unique<HashMapTable>(descriptor, kMaxParallelism, clock);
                table->restore({descriptor, chain}, everyGroup);
                model = at_barrier;
                chain.clear();
            }
        }
    }
}

TEST(TimeToLive, MayChangeBetweenRuns) {
    ManualClock clock;
    HashMapTable eternal(descriptorOf({LogicalType::bigint()}, false), kMaxParallelism, clock);
    Probe(eternal, numbers(0, 10)).count(eternal, 0);
    // It is new: the rows' time begins with the restore.
    clock.now_ms += 5000;
    HashMapTable mortal(expiring(100), kMaxParallelism, clock);
    mortal.restore(eternal.capture(), everyGroup);
    EXPECT_EQ(mortal.rows(0), 10U);
    clock.now_ms += 60;
    const KeyedStateSnapshot snapshot = mortal.capture();
    HashMapTable shorter(expiring(50), kMaxParallelism, clock);
    shorter.restore(snapshot, everyGroup);
    EXPECT_EQ(shorter.rows(0), 0U);
    HashMapTable longer(expiring(200), kMaxParallelism, clock);
    longer.restore(snapshot, everyGroup);
    clock.now_ms += 139;
    EXPECT_EQ(longer.rows(0), 10U);
    clock.now_ms += 1;
    EXPECT_EQ(longer.rows(0), 0U);
    HashMapTable none(descriptorOf({LogicalType::bigint()}, false), kMaxParallelism, clock);
    none.restore(snapshot, everyGroup);
    EXPECT_EQ(contents(none).size(), 10U);
}

TEST(TimeToLive, ABackendSaysTheShortestAndGoesThroughAllTables) {
    ManualClock clock;
    const auto backend = makeHashMapStateBackend({"uid", "op", SlotIndex(0), 1, kMaxParallelism, {}, &clock});
    KeyedTable& eternal = backend->table(descriptorOf({LogicalType::bigint()}, false));
    EXPECT_EQ(backend->shortestTtl(), Duration{0});
    EXPECT_TRUE(backend->expire(1));
    KeyedStateDescriptor descriptor = expiring(300);
    descriptor.name = "long";
    KeyedTable& late = backend->table(descriptor);
    descriptor.name = "short";
    descriptor.ttl = {200};
    KeyedTable& soon = backend->table(descriptor);
    EXPECT_EQ(backend->shortestTtl(), Duration{200});
    for (KeyedTable* table : {&eternal, &late, &soon})
        Probe(*table, numbers(0, 1000)).count(*table, 0);
    clock.now_ms += 200;
    int calls = 1;
    while (!backend->expire(100))
        ++calls;
    EXPECT_GE(calls, 20);
    EXPECT_EQ(eternal.rows(0), 1000U);
    EXPECT_EQ(late.rows(0), 1000U);
    EXPECT_EQ(soon.rows(0), 0U);
}

}  // namespace
}  // namespace millrace
