#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <set>

#include "base/error.h"
#include "state/hashmap/hash_map_table.h"
#include "state/test_support.h"

namespace millrace {
namespace {

using namespace testing;

using KeyMaker = std::function<std::vector<Value>(Random&)>;

// Random batches of inserts, erasures and dropped namespaces against std::map.
void checkAgainstModel(HashMapTable& table, const KeyMaker& make_key, uint64_t seed) {
    Random random(seed);
    Model model;
    const size_t key_fields = table.firstValueField();
    for (int step = 0; step < 60; ++step) {
        std::vector<std::vector<Value>> keys;
        for (uint64_t left = random.below(700); left > 0; --left)
            keys.push_back(make_key(random));
        const int64_t name_space =
            table.descriptor().namespaced ? static_cast<int64_t>(random.below(4)) - 1 : 0;
        Probe probe(table, keys);
        std::vector<uint32_t> selection;
        for (uint32_t i = 0; i < keys.size(); ++i) {
            if (random.chance(0.5)) selection.push_back(i);
        }
        if (step % 2 == 0 || selection.empty()) {
            selection.resize(keys.size());
            std::iota(selection.begin(), selection.end(), 0);
            probe.count(table, name_space);
        } else {
            probe.count(table, name_space, selection);
        }
        ASSERT_EQ(probe.rows.size(), selection.size());
        for (size_t i = 0; i < selection.size(); ++i) {
            const auto [entry, is_new] = model.emplace(std::pair(name_space, keys[selection[i]]), 0);
            ++entry->second;
            ASSERT_EQ(probe.inserted[i] != 0, is_new);
        }
        if (step % 3 == 0) {  // erase a third of what these keys reach
            std::vector<std::byte*> found;
            table.find(name_space, probe.keys, probe.hashes, {}, found);
            std::set<std::byte*> gone;
            for (size_t i = 0; i < found.size(); ++i) {
                const bool known = model.contains({name_space, keys[i]});
                if (gone.contains(found[i])) continue;
                ASSERT_EQ(found[i] != nullptr, known);
                if (found[i] == nullptr || !random.chance(0.33)) continue;
                model.erase({name_space, keys[i]});
                gone.insert(found[i]);
            }
            for (std::byte* row : gone)
                table.erase(name_space, row);
        }
        if (step % 17 == 16) {
            table.dropNamespace(name_space);
            std::erase_if(model, [&](const auto& entry) { return entry.first.first == name_space; });
        }
        ASSERT_EQ(contents(table), model) << "seed " << seed << ", step " << step;
        size_t rows = 0;
        for (const int64_t each : table.namespaces())
            rows += table.rows(each);
        ASSERT_EQ(rows, model.size());
    }
    // What is captured by key group and restored into empty tables is all of it, once.
    HashMapTable restored(table.descriptor(), kMaxParallelism);
    restored.restore(table.capture(), everyGroup);
    EXPECT_EQ(contents(restored), model);
    EXPECT_EQ(restored.layout().fieldCount(), key_fields + 1);
}

TEST(HashMapTable, AgreesWithAMapOnIntegerKeys) {
    for (uint64_t seed = 1; seed <= 5; ++seed) {
        HashMapTable table(descriptorOf({LogicalType::bigint()}, true), kMaxParallelism);
        checkAgainstModel(
            table,
            [](Random& random) {
                return std::vector{random.chance(0.02)
                                       ? Value::null()
                                       : Value::int64(static_cast<int64_t>(random.below(900)))};
            },
            seed);
    }
}

TEST(HashMapTable, AgreesWithAMapOnStringKeys) {
    HashMapTable table(descriptorOf({LogicalType::string()}, true), kMaxParallelism);
    checkAgainstModel(
        table, [](Random& random) { return std::vector{someText(random, 600)}; }, 11);
}

TEST(HashMapTable, AgreesWithAMapOnManyKeyFields) {
    HashMapTable table(
        descriptorOf({LogicalType::integer(), LogicalType::string(), LogicalType::doublePrecision(),
                      LogicalType::decimal(30, 2), LogicalType::boolean()},
                     false),
        kMaxParallelism);
    checkAgainstModel(
        table,
        [](Random& random) {
            return std::vector{
                random.chance(0.2) ? Value::null() : Value::int64(static_cast<int64_t>(random.below(4))),
                random.chance(0.2) ? Value::null() : someText(random, 9),
                random.chance(0.2) ? Value::null() : Value::float64(static_cast<double>(random.below(3)) / 2),
                random.chance(0.2) ? Value::null()
                                   : Value::int128(static_cast<Int128>(random.below(2)) << 70),
                Value::boolean(random.chance(0.5))};
        },
        12);
}

TEST(HashMapTable, AgreesWithAMapOnKeysThatShareTagAndHome) {
    // Hashes made by hand: all keys in one run with one tag, so that every comparison has to go to the key.
    HashMapTable table(descriptorOf({LogicalType::bigint()}, false), kMaxParallelism);
    std::vector<std::vector<Value>> keys;
    for (int i = 0; i < 200; ++i)
        keys.push_back({Value::int64(i)});
    Probe probe(table, keys);
    std::fill(probe.hashes.begin(), probe.hashes.end(), 42);
    probe.count(table, 0);
    probe.count(table, 0);
    EXPECT_EQ(table.rows(0), 200U);
    for (const auto& [key, count] : contents(table))
        EXPECT_EQ(count, 2);
    for (size_t i = 0; i < 200; i += 2)
        table.erase(0, probe.rows[i]);
    std::vector<std::byte*> found;
    table.find(0, probe.keys, probe.hashes, {}, found);
    for (size_t i = 0; i < 200; ++i)
        EXPECT_EQ(found[i] == nullptr, i % 2 == 0) << i;
}

TEST(HashMapTable, OneGlobalKeyHasOneRow) {
    HashMapTable table(descriptorOf({}, false), kMaxParallelism);
    Probe probe(table, {{}, {}, {}});
    EXPECT_EQ(probe.hashes.size(), 3U);
    probe.count(table, 0);
    EXPECT_EQ(table.rows(0), 1U);
    EXPECT_EQ(contents(table).begin()->second, 3);
}

TEST(HashMapTable, VisitsRowsInTheOrderOfInsertion) {
    HashMapTable table(descriptorOf({LogicalType::bigint()}, false), kMaxParallelism);
    std::vector<std::vector<Value>> keys;
    for (int64_t i = 0; i < 5000; ++i)
        keys.push_back({Value::int64((i * 7919) % 5000)});
    Probe probe(table, keys);
    probe.count(table, 0);
    EXPECT_EQ(table.allRows(0), probe.rows);
}

TEST(HashMapTable, ReusesTheMemoryOfClosedWindows) {
    HashMapTable table(descriptorOf({LogicalType::bigint()}, true), kMaxParallelism);
    std::vector<std::vector<Value>> keys;
    for (int64_t i = 0; i < 3000; ++i)
        keys.push_back({Value::int64(i)});
    Probe probe(table, keys);
    size_t after_the_third = 0;
    for (int64_t window = 0; window < 100; ++window) {
        probe.count(table, window);
        if (window > 0) table.dropNamespace(window - 1);
        if (window == 2) after_the_third = table.bytes();
    }
    EXPECT_EQ(table.bytes(), after_the_third);
    EXPECT_EQ(table.namespaces(), std::vector<int64_t>{99});
    table.dropNamespace(99);
    EXPECT_LT(table.bytes(), size_t{2} << 20);
}

// Backends of one operator at some parallelism, and their snapshots.
struct Subtasks {
    std::vector<std::unique_ptr<StateBackend>> backends;

