// Watermarks by split, with the operator that derives them: what counts, idleness, alignment.
#include "runtime/split_watermarks.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <optional>

#include "operators/test_harness.h"
#include "operators/watermark_assigner.h"

namespace millrace {
namespace {

using testing::CollectingOutput;
using testing::ManualClock;
using testing::SubtaskContext;

const Schema kSplitRows({{"t", LogicalType::timestamp(3).withNullable(false)}});

Batch splitRowsAt(std::vector<int64_t> times_ms) {
    BatchBuilder builder(kSplitRows);
    for (const int64_t ms : times_ms) {
        builder.column(0).append<int64_t>(ms * 1000);
        builder.endRow();
    }
    return builder.finish();
}

// A subtask of a source with the operator of its watermarks, without delay.
class SplitSubtask final : public HeldSource {
  public:
    explicit SplitSubtask(ManualClock& clock, Duration idle_timeout = {}, WatermarkAlignment alignment = {},
                          std::shared_ptr<WatermarkAlignmentGroups> groups = nullptr, std::string uid = "w")
        : op_(kSplitRows, 0, Expression::column(0, kSplitRows[0].type, "t"), 0, idle_timeout,
              std::move(alignment)),
          clock_(clock) {
        context_.configuration_ = &configuration_;
        context_.clock = &clock;
        watermarks.emplace(op_, context_, output, std::move(uid), *this, std::move(groups));
    }

    void hold(const SplitWatermarks&, std::set<std::string> splits, bool all) override {
        held = std::move(splits);
        held_all = all;
    }
    void rows(const std::string& split, std::vector<int64_t> times_ms) {
        watermarks->ofSplit(split);
        watermarks->process(splitRowsAt(std::move(times_ms)));
    }
    // Timers that are due, as the runtime fires them.
    void passTime(int64_t ms) {
        clock_.now_ms += ms;
        fire();
    }
    void fire() {
        if (context_.wake_ms > clock_.now_ms) return;
        context_.wake_ms = INT64_MAX;
        watermarks->onProcessingTime(clock_.now());
    }
    int64_t last() const { return output.watermarks.empty() ? INT64_MIN : output.watermarks.back(); }

    CollectingOutput output;
    std::set<std::string> held;
    bool held_all = false;
    std::optional<SplitWatermarks> watermarks;

