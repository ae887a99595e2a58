#include "operators/watermark_assigner.h"

#include <gtest/gtest.h>

#include "operators/test_harness.h"

namespace millrace {
namespace {

using testing::batchOf;
using testing::OperatorHarness;
using testing::TestRow;
using Events = std::vector<std::string>;

const Schema kSchema({{"ts", LogicalType::timestamp(3)}, {"v", LogicalType::bigint()}});

Batch rowsAt(const std::vector<int64_t>& millis) {
    std::vector<TestRow> rows;
    rows.reserve(millis.size());
    for (const int64_t ms : millis)
        rows.push_back({{Value::int64(ms * 1000), Value::int64(ms)}});
    return batchOf(kSchema, rows);
}

std::shared_ptr<Operator> assigner(int64_t delay_ms, int64_t idle_ms = 0) {
    return std::make_shared<WatermarkAssigner>(kSchema, 0, Expression::column(0, kSchema[0].type, "ts"),
                                               delay_ms * 1000, Duration{idle_ms});
}

TEST(WatermarkAssigner, FollowsTheLargestRowtime) {
    OperatorHarness harness(assigner(1000));
    harness.process(rowsAt({5000, 5500, 5200}));
    harness.process(rowsAt({5100}));  // nothing new
    harness.process(rowsAt({-7001}));
    harness.process(rowsAt({9000}));
    EXPECT_EQ(harness.output.events,
              (Events{"rows", "watermark 4500", "rows", "rows", "rows", "watermark 8000"}));
}

TEST(WatermarkAssigner, OrderedRowsAreNotCut) {
    OperatorHarness harness(assigner(0));
    harness.process(rowsAt({0, 10'000, 20'000, 30'000}));
    EXPECT_EQ(harness.output.events, (Events{"rows", "watermark 30000"}));
}

TEST(WatermarkAssigner, ALateRowIsLateInWhateverBatchItComes) {
    OperatorHarness whole(assigner(0));
    whole.process(rowsAt({0, 20'000, 20'100, 5'000, 6'000, 30'000}));
    // Before the row at 5,000 the watermark that was due; the one after it is behind the same watermark.
    EXPECT_EQ(whole.output.events, (Events{"rows", "watermark 20000", "rows", "watermark 30000"}));
    EXPECT_EQ(whole.output.batches[0].rows(), 3u);
    EXPECT_EQ(whole.output.batches[1].rows(), 3u);

    OperatorHarness single(assigner(0));
    for (const int64_t ms : {0, 20'000, 5'000})
        single.process(rowsAt({ms}));
    EXPECT_EQ(single.output.events, (Events{"rows", "watermark 0", "rows", "watermark 20000", "rows"}));
}

TEST(WatermarkAssigner, NullRowtimeFailsWithAdvice) {
    OperatorHarness harness(assigner(0));
    try {
        harness.process(batchOf(kSchema, {{{Value::null(), Value::int64(1)}}}));
        FAIL();
    } catch (const UserError& error) {
        EXPECT_EQ(error.code(), "data.null-rowtime");
        EXPECT_NE(error.problem().hint.find("COALESCE(ts"), std::string::npos);
    }
}

TEST(WatermarkAssigner, UpstreamWatermarksAreIgnoredButTheLast) {
    OperatorHarness harness(assigner(0));
    harness.watermark(77);
    EXPECT_TRUE(harness.output.events.empty());
    harness.watermark(EventTime::max().value());
    EXPECT_EQ(harness.output.watermarks, std::vector<int64_t>{EventTime::max().value()});
}

TEST(WatermarkAssigner, IdleAfterTheTimeoutUntilTheNextRow) {
    OperatorHarness harness(assigner(0, 5000));
    const int64_t start = harness.clock.now_ms;
    harness.runUntil(start + 3000);
    harness.process(rowsAt({1000}));
    harness.runUntil(start + 7999);
    EXPECT_EQ(harness.output.events, (Events{"rows", "watermark 1000"}));
    harness.runUntil(start + 8000);
    EXPECT_EQ(harness.output.events.back(), "idle");
    harness.process(rowsAt({2000}));
    EXPECT_EQ(harness.output.events,
              (Events{"rows", "watermark 1000", "idle", "active", "rows", "watermark 2000"}));
    harness.runUntil(start + 20'000);
    EXPECT_EQ(harness.output.events.back(), "idle");
}

TEST(WatermarkAssigner, AnyExpressionWhereNullIsPassedOver) {
    auto op = std::make_shared<WatermarkAssigner>(kSchema, 0, Expression::column(1, kSchema[1].type, "v"),
                                                  std::nullopt, Duration{0});
    OperatorHarness harness(op);
    harness.process(batchOf(kSchema, {{{Value::int64(9'000'000), Value::int64(3'000'000)}},
                                      {{Value::int64(9'000'000), Value::null()}}}));
    EXPECT_EQ(harness.output.watermarks, std::vector<int64_t>{3000});
}

}  // namespace
}  // namespace millrace
