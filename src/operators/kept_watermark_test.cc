#include "operators/kept_watermark.h"

#include <gtest/gtest.h>

namespace millrace {
namespace {

using Items = std::vector<KeptWatermark::Item>;

// The watermark that ends all time may overtake those before it on its way to one subtask, and not to
// another.
TEST(KeptWatermark, WhoHasEndedHoldsNobodyBack) {
    constexpr int64_t kNone = std::numeric_limits<int64_t>::min();
    EXPECT_EQ(KeptWatermark::lowest(Items{{5, false}, {3, false}}), 3);
    EXPECT_EQ(KeptWatermark::lowest(Items{{kNone, true}, {6, true}}), 6);
    EXPECT_EQ(KeptWatermark::lowest(Items{{kNone, true}, {6, false}, {9, false}}), 6);
    EXPECT_EQ(KeptWatermark::lowest(Items{{kNone, true}}), kNone);
}

}  // namespace
}  // namespace millrace
