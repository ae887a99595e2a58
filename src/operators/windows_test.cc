#include "operators/windows.h"

#include <gtest/gtest.h>

#include <set>

#include "base/error.h"

namespace millrace {
namespace {

// Every window that contains a point in time, by definition.
std::set<int64_t> windowEndsOf(const Windows& windows, int64_t time) {
    std::set<int64_t> ends;
    const int64_t start_step = windows.shape == WindowShape::Cumulate ? windows.size_ms : windows.step_ms;
    for (int64_t k = -400; k < 400; ++k) {
        const int64_t start = windows.offset_ms + k * start_step;
        if (windows.shape == WindowShape::Cumulate) {
            for (int64_t end = start + windows.step_ms; end <= start + windows.size_ms;
                 end += windows.step_ms) {
                if (start <= time && time < end) ends.insert(end);
            }
        } else if (start <= time && time < start + windows.size_ms) {
            ends.insert(start + windows.size_ms);
        }
    }
    return ends;
}

TEST(Windows, SlicesAgreeWithTheDefinition) {
    const Windows all[] = {
        {WindowShape::Tumble, 10, 10, 0},  {WindowShape::Tumble, 10, 10, 3},
        {WindowShape::Tumble, 10, 10, -3}, {WindowShape::Hop, 10, 5, 0},
        {WindowShape::Hop, 10, 2, 1},      {WindowShape::Hop, 10, 4, 0},
        {WindowShape::Hop, 4, 10, 0},      {WindowShape::Hop, 12, 8, -5},
        {WindowShape::Cumulate, 12, 3, 0}, {WindowShape::Cumulate, 12, 4, 5},
    };
    for (const Windows& windows : all) {
        SCOPED_TRACE(windows.toString());
        for (int64_t time = -60; time <= 60; ++time) {
            const int64_t slice = windows.sliceEnd(time);
            EXPECT_LT(time, slice);
            EXPECT_GE(time, slice - windows.sliceMillis());
            std::set<int64_t> ends;
            for (int64_t end = windows.firstWindowEnd(slice); end <= windows.lastWindowEnd(slice);
                 end += windows.step_ms) {
                ends.insert(end);
                EXPECT_LE(windows.windowStart(end), time);
            }
            EXPECT_EQ(ends, windowEndsOf(windows, time)) << "at " << time;
        }
    }
}

TEST(Windows, ZonesFollowTheirWallClock) {
    const ZoneClock utc("UTC");
    EXPECT_TRUE(utc.isUtc());
    EXPECT_EQ(utc.toLocal(123), 123);

    const ZoneClock berlin("Europe/Berlin");
    constexpr int64_t kHour = 3'600'000;
    const int64_t summer = 1'752'000'000'000;  // July 2025
    EXPECT_EQ(berlin.toLocal(summer), summer + 2 * kHour);
    EXPECT_EQ(berlin.toUtc(summer + 2 * kHour), summer);
    EXPECT_EQ(berlin.toUtc(berlin.toLocal(-1)), -1);  // before the epoch, to the millisecond

    const ZoneClock fixed("GMT-03:30");
    EXPECT_EQ(fixed.toLocal(0), -(3 * kHour + kHour / 2));
    EXPECT_THROW(ZoneClock("Mars/Olympus"), UserError);
}

}  // namespace
}  // namespace millrace
