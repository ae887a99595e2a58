#include "operators/temporal_join.h"

#include <gtest/gtest.h>

#include <random>

#include "base/error.h"
#include "operators/test_harness.h"

namespace millrace {
namespace {

using testing::batchOf;
using testing::OperatorHarness;
using testing::Snapshots;
using testing::TestRow;
using Rows = std::vector<std::string>;

const Schema kLeft({{"id", LogicalType::integer()},
                    {"k", LogicalType::string()},
                    {"at", LogicalType::timestamp(3)}});
const Schema kRight({{"k", LogicalType::string()},
                     {"v", LogicalType::integer()},
                     {"since", LogicalType::timestamp(3)}});

std::shared_ptr<Operator> join(JoinType type, bool deletes = false, ExpressionPtr condition = nullptr,
                               bool left_changes = false) {
    TemporalJoinParameters p;
    p.left_changes = left_changes;
    p.type = type;
    p.inputs[0] = kLeft;
    p.inputs[1] = kRight;
    p.keys[0] = {1};
    p.keys[1] = {0};
    p.time_columns[0] = p.time_columns[1] = 2;
    p.condition = std::move(condition);
    p.columns = {0, 4};
    p.output = Schema({{"id", LogicalType::integer()}, {"v", LogicalType::integer()}});
    p.right_deletes = deletes;
    return std::make_shared<TemporalJoin>(std::move(p));
}

TestRow left(int id, const char* key, int64_t ms) {
    return {{Value::int64(id), key ? Value::string(key) : Value::null(), Value::int64(ms * 1000)}};
}
TestRow right(const char* key, int v, int64_t ms, RowKind kind = RowKind::Insert) {
    return {{key ? Value::string(key) : Value::null(), Value::int64(v), Value::int64(ms * 1000)}, kind};
}

TEST(TemporalJoin, RowsWaitForTheWatermarkAndMeetTheirVersion) {
    OperatorHarness harness(join(JoinType::Inner));
    harness.process(batchOf(kLeft, {left(1, "a", 10), left(2, "a", 20), left(3, "b", 20)}), 0);
    harness.process(batchOf(kRight, {right("a", 100, 15), right("a", 50, 5)}), 1);
    EXPECT_TRUE(harness.changes().empty());
    harness.watermark(12);
    EXPECT_EQ(harness.changes(), (Rows{"+I(1, 50)"}));
    harness.process(batchOf(kRight, {right("a", 200, 20), right("b", 7, 21)}), 1);
    harness.watermark(30);
    EXPECT_EQ(harness.changes(), (Rows{"+I(1, 50)", "+I(2, 200)"}));
    // A row that comes late meets the version that is left, if that is not later.
    harness.process(batchOf(kLeft, {left(4, "a", 19), left(5, "a", 25)}), 0);
    harness.watermark(31);
    EXPECT_EQ(harness.changes().back(), "+I(5, 200)");
    EXPECT_EQ(harness.changes().size(), 3U);
}

TEST(TemporalJoin, LeftRowsWithoutAVersionArePadded) {
    const ExpressionPtr large =
        Expression::call(">", {Expression::column(4, LogicalType::integer(), "v"),
                               Expression::literal(Value::int64(10), LogicalType::integer())});
    OperatorHarness harness(join(JoinType::Left, false, large));
    harness.process(batchOf(kRight, {right("a", 5, 1), right("b", 50, 1), right(nullptr, 60, 1)}), 1);
    harness.process(batchOf(kLeft, {left(1, "a", 2), left(2, "b", 2), left(3, nullptr, 2), left(4, "b", 0)}),
                    0);
    harness.watermark(5);
    EXPECT_EQ(harness.table(), (std::map<std::string, int64_t>{
                                   {"(1, NULL)", 1}, {"(2, 50)", 1}, {"(3, NULL)", 1}, {"(4, NULL)", 1}}));
}

TEST(TemporalJoin, DeletionsEndAVersion) {
    OperatorHarness harness(join(JoinType::Left, true));
    harness.process(
        batchOf(kRight, {right("a", 1, 1), right("a", 1, 5, RowKind::UpdateBefore),
                         right("a", 2, 5, RowKind::UpdateAfter), right("a", 2, 9, RowKind::Delete)}),
        1);
    harness.process(batchOf(kLeft, {left(1, "a", 4), left(2, "a", 8), left(3, "a", 9), left(4, "a", 15)}), 0);
    harness.watermark(10);
    EXPECT_EQ(harness.changes(), (Rows{"+I(1, 1)", "+I(2, 2)", "+I(3, NULL)"}));
    harness.process(batchOf(kRight, {right("a", 3, 14)}), 1);
    harness.watermark(20);
    EXPECT_EQ(harness.changes().back(), "+I(4, 3)");
}

TEST(TemporalJoin, ChangesOfTheLeftSideTakeBackWhatTheyWereJoinedWith) {
    const auto changed = [](TestRow row, RowKind kind) {
        row.kind = kind;
        return row;
    };
    for (const JoinType type : {JoinType::Inner, JoinType::Left}) {
        OperatorHarness harness(join(type, true, nullptr, true));
        harness.process(batchOf(kRight, {right("a", 100, 5), right("a", 200, 20)}), 1);
        harness.process(batchOf(kLeft, {left(1, "a", 10), left(2, "b", 10), left(3, "a", 11)}), 0);
        harness.watermark(12);
        // The row of 1 moves to a later time, by way of which it meets another version; 3 goes; 2 comes to a
        // key that has a version.
        harness.process(batchOf(kLeft, {changed(left(1, "a", 10), RowKind::UpdateBefore),
                                        changed(left(1, "a", 25), RowKind::UpdateAfter),
                                        changed(left(3, "a", 11), RowKind::Delete),
                                        changed(left(2, "b", 10), RowKind::UpdateBefore),
                                        changed(left(2, "a", 21), RowKind::UpdateAfter),
                                        changed(left(2, "a", 21), RowKind::UpdateBefore),
                                        changed(left(2, "a", 15), RowKind::UpdateAfter)}),
                        0);
        const Snapshots snapshots = harness.snapshot();
        harness.watermark(30);
        const bool padded = type == JoinType::Left;
        Rows expected = {"+I(1, 100)", "+I(3, 100)"};
        if (padded) expected.push_back("+I(2, NULL)");
        const Rows then = {"-U(1, 100)", "+U(1, 200)", "-D(3, 100)",
                           "+U(2, 200)", "-U(2, 200)", "+U(2, 100)"};
        expected.insert(expected.end(), then.begin(), then.end());
        if (padded) expected.push_back("-U(2, NULL)");
        EXPECT_EQ(harness.changes(), expected);

        OperatorHarness restored(join(type, true, nullptr, true), {1}, 1, snapshots);
        restored.watermark(30);
        EXPECT_EQ(restored.changes(), Rows(expected.begin() + (padded ? 3 : 2), expected.end()));
    }
}

TEST(TemporalJoin, ARowWithoutATimeFailsTheJob) {
    OperatorHarness harness(join(JoinType::Inner));
    EXPECT_THROW(harness.process(batchOf(kLeft, {{{Value::int64(1), Value::string("a"), Value::null()}}}), 0),
                 UserError);
}

// Random rows, restored at other parallelisms, against the definition. Rows come no later than the watermark.
TEST(TemporalJoin, AgreesWithItsDefinitionAcrossRescaling) {
    const char* const keys[] = {"a", "b", "c", "d"};
    for (uint32_t seed = 0; seed < 40; ++seed) {
        std::mt19937 random(seed);
        const JoinType type = seed % 2 == 0 ? JoinType::Inner : JoinType::Left;
        uint32_t parallelism = 2;
        auto harness = std::make_unique<OperatorHarness>(join(type), std::vector<size_t>{1}, parallelism);
        std::map<std::string, std::map<int64_t, int>> versions;
        std::vector<std::tuple<int, std::string, int64_t>> lefts;
        std::map<std::string, int64_t> sent;
        const auto gather = [&] {
            for (const auto& [row, count] : harness->table())
                sent[row] += count;
        };
        int next = 0;
        int64_t watermark = 0;
        for (int step = 0; step < 60; ++step) {
            if (step % 20 == 19) {
                const Snapshots snapshots = harness->snapshot();
                gather();
                parallelism = 1 + random() % 4;
                harness = std::make_unique<OperatorHarness>(join(type), std::vector<size_t>{1}, parallelism,
                                                            snapshots);
            }
            std::vector<TestRow> rows;
            const size_t side = random() % 2;
            for (size_t i = random() % 6; i > 0; --i) {
                const char* key = keys[random() % 4];
                const int64_t time = watermark + 1 + static_cast<int64_t>(random() % 20);
                if (side == 0) {
                    lefts.emplace_back(next, key, time);
                    rows.push_back(left(next++, key, time));
                } else {
                    versions[key][time] = next;
                    rows.push_back(right(key, next++, time));
                }
            }
            harness->dealBy({side == 0 ? size_t{1} : size_t{0}});
            harness->process(batchOf(side == 0 ? kLeft : kRight, rows), side);
            if (random() % 3 == 0) harness->watermark(watermark += static_cast<int64_t>(random() % 10));
        }
        harness->end();
        gather();
        std::map<std::string, int64_t> expected;
        for (const auto& [id, key, time] : lefts) {
            const auto& of_key = versions[key];
            auto after = of_key.upper_bound(time);
            if (after == of_key.begin()) {
                if (type == JoinType::Left) ++expected[fmt::format("({}, NULL)", id)];
            } else {
                ++expected[fmt::format("({}, {})", id, std::prev(after)->second)];
            }
        }
        EXPECT_EQ(sent, expected) << "seed " << seed;
    }
}

}  // namespace
}  // namespace millrace
