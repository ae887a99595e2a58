#include "operators/window_join.h"

#include <gtest/gtest.h>

#include "operators/test_harness.h"

namespace millrace {
namespace {

using testing::batchOf;
using testing::OperatorHarness;
using testing::Snapshots;
using testing::TestRow;
using Table = std::map<std::string, int64_t>;

const LogicalType kTime = LogicalType::timestamp(3);
const Schema kLeft({{"k", LogicalType::bigint()}, {"ws", kTime}, {"we", kTime}});
const Schema kRight(
    {{"ws", kTime}, {"we", kTime}, {"k", LogicalType::bigint()}, {"t", LogicalType::string()}});

std::shared_ptr<Operator> join(JoinType type, bool condition = false) {
    WindowJoinParameters p;
    p.shape.type = type;
    p.shape.inputs[0] = {kLeft, {0, 1, 2}};
    p.shape.inputs[1] = {kRight, {2, 0, 1}};
    p.window_ends[0] = 2;
    p.window_ends[1] = 1;
    if (condition) {
        p.shape.condition =
            Expression::call("<>", {Expression::column(6, LogicalType::string(), "t"),
                                    Expression::literal(Value::string("no"), LogicalType::string())});
    }
    std::vector<Field> fields = {kLeft[0]};
    p.shape.columns = {0};
    if (!onlyLeft(type)) {
        fields.push_back(kRight[3]);
        p.shape.columns.push_back(6);
    }
    p.shape.output = Schema(std::move(fields));
    return std::make_shared<WindowJoin>(std::move(p));
}

Value key(int64_t k) { return k < 0 ? Value::null() : Value::int64(k); }
Value second(int64_t seconds) { return Value::int64(seconds * 1'000'000); }
TestRow left(int64_t k, int64_t end) { return {{key(k), second(end - 10), second(end)}}; }
TestRow right(int64_t k, int64_t end, const char* t) {
    return {{second(end - 10), second(end), key(k), Value::string(t)}};
}

void feed(OperatorHarness& harness) {
    harness.dealBy({0, 1, 2});
    harness.process(batchOf(kLeft, {left(1, 10), left(2, 10), left(1, 20), left(1, 10), left(-1, 10)}), 0);
    harness.dealBy({2, 0, 1});
    harness.process(
        batchOf(kRight, {right(1, 10, "a"), right(3, 10, "b"), right(1, 20, "c"), right(-1, 10, "n"),
                         right(1, 10, "a rather long text of the right side")}),
        1);
}

TEST(WindowJoin, PutsOutAWindowWhenTheWatermarkPassesIt) {
    OperatorHarness harness(join(JoinType::Inner));
    feed(harness);
    harness.watermark(9'998);
    EXPECT_TRUE(harness.changes().empty());
    harness.watermark(9'999);
    EXPECT_EQ(harness.table(), (Table{{"(1, a)", 2}, {"(1, a rather long text of the right side)", 2}}));
    EXPECT_EQ(harness.output.events.back(), "watermark 9999");
    harness.end();
    EXPECT_EQ(harness.table().at("(1, c)"), 1);
}

TEST(WindowJoin, EveryType) {
    const Table pairs = {{"(1, a)", 2}, {"(1, a rather long text of the right side)", 2}, {"(1, c)", 1}};
    const Table of_left = {{"(2, NULL)", 1}, {"(NULL, NULL)", 1}};
    const Table of_right = {{"(NULL, b)", 1}, {"(NULL, n)", 1}};
    const auto run = [](JoinType type) {
        OperatorHarness harness(join(type));
        feed(harness);
        harness.end();
        return harness.table();
    };
    const auto all = [](std::initializer_list<Table> parts) {
        Table table;
        for (const Table& part : parts)
            table.insert(part.begin(), part.end());
        return table;
    };
    EXPECT_EQ(run(JoinType::Inner), pairs);
    EXPECT_EQ(run(JoinType::Left), all({pairs, of_left}));
    EXPECT_EQ(run(JoinType::Right), all({pairs, of_right}));
    EXPECT_EQ(run(JoinType::Full), all({pairs, of_left, of_right}));
    EXPECT_EQ(run(JoinType::Semi), (Table{{"(1)", 3}}));
    EXPECT_EQ(run(JoinType::Anti), (Table{{"(2)", 1}, {"(NULL)", 1}}));
}

TEST(WindowJoin, TheConditionDecidesWhoMeets) {
    OperatorHarness harness(join(JoinType::Full, true));
    harness.process(batchOf(kLeft, {left(1, 10), left(2, 10)}), 0);
    harness.process(batchOf(kRight, {right(1, 10, "no"), right(2, 10, "yes")}), 1);
    harness.end();
    EXPECT_EQ(harness.table(), (Table{{"(1, NULL)", 1}, {"(NULL, no)", 1}, {"(2, yes)", 1}}));
}

TEST(WindowJoin, LateRowsAreDroppedAndCounted) {
    OperatorHarness harness(join(JoinType::Full));
    harness.watermark(10'000);
    feed(harness);
    EXPECT_EQ(harness.metric("numLateRecordsDropped"), 8);
    harness.end();
    EXPECT_EQ(harness.table(), (Table{{"(1, c)", 1}}));
}

TEST(WindowJoin, GoesOnAtAnotherParallelism) {
    Snapshots snapshots;
    {
        OperatorHarness harness(join(JoinType::Full), {}, 3);
        feed(harness);
        harness.watermark(5'000);
        snapshots = harness.snapshot();
    }
    OperatorHarness harness(join(JoinType::Full), {}, 2, snapshots);
    harness.dealBy({2, 0, 1});
    harness.process(batchOf(kRight, {right(2, 10, "later"), right(2, 5, "late")}), 1);
    EXPECT_EQ(harness.metric("numLateRecordsDropped"), 1);
    harness.end();
    EXPECT_EQ(harness.table(), (Table{{"(1, a)", 2},
                                      {"(1, a rather long text of the right side)", 2},
                                      {"(1, c)", 1},
                                      {"(2, later)", 1},
                                      {"(NULL, NULL)", 1},
                                      {"(NULL, b)", 1},
                                      {"(NULL, n)", 1}}));
}

}  // namespace
}  // namespace millrace
