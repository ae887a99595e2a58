#include "operators/interval_join.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "operators/test_harness.h"

namespace millrace {
namespace {

using testing::batchOf;
using testing::OperatorHarness;
using testing::Snapshots;
using testing::TestRow;
using Rows = std::vector<std::string>;
using Table = std::map<std::string, int64_t>;

const LogicalType kTime = LogicalType::timestamp(3);
const Schema kLeft({{"k", LogicalType::bigint()}, {"v", LogicalType::bigint()}, {"ts", kTime}});
const Schema kRight({{"ts", kTime}, {"k", LogicalType::bigint()}, {"w", LogicalType::bigint()}});

// left.ts - right.ts in [lower, upper].
std::shared_ptr<Operator> join(JoinType type, int64_t lower_ms, int64_t upper_ms) {
    IntervalJoinParameters p;
    p.shape.type = type;
    p.shape.inputs[0] = {kLeft, {0}};
    p.shape.inputs[1] = {kRight, {1}};
    p.time_columns[0] = 2;
    p.time_columns[1] = 0;
    p.lower_ms = lower_ms;
    p.upper_ms = upper_ms;
    const auto moved = [](int64_t ms) {
        return Expression::call(
            "+", {Expression::column(3, kTime, "ts"),
                  Expression::literal(Value::int64(ms * 1000), LogicalType::of(TypeKind::IntervalDayTime))});
    };
    const ExpressionPtr left = Expression::column(2, kTime, "ts");
    p.shape.condition = Expression::logicalAnd(
        {Expression::call(">=", {left, moved(lower_ms)}), Expression::call("<=", {left, moved(upper_ms)})});
    p.shape.columns = onlyLeft(type) ? std::vector<size_t>{1} : std::vector<size_t>{1, 5};
    std::vector<Field> fields = {kLeft[1]};
    if (!onlyLeft(type)) fields.push_back(kRight[2]);
    p.shape.output = Schema(std::move(fields));
    return std::make_shared<IntervalJoin>(std::move(p));
}

Value valueOf(std::optional<int64_t> value) { return value ? Value::int64(*value) : Value::null(); }
TestRow left(std::optional<int64_t> k, int64_t v, std::optional<int64_t> ms) {
    return {{valueOf(k), Value::int64(v), ms ? Value::int64(*ms * 1000) : Value::null()}};
}
TestRow right(std::optional<int64_t> k, int64_t w, std::optional<int64_t> ms) {
    return {{ms ? Value::int64(*ms * 1000) : Value::null(), valueOf(k), Value::int64(w)}};
}

TEST(IntervalJoin, PairsGoOutWhenTheyMeetAndTheRestWhenNothingCanCome) {
    OperatorHarness harness(join(JoinType::Full, -5'000, 0));
    harness.process(
        batchOf(kLeft, {left(1, 10, 10'000), left(2, 20, 10'000), left({}, 30, 10'000), left(1, 40, {})}), 0);
    harness.process(batchOf(kRight, {right(1, 11, 15'000), right(1, 12, 15'001)}), 1);
    EXPECT_EQ(harness.changes(), (Rows{"+I(30, NULL)", "+I(40, NULL)", "+I(10, 11)"}));
    harness.output.batches.clear();
    harness.watermark(14'000);
    EXPECT_TRUE(harness.changes().empty());
    harness.watermark(30'000);
    EXPECT_EQ(harness.table(), (Table{{"(20, NULL)", 1}, {"(NULL, 12)", 1}}));
    // Rows this late meet nothing and are not kept.
    harness.output.batches.clear();
    harness.process(batchOf(kLeft, {left(1, 50, 10'000)}), 0);
    EXPECT_EQ(harness.changes(), (Rows{"+I(50, NULL)"}));
    harness.process(batchOf(kRight, {right(1, 13, 10'000)}), 1);
    EXPECT_EQ(harness.changes(), (Rows{"+I(50, NULL)", "+I(NULL, 13)"}));
}

TEST(IntervalJoin, TheWatermarkFollowsBehindWhatMayStillGoOut) {
    OperatorHarness harness(join(JoinType::Inner, -5'000, 2'000));
    harness.watermark(100'000);
    EXPECT_EQ(harness.output.watermarks, (std::vector<int64_t>{95'000}));
    harness.end();
    EXPECT_EQ(harness.output.watermarks.back(), EventTime::max().value());
}

class EveryIntervalJoin : public ::testing::TestWithParam<JoinType> {};

// Against a nested loop, with rows out of order but in time, across restores at other parallelisms.
TEST_P(EveryIntervalJoin, EqualsANestedLoop) {
    const JoinType type = GetParam();
    for (uint32_t seed = 0; seed < 12; ++seed) {
        std::mt19937 random(seed);
        const int64_t lower = static_cast<int64_t>(random() % 9'000) - 6'000;
        const int64_t upper = lower + static_cast<int64_t>(random() % 8'000);
        std::vector<TestRow> rows[2];
        Table table;
        Snapshots snapshots;
        int64_t now = 100'000;
        int64_t number = 0;
        for (const uint32_t parallelism : {1U, 3U, 2U}) {
            OperatorHarness harness(join(type, lower, upper), {}, parallelism, snapshots);
            for (size_t round = 0; round < 30; ++round) {
                const size_t side = random() % 2;
                std::vector<TestRow> batch;
                for (size_t i = random() % 6 + 1; i > 0; --i) {
                    now += random() % 700;
                    const int64_t time = now - static_cast<int64_t>(random() % 2'000);
                    const int64_t key = static_cast<int64_t>(random() % 4);
                    const auto known = key == 0 ? std::nullopt : std::optional<int64_t>(key);
                    batch.push_back(side == 0 ? left(known, ++number, time) : right(known, ++number, time));
                    rows[side].push_back(batch.back());
                }
                harness.dealBy({side});
                harness.process(batchOf(side == 0 ? kLeft : kRight, batch), side);
                if (round % 3 == 0) harness.watermark(now - 2'001);
            }
            snapshots = harness.snapshot();
            if (parallelism == 2) harness.end();
            for (const auto& [row, count] : harness.table())
                table[row] += count;
        }
        Table expected;
        const auto add = [&](const std::string& l, const std::string& r) {
            ++expected[onlyLeft(type) ? "(" + l + ")" : "(" + l + ", " + r + ")"];
        };
        std::vector<bool> right_met(rows[1].size(), false);
        for (const TestRow& l : rows[0]) {
            bool met = false;
            for (size_t i = 0; i < rows[1].size(); ++i) {
                const TestRow& r = rows[1][i];
                if (l.values[0].isNull() || r.values[1].isNull() || l.values[0] != r.values[1]) continue;
                const int64_t distance = (l.values[2].asInt64() - r.values[0].asInt64()) / 1000;
                if (distance < lower || distance > upper) continue;
                met = right_met[i] = true;
                if (!onlyLeft(type))
                    add(std::to_string(l.values[1].asInt64()), std::to_string(r.values[2].asInt64()));
            }
            const bool alone = onlyLeft(type) ? met == (type == JoinType::Semi) : !met && keepsLeft(type);
            if (alone) add(std::to_string(l.values[1].asInt64()), "NULL");
        }
        for (size_t i = 0; i < rows[1].size(); ++i) {
            if (!right_met[i] && keepsRight(type))
                add("NULL", std::to_string(rows[1][i].values[2].asInt64()));
        }
        ASSERT_EQ(table, expected) << "seed " << seed << ": " << lower << " to " << upper;
    }
}

INSTANTIATE_TEST_SUITE_P(IntervalJoin, EveryIntervalJoin,
                         ::testing::Values(JoinType::Inner, JoinType::Left, JoinType::Right, JoinType::Full,
                                           JoinType::Semi, JoinType::Anti),
                         [](const auto& info) { return std::string(joinTypeName(info.param)); });

}  // namespace
}  // namespace millrace
