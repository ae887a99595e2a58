// Containers whose nodes are of a pool, against others.
#include "base/node_pool.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <string>

#include "base/random.h"

namespace millrace {
namespace {

using PooledMap = std::map<int, std::string, std::less<>, NodeAllocator<std::pair<const int, std::string>>>;

TEST(NodePool, HoldsWhatComesAndGoes) {
    NodePool pool(heapMemory());
    Random random(1);
    std::map<int, std::string> expected;
    PooledMap pooled{NodeAllocator<std::pair<const int, std::string>>(pool)};
    for (int step = 0; step < 20'000; ++step) {
        const int key = static_cast<int>(random.below(500));
        if (random.chance(0.5)) {
            expected[key] = std::to_string(step);
            pooled[key] = std::to_string(step);
        } else {
            expected.erase(key);
            pooled.erase(key);
        }
    }
    EXPECT_TRUE(std::equal(expected.begin(), expected.end(), pooled.begin(), pooled.end()));
}

TEST(NodePool, ObjectsAreApartAndAligned) {
    NodePool pool(heapMemory());
    Random random(2);
    std::vector<std::pair<std::byte*, size_t>> objects;
    for (int i = 0; i < 5000; ++i) {
        const size_t bytes = 1 + random.below(NodePool::kBytesMax + 200);
        objects.emplace_back(static_cast<std::byte*>(pool.allocate(bytes)), bytes);
        EXPECT_EQ(reinterpret_cast<uintptr_t>(objects.back().first) % 16, 0U);
        if (random.chance(0.3)) {
            std::swap(objects.back(), objects[random.below(objects.size())]);
            pool.deallocate(objects.back().first, objects.back().second);
            objects.pop_back();
        }
    }
    std::sort(objects.begin(), objects.end());
    for (size_t i = 1; i < objects.size(); ++i)
        EXPECT_LE(objects[i - 1].first + objects[i - 1].second, objects[i].first);
    for (const auto& [object, bytes] : objects)
        pool.deallocate(object, bytes);
}

TEST(NodePool, TakesNoMoreForWhatComesAgain) {
    NodePool pool(heapMemory());
    const auto fill = [&] {
        std::vector<void*> objects;
        objects.reserve(10'000);
        for (int i = 0; i < 10'000; ++i)
            objects.push_back(pool.allocate(100));
        for (void* object : objects)
            pool.deallocate(object, 100);
    };
    fill();
    const size_t held = pool.heldBytes();
    EXPECT_GE(held, 10'000U * 100);
    for (int round = 0; round < 5; ++round)
        fill();
    EXPECT_EQ(pool.heldBytes(), held);
}

}  // namespace
}  // namespace millrace
