#include "base/remainder.h"

#include <gtest/gtest.h>

#include <random>

namespace millrace {
namespace {

TEST(Remainder, IsThatOfADivision) {
    std::mt19937_64 random(1);
    for (const uint32_t divisor : {1U, 2U, 3U, 7U, 128U, 1000U, 32768U, 65537U, 0x7FFFFFFFU, 0xFFFFFFFFU}) {
        const Remainder remainder(divisor);
        for (const uint32_t value : {0U, 1U, divisor - 1, divisor, divisor + 1, 0xFFFFFFFEU, 0xFFFFFFFFU})
            EXPECT_EQ(remainder(value), value % divisor) << value << " by " << divisor;
        for (int i = 0; i < 10'000; ++i) {
            const auto value = static_cast<uint32_t>(random());
            EXPECT_EQ(remainder(value), value % divisor) << value << " by " << divisor;
        }
    }
}

}  // namespace
}  // namespace millrace
