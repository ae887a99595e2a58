#include "state/row_numbers.h"

#include <gtest/gtest.h>

#include <set>

namespace millrace {
namespace {

TEST(RowNumbers, ARowIsOfTheKeyGroupItsNumberWasGivenFor) {
    for (const uint32_t max_parallelism : {1U, 100U, 128U, 32768U}) {
        RowNumbers numbers(max_parallelism);
        std::vector<int64_t> given;
        std::vector<KeyGroup> groups;
        for (uint32_t i = 0; i < 5000; ++i) {
            groups.push_back(KeyGroup(static_cast<uint16_t>(i * 31 % max_parallelism)));
            given.push_back(numbers.next(groups.back()));
            EXPECT_LT(given.back(), RowNumbers::kEnd);
        }
        const RowNumbers::Keys keys = numbers.keysOf(given);
        KeyedStateDescriptor descriptor;
        RowNumbers::describe(descriptor);
        std::vector<uint64_t> hashes;
        hashKeys(descriptor, keys.columns, given.size(), max_parallelism, hashes);
        EXPECT_EQ(hashes, std::vector<uint64_t>(keys.hashes.begin(), keys.hashes.end()));
        for (size_t i = 0; i < given.size(); ++i)
            ASSERT_EQ(keyGroupOf(hashes[i], max_parallelism), groups[i]);
        EXPECT_EQ(std::set<uint64_t>(hashes.begin(), hashes.end()).size(), hashes.size());
    }
}

TEST(RowNumbers, AscendAlsoBehindThoseRestored) {
    RowNumbers numbers(128);
    const int64_t first = numbers.next(KeyGroup(127));
    EXPECT_LT(first, numbers.next(KeyGroup(0)));
    RowNumbers later(128);
    later.restored(first + 1000 * 32768);
    EXPECT_GT(later.next(KeyGroup(0)), first + 1000 * 32768);
}

}  // namespace
}  // namespace millrace