  private:
    const WatermarkAssigner op_;
    Configuration configuration_;
    SubtaskContext context_;
    ManualClock& clock_;
};

TEST(SplitWatermarks, theLowestOfTheActiveOnesCounts) {
    ManualClock clock;
    SplitSubtask source(clock);
    source.watermarks->splitAdded("a");
    source.watermarks->splitAdded("b");
    source.rows("a", {100, 200});
    EXPECT_EQ(source.last(), INT64_MIN) << "b has no watermark yet";
    source.rows("b", {50});
    EXPECT_EQ(source.last(), 50);
    source.rows("b", {300});
    EXPECT_EQ(source.last(), 200);
    source.watermarks->splitAdded("c");
    source.rows("a", {400});
    EXPECT_EQ(source.last(), 200) << "c holds it where it is";
    source.watermarks->splitFinished("c");
    EXPECT_EQ(source.last(), 300);
    source.watermarks->splitFinished("b");
    EXPECT_EQ(source.last(), 400);
    source.watermarks->splitFinished("a");
    source.watermarks->onWatermark(EventTime::max());
    EXPECT_EQ(source.last(), EventTime::max().value());
}

TEST(SplitWatermarks, aRowIsCutFromTheWatermarksOfItsOwnSplitOnly) {
    ManualClock clock;
    SplitSubtask source(clock);
    source.watermarks->splitAdded("a");
    source.watermarks->splitAdded("b");
    source.rows("a", {10'000});
    source.rows("b", {5'000, 1'000});  // 1'000 is late in b
    EXPECT_EQ(source.output.events, (std::vector<std::string>{"rows", "rows", "watermark 5000", "rows"}));
}

TEST(SplitWatermarks, idleSplitsDoNotHoldItBack) {
    ManualClock clock;
    SplitSubtask source(clock, Duration{1'000});
    EXPECT_TRUE(source.output.events.empty());
    source.watermarks->splitAdded("a");
    source.watermarks->splitAdded("b");
    source.passTime(600);
    source.rows("a", {100});
    source.passTime(600);  // b has had nothing for 1200 ms, a for 600
    EXPECT_EQ(source.last(), 100);
    source.passTime(600);
    EXPECT_EQ(source.output.events.back(), "idle");
    source.rows("b", {20});
    EXPECT_EQ(source.output.events[source.output.events.size() - 2], "active");
    EXPECT_EQ(source.last(), 100) << "it does not go back";
    source.rows("b", {250});
    EXPECT_EQ(source.last(), 250) << "a is idle still";
}

TEST(SplitWatermarks, aSubtaskWithoutSplitsIsIdleInTime) {
    ManualClock clock;
    SplitSubtask source(clock, Duration{1'000});
    source.passTime(1'000);
    EXPECT_EQ(source.output.events, (std::vector<std::string>{"idle"}));
    source.watermarks->splitAdded("a");
    EXPECT_EQ(source.output.events.back(), "active");
}

TEST(SplitWatermarks, aSourceThatTellsNoSplitsIsOne) {
    ManualClock clock;
    SplitSubtask source(clock);
    source.watermarks->process(splitRowsAt({10, 20}));
    EXPECT_EQ(source.last(), 20);
}

// Against a model, with random splits that come, give rows and end.
TEST(SplitWatermarks, asAModelHasIt) {
    for (uint64_t seed = 0; seed < 300; ++seed) {
        ManualClock clock;
        SplitSubtask source(clock);
        Random random(seed);
        std::map<std::string, int64_t> model;
        int64_t expected = INT64_MIN, alone = INT64_MIN;
        int names = 0;
        for (int step = 0; step < 200; ++step) {
            const auto choice = random.below(10);
            if (choice == 0 || model.empty()) {
                const std::string id = std::to_string(names++);
                source.watermarks->splitAdded(id);
                model[id] = INT64_MIN;
            } else {
                auto split = std::next(model.begin(), static_cast<ptrdiff_t>(random.below(model.size())));
                if (choice == 1) {
                    alone = std::max(expected, split->second);
                    source.watermarks->splitFinished(split->first);
                    model.erase(split);
                } else {
                    const auto at =
                        static_cast<int64_t>(random.below(1'000) + 20 * static_cast<uint64_t>(step));
                    source.rows(split->first, {at});
                    split->second = std::max(split->second, at);
                }
            }
            int64_t lowest = model.empty() ? alone : INT64_MAX;
            for (const auto& [id, watermark] : model)
                lowest = std::min(lowest, watermark);
            expected = std::max(expected, lowest);
            ASSERT_EQ(source.last(), expected) << "seed " << seed << ", step " << step;
        }
        ASSERT_TRUE(std::is_sorted(source.output.watermarks.begin(), source.output.watermarks.end()));
    }
}

TEST(WatermarkAlignment, splitsThatAreAheadWaitForTheGroup) {
    ManualClock clock;
    const auto groups = std::make_shared<WatermarkAlignmentGroups>();
    const WatermarkAlignment alignment{"g", Duration{100}, Duration{1'000}};
    SplitSubtask fast(clock, Duration{5'000}, alignment, groups, "fast");
    SplitSubtask slow(clock, {}, alignment, groups, "slow");
    for (const char* id : {"a", "b"})
        fast.watermarks->splitAdded(id);
    slow.watermarks->splitAdded("c");
    fast.rows("a", {2'000});
    fast.rows("b", {1'000});
    const auto update = [&] {
        clock.now_ms += 1'000;
        for (int round = 0; round < 2; ++round) {  // each then knows of what the other reported
            fast.fire();
            slow.fire();
            clock.now_ms += 1'000;
        }
    };
    update();
    EXPECT_EQ(fast.held, std::set<std::string>{"a"}) << "ahead of b by more than the drift";
    EXPECT_TRUE(slow.held.empty());
    slow.rows("c", {500});
    update();
    EXPECT_EQ(fast.held, (std::set<std::string>{"a", "b"}));
    slow.rows("c", {1'950});
    update();
    EXPECT_EQ(fast.held, std::set<std::string>{"a"}) << "b holds it now";
    fast.rows("b", {1'990});
    update();
    EXPECT_TRUE(fast.held.empty());
    slow.rows("c", {9'000});
    update();
    EXPECT_EQ(slow.held, std::set<std::string>{"c"});
    fast.watermarks->onWatermark(EventTime::max());  // its source has ended
    update();
    EXPECT_TRUE(slow.held.empty());
}

TEST(WatermarkAlignment, aSplitThatIsHeldBackIsNotIdle) {
    ManualClock clock;
    const auto groups = std::make_shared<WatermarkAlignmentGroups>();
    const WatermarkAlignment alignment{"g", Duration{100}, Duration{500}};
    SplitSubtask source(clock, Duration{1'000}, alignment, groups, "one");
    source.watermarks->splitAdded("a");
    source.watermarks->splitAdded("b");
    source.rows("a", {5'000});
    for (int i = 0; i < 20; ++i) {
        source.rows("b", {i});
        source.passTime(500);
        EXPECT_EQ(source.last(), i) << "a counts, though nothing of it is read";
    }
    EXPECT_EQ(source.held, std::set<std::string>{"a"});
}

TEST(WatermarkAlignment, aSourceThatTellsNoSplitsWaitsAsAWhole) {
    ManualClock clock;
    const auto groups = std::make_shared<WatermarkAlignmentGroups>();
    const WatermarkAlignment alignment{"g", Duration{100}, Duration{500}};
    SplitSubtask fast(clock, {}, alignment, groups, "fast"), slow(clock, {}, alignment, groups, "slow");
    fast.watermarks->process(splitRowsAt({1'000}));
    slow.watermarks->process(splitRowsAt({10}));
    slow.passTime(500);
    fast.fire();
    EXPECT_TRUE(fast.held_all);
    EXPECT_FALSE(slow.held_all);
    slow.watermarks->process(splitRowsAt({950}));
    slow.passTime(500);
    fast.fire();
    EXPECT_FALSE(fast.held_all);
}

}  // namespace
}  // namespace millrace
