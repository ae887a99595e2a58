// How wide pages are begun, by how full they get.
#include "state/hashmap/page_widths.h"

#include <gtest/gtest.h>

namespace millrace {
namespace {

constexpr uint64_t kMost = 65536;

// Begins pages; each value fills `page` of one. How many were begun.
int begin(PageWidths& widths, int pages, double page) {
    int64_t low = 0;
    for (int begun = 0; begun < pages; ++begun) {
        const uint64_t width = widths.width();
        if (width == 0) return begun;
        const auto judged = widths.begun({low, width});
        low += static_cast<int64_t>(width);
        if (judged) widths.judge(*judged, static_cast<double>(judged->width) * page);
    }
    return pages;
}

TEST(PageWidths, NoneIsBegunUntilOneWasFull) {
    PageWidths widths(kMost);
    EXPECT_EQ(widths.width(), 0U);
    widths.full(40);
    EXPECT_EQ(widths.width(), 40U);
}

TEST(PageWidths, FollowsWhatFillsPages) {
    for (const uint64_t first : {1U, 3U, 40U, 400U, 10'000U}) {
        PageWidths widths(kMost);
        widths.full(first);
        begin(widths, 1000, 1.0 / 100);
        EXPECT_NEAR(static_cast<double>(widths.width()), 85, 2) << first;
        begin(widths, 1000, 1.0 / 10);
        EXPECT_NEAR(static_cast<double>(widths.width()), 8.5, 1) << first;
    }
}

TEST(PageWidths, PagesThatStayEmptyAreSoonNotBegun) {
    PageWidths widths(kMost);
    widths.full(1);
    const int begun = begin(widths, 100'000, 1e-9);
    EXPECT_LT(begun, 200);
    EXPECT_EQ(widths.width(), 0U);
}

TEST(PageWidths, TriesAgainWhereManyWereFull) {
    PageWidths widths(kMost);
    widths.full(100);
    for (int page = 0; page < 255; ++page)
        widths.full(20);
    EXPECT_EQ(widths.width(), 100U);
    widths.full(20);
    EXPECT_EQ(widths.width(), 20U);
    // But not where some were begun.
    for (int page = 0; page < 1000; ++page) {
        widths.full(10);
        begin(widths, 1, 0.85 / 20);
    }
    EXPECT_EQ(widths.width(), 20U);
}

}  // namespace
}  // namespace millrace
