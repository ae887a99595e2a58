// MATCH_RECOGNIZE over columns: time, state and restores. How rows are matched is
// pattern_automaton_test.cc's.
#include "operators/match_recognize.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "operators/test_harness.h"

namespace millrace {
namespace {

using testing::batchOf;
using testing::OperatorHarness;
using testing::TestRow;
using Changes = std::vector<std::string>;

const Schema kTicks({{"k", LogicalType::string()},
                     {"t", LogicalType::timestamp(3)},
                     {"p", LogicalType::bigint()},
                     {"high", LogicalType::boolean()}});

MatchCell cellOf(MatchCell::Kind kind, std::optional<uint32_t> variable, size_t column, int64_t offset = 0) {
    MatchCell cell;
    cell.kind = kind;
    cell.variable = variable;
    cell.column = column;
    cell.offset = offset;
    cell.type = kTicks[column].type.withNullable(true);
    return cell;
}

// (A B+ C): A anything, B less than the row before it, C high.
std::shared_ptr<const Operator> falling(bool processing_time = false, int64_t within_ms = 0) {
    MatchRecognizeParameters p;
    p.input = kTicks;
    p.partition = {0};
    p.order = {{1, false, true}};
    p.processing_time = processing_time;
    p.pattern = {{}, {1, std::nullopt}, {}};
    p.condition_cells = {cellOf(MatchCell::Kind::Last, std::nullopt, 2, 1)};
    const ExpressionPtr price = Expression::column(2, LogicalType::bigint(), "p");
    const ExpressionPtr before = Expression::column(4, LogicalType::bigint(), "LAST(p, 1)");
    p.conditions = {
        {std::nullopt, nullptr}, {std::nullopt, Expression::call("<", {price, before})}, {3, nullptr}};
    MatchCell sum = cellOf(MatchCell::Kind::Aggregate, 1, 2);
    const ArgumentInfo info{LogicalType::bigint(), std::nullopt};
    sum.aggregate = {
        findAggregateFunction("SUM")->bind({&info, 1}, false, false), {2}, std::nullopt, "sum", "SUM(p)"};
    p.cells = {cellOf(MatchCell::Kind::Last, 0, 2), cellOf(MatchCell::Kind::First, 1, 2), sum,
               cellOf(MatchCell::Kind::Last, 2, 2)};
    p.after = AfterMatch::PastLastRow;
    p.within_ms = within_ms;
    p.output = Schema({kTicks[0],
                       {"a", LogicalType::bigint()},
                       {"b", LogicalType::bigint()},
                       {"s", LogicalType::bigint()},
                       {"c", LogicalType::bigint()}});
    return std::make_shared<MatchRecognize>(std::move(p));
}

TestRow tick(const std::string& k, int64_t seconds, int64_t p, bool high = false) {
    return {{Value::string(k), Value::int64(seconds * 1'000'000), Value::int64(p), Value::boolean(high)},
            RowKind::Insert};
}

size_t rowsInState(OperatorHarness& harness) {
    StateBackendParameters parameters;
    parameters.operator_uid = "test";
    parameters.operator_name = "Match";
    parameters.restored = harness.snapshot();
    parameters.clock = &harness.clock;
    const KeyedStateDescriptor descriptor = parameters.restored.front()->keyed.at(0).descriptor;
    return makeHashMapStateBackend(parameters)->table(descriptor).rows(0);
}

TEST(MatchRecognize, MatchesInTheOrderOfTimeAndDropsLateRows) {
    OperatorHarness harness(falling(), {0});
    harness.process(batchOf(kTicks, {tick("x", 3, 5), tick("x", 1, 9), tick("y", 1, 7), tick("x", 2, 8)}));
    EXPECT_EQ(harness.changes(), Changes{});
    harness.watermark(2000);
    harness.process(
        batchOf(kTicks, {tick("x", 2, 1), tick("x", 4, 20, true), tick("y", 3, 3)}));  // one too late
    EXPECT_EQ(harness.metric("numLateRecordsDropped"), 1);
    harness.watermark(4000);
    EXPECT_EQ(harness.changes(), Changes{"+I(x, 9, 8, 13, 20)"});
    harness.process(batchOf(kTicks, {tick("y", 5, 1, true), tick("y", 6, 9, true)}));
    harness.watermark(6000);
    EXPECT_EQ(harness.changes().back(), "+I(y, 7, 3, 4, 9)");  // 1 is less than 3: it is B's
}

TEST(MatchRecognize, KeepsTheRowsOfMatchesUnderWayAlone) {
    OperatorHarness harness(falling(), {0});
    harness.process(batchOf(kTicks, {tick("x", 1, 9), tick("x", 2, 8), tick("x", 3, 7)}));
    harness.watermark(3000);
    EXPECT_GT(rowsInState(harness), 0U);
    harness.process(
        batchOf(kTicks, {tick("x", 4, 50), tick("x", 5, 60), tick("x", 6, 70)}));  // neither B nor C
    harness.watermark(6000);
    EXPECT_EQ(rowsInState(harness), 1U);  // the last one may begin a match
}

TEST(MatchRecognize, ForgetsMatchesThatBeganTooLongAgo) {
    OperatorHarness harness(falling(false, 3000), {0});
    harness.process(batchOf(kTicks, {tick("x", 1, 9), tick("x", 2, 8)}));
    harness.watermark(2000);
    EXPECT_EQ(rowsInState(harness), 2U);
    harness.watermark(5000);  // no row of the partition comes
    EXPECT_EQ(rowsInState(harness), 0U);

    OperatorHarness arrival(falling(true, 3000), {0});
    arrival.process(batchOf(kTicks, {tick("x", 1, 9), tick("x", 2, 8)}));
    EXPECT_EQ(rowsInState(arrival), 2U);
    arrival.runUntil(arrival.clock.now_ms + 3000);
    EXPECT_EQ(rowsInState(arrival), 0U);
}

// The last watermark is not kept: those below it say nothing of what it let be matched.
TEST(MatchRecognize, MatchesNoRowAgainAfterARestoreBehindTheEndOfTime) {
    OperatorHarness harness(falling(), {0});
    harness.process(batchOf(kTicks, {tick("x", 1, 9), tick("x", 2, 8)}));
    harness.watermark(1000);
    harness.watermark(EventTime::max().value());
    OperatorHarness restored(falling(), {0}, 1, harness.snapshot());
    restored.watermark(EventTime::max().value());
    restored.process(batchOf(kTicks, {tick("x", 3, 20, true)}));
    restored.watermark(EventTime::max().value());
    EXPECT_EQ(restored.changes(), Changes{"+I(x, 9, 8, 8, 20)"});
    EXPECT_EQ(rowsInState(restored), 0U);
}

TEST(MatchRecognize, GoesOnAfterARestoreAtAnyParallelism) {
    std::mt19937 random(11);
    const auto pick = [&](int below) { return static_cast<int>(random() % static_cast<unsigned>(below)); };
    size_t told = 0;
    for (int round = 0; round < 30; ++round) {
        for (const bool processing_time : {false, true}) {
            const std::shared_ptr<const Operator> op = falling(processing_time, pick(2) == 0 ? 0 : 8000);
            OperatorHarness whole(op, {0});
            auto parts = std::make_unique<OperatorHarness>(op, std::vector<size_t>{0}, 2);
            Changes of_parts;
            for (int64_t step = 0; step < 12; ++step) {
                std::vector<TestRow> rows;
                for (int i = 0; i < 8; ++i) {
                    rows.push_back(tick(std::string(1, static_cast<char>('a' + pick(4))), step * 4 + pick(5),
                                        pick(20), pick(4) == 0));
                }
                for (OperatorHarness* harness : {&whole, parts.get()}) {
                    harness->process(batchOf(kTicks, rows));
                    harness->watermark(step * 4000 - 1000);
                }
                if (pick(2) != 0) continue;
                const Changes so_far = parts->changes();
                of_parts.insert(of_parts.end(), so_far.begin(), so_far.end());
                const int64_t now = parts->clock.now_ms;
                parts = std::make_unique<OperatorHarness>(
                    op, std::vector<size_t>{0}, 1 + static_cast<uint32_t>(pick(4)), parts->snapshot());
                parts->clock.now_ms = now;
            }
            const Changes last = parts->changes();
            of_parts.insert(of_parts.end(), last.begin(), last.end());
            Changes of_whole = whole.changes();
            std::sort(of_parts.begin(), of_parts.end());
            std::sort(of_whole.begin(), of_whole.end());
            ASSERT_EQ(of_parts, of_whole) << "round " << round;
            told += of_whole.size();
        }
    }
    EXPECT_GT(told, 100U);
}

}  // namespace
}  // namespace millrace