    Subtasks(uint32_t parallelism, std::vector<std::shared_ptr<const OperatorSnapshot>> restored) {
        for (uint32_t i = 0; i < parallelism; ++i) {
            backends.push_back(makeHashMapStateBackend(
                {"uid-1", "GroupAggregate", SlotIndex(i), parallelism, kMaxParallelism, restored}));
        }
    }
    std::vector<std::shared_ptr<const OperatorSnapshot>> capture() {
        std::vector<std::shared_ptr<const OperatorSnapshot>> all;
        for (const auto& backend : backends) {
            all.push_back(std::make_shared<const OperatorSnapshot>(backend->capture()));
        }
        return all;
    }
};

TEST(StateBackend, RestoresAtAnyParallelismEveryKeyToItsOwner) {
    const KeyedStateDescriptor descriptor = descriptorOf({LogicalType::string()}, true);
    std::vector<std::vector<Value>> keys;
    for (int i = 0; i < 1000; ++i)
        keys.push_back({Value::string(fmt::format("a key with its number {}", i))});

    Subtasks first(1, {});
    KeyedTable& table = first.backends[0]->table(descriptor);
    Probe(table, keys).count(table, 7);
    Probe(table, keys).count(table, -8);
    const Model all = contents(table);

    auto snapshots = first.capture();
    for (const uint32_t parallelism : {3U, 2U, 128U, 1U}) {
        Subtasks subtasks(parallelism, snapshots);
        Model found;
        for (uint32_t i = 0; i < parallelism; ++i) {
            KeyedTable& part = subtasks.backends[i]->table(descriptor);
            for (const auto& [key, count] : contents(part)) {
                EXPECT_TRUE(found.emplace(key, count).second);
                uint64_t hash = 0;
                std::vector<uint64_t> hashes;
                hashColumns(std::vector{Column::of(LogicalType::string(), key.second)}, 1, hashes);
                hash = hashes[0];
                EXPECT_EQ(ownerOf(keyGroupOf(hash, kMaxParallelism), kMaxParallelism, parallelism).value(),
                          i);
            }
            EXPECT_GT(subtasks.backends[i]->bytes(), 0U);
        }
        EXPECT_EQ(found, all);
        snapshots = subtasks.capture();
    }
}

TEST(StateBackend, DealsListsOutAsTheyAsk) {
    Subtasks first(2, {});
    first.backends[0]->list("splits", Redistribution::Split) = {"a", "b", "c"};
    first.backends[1]->list("splits", Redistribution::Split) = {"d", "e"};
    first.backends[0]->list("offsets", Redistribution::Union) = {"x"};
    first.backends[1]->list("offsets", Redistribution::Union) = {"y"};

    Subtasks second(3, first.capture());
    std::multiset<std::string> dealt;
    for (const auto& backend : second.backends) {
        const auto& part = backend->list("splits", Redistribution::Split);
        EXPECT_LE(part.size(), 2U);
        dealt.insert(part.begin(), part.end());
        EXPECT_EQ(backend->list("offsets", Redistribution::Union), (std::vector<std::string>{"x", "y"}));
    }
    EXPECT_EQ(dealt, (std::multiset<std::string>{"a", "b", "c", "d", "e"}));
}

std::string messageOf(const std::function<void()>& action, const std::string& code) {
    try {
        action();
    } catch (const UserError& error) {
        EXPECT_EQ(error.code(), code);
        return error.problem().message;
    }
    ADD_FAILURE() << "no error";
    return "";
}

TEST(StateBackend, SaysWhatChangedWhenStateDoesNotFit) {
    Subtasks first(1, {});
    first.backends[0]->table(descriptorOf({LogicalType::bigint()}, false));
    const auto snapshots = first.capture();

    Subtasks second(1, snapshots);
    EXPECT_EQ(messageOf([&] { second.backends[0]->table(descriptorOf({LogicalType::string()}, false)); },
                        "state.incompatible"),
              "operator 'GroupAggregate' (uid uid-1) cannot use its state 'counts' from the snapshot: "
              "key field 1 ('k0') was BIGINT and is now STRING");
    EXPECT_NE(messageOf([&] { second.backends[0]->table(descriptorOf({LogicalType::bigint()}, true)); },
                        "state.incompatible")
                  .find("was not kept by window"),
              std::string::npos);
    KeyedStateDescriptor renamed = descriptorOf({LogicalType::bigint().withNullable(false)}, false);
    EXPECT_NO_THROW(second.backends[0]->table(renamed));
}

TEST(StateBackend, RefusesRowsThatLieInTheWrongKeyGroup) {
    HashMapTable table(descriptorOf({LogicalType::bigint()}, false), kMaxParallelism);
    Probe(table, {{Value::int64(1)}, {Value::int64(2)}}).count(table, 0);
    const KeyedStateSnapshot snapshot = table.capture();
    const auto restoring = [&](const std::function<void(std::vector<KeyGroupSection>&)>& change) {
        auto segment = std::make_shared<StateSegment>(*snapshot.segments.front());
        change(segment->groups);
        HashMapTable other(table.descriptor(), kMaxParallelism);
        return messageOf(
            [&] {
                other.restore({table.descriptor(), {segment}}, everyGroup);
            },
            "snapshot.damaged");
    };
    ASSERT_EQ(snapshot.segments.front()->groups.size(), 2U);
    restoring([](auto& groups) { std::swap(groups[0].data, groups[1].data); });
    restoring([](auto& groups) { groups[0].group = KeyGroup(5000); });
    restoring([](auto& groups) { groups[0].rows += 1; });
    restoring([](auto& groups) { groups[0].rows = UINT64_MAX; });
    restoring(
        [](auto& groups) { groups[0].data = SectionData(std::string(groups[0].data.bytes.view()) + "x"); });
    restoring([](auto& groups) {  // a key twice
        const std::string row(groups[0].data.bytes.view());
        groups[0].data = SectionData(row + row);
        groups[0].rows = 2;
    });
}

}  // namespace
}  // namespace millrace
