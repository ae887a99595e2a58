// Ranges of numbers against a map of their lowest numbers.
#include "state/hashmap/number_ranges.h"

#include <gtest/gtest.h>

#include <limits>
#include <map>

#include "base/random.h"

namespace millrace {
namespace {

constexpr int64_t kLowest = std::numeric_limits<int64_t>::min();
constexpr int64_t kHighest = std::numeric_limits<int64_t>::max();

int rangeOf(const std::map<int64_t, int>& model, int64_t number) {
    return std::prev(model.upper_bound(number))->second;
}

template <class Draw>
void divideAndFind(const Draw& draw) {
    Random random(3);
    NumberRanges<int> ranges(0);
    std::map<int64_t, int> model{{kLowest, 0}};
    for (int i = 1; i < 3000; ++i) {
        const int64_t low = draw(random, i);
        if (model.contains(low)) continue;
        ranges.divide(low, i);
        model[low] = i;
        const int64_t at = draw(random, i);
        ASSERT_EQ(ranges.at(at), rangeOf(model, at));
        ASSERT_EQ(ranges.at(low), i);
        if (low > kLowest) {
            ASSERT_EQ(ranges.at(low - 1), rangeOf(model, low - 1));
        }
    }
    std::vector<int64_t> numbers{kLowest, kHighest, 0, -1};
    while (numbers.size() < NumberRanges<int>::kNumbersMax)
        numbers.push_back(draw(random, static_cast<int>(random.below(3000))));
    for (size_t count = 0; count <= numbers.size(); ++count) {
        std::vector<int> found(count);
        ranges.find({numbers.data(), count}, found.data());
        for (size_t i = 0; i < count; ++i)
            ASSERT_EQ(found[i], rangeOf(model, numbers[i]));
    }
    ranges.at(7) = -7;
    EXPECT_EQ(ranges.at(7), -7);
    EXPECT_GT(ranges.bytes(), model.size() * sizeof(int64_t));
}

TEST(NumberRanges, AreFoundHoweverTheyWereDivided) {
    divideAndFind([](Random&, int i) { return int64_t{i} * 10; });
    divideAndFind([](Random&, int i) { return int64_t{i} * -10; });
    divideAndFind([](Random& random, int) { return static_cast<int64_t>(random.next()); });
    divideAndFind([](Random& random, int) { return static_cast<int64_t>(random.below(2000)) - 1000; });
    divideAndFind([](Random&, int i) { return i % 2 == 0 ? kHighest - i / 2 : kLowest + i; });
}

TEST(NumberRanges, OneRangeHoldsAll) {
    NumberRanges<int> ranges(5);
    const int64_t numbers[] = {kLowest, 0, kHighest};
    int found[3] = {};
    ranges.find(numbers, found);
    for (size_t i = 0; i < 3; ++i) {
        EXPECT_EQ(found[i], 5);
        EXPECT_EQ(ranges.at(numbers[i]), 5);
    }
}

}  // namespace
}  // namespace millrace
