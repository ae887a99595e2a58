// Sort and Limit.
#include "operators/sort.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "operators/limit.h"
#include "operators/test_harness.h"

namespace millrace {
namespace {

using testing::batchOf;
using testing::OperatorHarness;
using testing::TestRow;
using Rows = std::vector<std::string>;

const Schema kSchema({{"a", LogicalType::bigint()}, {"b", LogicalType::string()}});

TestRow row(std::optional<int64_t> a, const char* b, RowKind kind = RowKind::Insert) {
    return {{a ? Value::int64(*a) : Value::null(), Value::string(b)}, kind};
}

TEST(Sort, ByKeysThenByTheWholeRow) {
    OperatorHarness harness(
        std::make_shared<Sort>(kSchema, std::vector<SortOrder>{{0, true, false}}, 0, std::nullopt, false));
    harness.process(batchOf(kSchema, {row(1, "x"), row(3, "y"), row(std::nullopt, "n"), row(3, "a")}));
    harness.process(batchOf(kSchema, {row(2, "z"), row(3, "y")}));
    EXPECT_TRUE(harness.changes().empty());
    harness.end();
    EXPECT_EQ(harness.changes(),
              (Rows{"+I(3, a)", "+I(3, y)", "+I(3, y)", "+I(2, z)", "+I(1, x)", "+I(NULL, n)"}));
}

TEST(Sort, FoldsChangesAndSkipsTheOffset) {
    OperatorHarness harness(
        std::make_shared<Sort>(kSchema, std::vector<SortOrder>{{0, false, true}}, 1, 2, true));
    harness.process(batchOf(kSchema, {row(1, "x"), row(2, "y"), row(3, "z"), row(4, "w"), row(5, "v")}));
    harness.process(
        batchOf(kSchema, {row(2, "y", RowKind::UpdateBefore), row(9, "y", RowKind::UpdateAfter)}));
    harness.end();
    EXPECT_EQ(harness.changes(), (Rows{"+I(3, z)", "+I(4, w)"}));
}

TEST(Sort, RowsSurviveARestoreAtAnotherParallelism) {
    const auto op = std::make_shared<Sort>(kSchema, std::vector<SortOrder>{{0, false, true}}, 0, 3, false);
    OperatorHarness first(op);
    first.process(
        batchOf(kSchema, {row(5, "a long text that is not inline"), row(1, "x"), row(1, "x"), row(7, "q")}));
    OperatorHarness second(op, {}, 3, first.snapshot());
    second.end();
    EXPECT_EQ(second.changes(), (Rows{"+I(1, x)", "+I(1, x)", "+I(5, a long text that is not inline)"}));
}

TEST(Sort, TheSmallestOfManyAreKept) {
    std::mt19937_64 random(5);
    std::vector<int64_t> values;
    OperatorHarness harness(
        std::make_shared<Sort>(kSchema, std::vector<SortOrder>{{0, false, true}}, 2, 5, false));
    for (int batch = 0; batch < 20; ++batch) {
        std::vector<TestRow> rows;
        for (int i = 0; i < 50; ++i) {
            values.push_back(static_cast<int64_t>(random() % 500));
            rows.push_back(row(values.back(), "r"));
        }
        harness.process(batchOf(kSchema, rows));
    }
    harness.end();
    std::sort(values.begin(), values.end());
    Rows expected;
    for (int i = 2; i < 7; ++i)
        expected.push_back(fmt::format("+I({}, r)", values[static_cast<size_t>(i)]));
    EXPECT_EQ(harness.changes(), expected);
}

TEST(Limit, CountsOverBatchesAndRestores) {
    const auto op = std::make_shared<Limit>(kSchema, 2, 3);
    OperatorHarness first(op);
    first.process(batchOf(kSchema, {row(1, "a")}));
    first.process(batchOf(kSchema, {row(2, "a"), row(3, "a")}));
    EXPECT_EQ(first.changes(), Rows{"+I(3, a)"});
    OperatorHarness second(op, {}, 1, first.snapshot());
    second.process(batchOf(kSchema, {row(4, "a"), row(5, "a"), row(6, "a")}));
    second.process(batchOf(kSchema, {row(7, "a")}));
    EXPECT_EQ(second.changes(), (Rows{"+I(4, a)", "+I(5, a)"}));
}

}  // namespace
}  // namespace millrace
