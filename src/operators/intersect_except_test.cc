#include "operators/intersect_except.h"

#include <gtest/gtest.h>

#include <random>

#include "operators/test_harness.h"

namespace millrace {
namespace {

using testing::batchOf;
using testing::OperatorHarness;
using testing::Snapshots;
using testing::TestRow;
using Rows = std::vector<std::string>;

const Schema kSchema({{"id", LogicalType::integer()}, {"name", LogicalType::string()}});

std::shared_ptr<Operator> operation(SetOperationKind kind, bool all, size_t inputs = 2, Duration ttl = {}) {
    return std::make_shared<IntersectExcept>(IntersectExceptParameters{kind, all, inputs, ttl, kSchema, ""});
}

TestRow row(int id, const char* name, RowKind kind = RowKind::Insert) {
    return {{Value::int64(id), name ? Value::string(name) : Value::null()}, kind};
}

TEST(IntersectExcept, IntersectionTellsOnceWhatAllHave) {
    OperatorHarness harness(operation(SetOperationKind::Intersect, false, 3), {0, 1});
    harness.process(batchOf(kSchema, {row(1, "a"), row(1, "a"), row(2, nullptr)}), 0);
    harness.process(batchOf(kSchema, {row(1, "a"), row(2, nullptr)}), 1);
    EXPECT_TRUE(harness.changes().empty());
    harness.process(batchOf(kSchema, {row(2, nullptr), row(2, nullptr)}), 2);
    harness.process(batchOf(kSchema, {row(1, "a"), row(3, "c")}), 2);
    EXPECT_EQ(harness.changes(), (Rows{"+I(2, NULL)", "+I(1, a)"}));
}

TEST(IntersectExcept, RetractionsTakeBackWhatNoLongerIs) {
    OperatorHarness harness(operation(SetOperationKind::Intersect, true), {0, 1});
    harness.process(batchOf(kSchema, {row(1, "a"), row(1, "a"), row(1, "a")}), 0);
    harness.process(batchOf(kSchema, {row(1, "a"), row(1, "a")}), 1);
    harness.process(batchOf(kSchema, {row(1, "a", RowKind::UpdateBefore), row(2, "a", RowKind::UpdateAfter)}),
                    0);
    EXPECT_EQ(harness.changes(), (Rows{"+I(1, a)", "+I(1, a)"}));
    harness.process(batchOf(kSchema, {row(1, "a", RowKind::Delete)}), 0);
    EXPECT_EQ(harness.changes().back(), "-D(1, a)");
    // Within a batch, what comes and goes is no change.
    harness.process(batchOf(kSchema, {row(1, "a"), row(1, "a", RowKind::Delete)}), 0);
    EXPECT_EQ(harness.changes().size(), 3U);
}

TEST(IntersectExcept, DifferenceComesBackWhenTheOtherSideGoes) {
    OperatorHarness harness(operation(SetOperationKind::Except, false), {0, 1});
    harness.process(batchOf(kSchema, {row(1, "a"), row(1, "a"), row(2, "b")}), 0);
    harness.process(batchOf(kSchema, {row(1, "a")}), 1);
    harness.process(batchOf(kSchema, {row(1, "a", RowKind::Delete)}), 1);
    EXPECT_EQ(harness.changes(), (Rows{"+I(1, a)", "+I(2, b)", "-D(1, a)", "+I(1, a)"}));
    // What is not there cannot be taken back: it does not count against what comes later.
    harness.process(batchOf(kSchema, {row(5, "e", RowKind::Delete)}), 0);
    harness.process(batchOf(kSchema, {row(5, "e")}), 0);
    EXPECT_EQ(harness.changes().back(), "+I(5, e)");
}

TEST(IntersectExcept, StateGoesWithTheLastRowAndWithTime) {
    OperatorHarness harness(operation(SetOperationKind::Except, true, 2, Duration{1000}), {0, 1});
    harness.process(batchOf(kSchema, {row(1, "a"), row(1, "a")}), 0);
    harness.process(batchOf(kSchema, {row(1, "a", RowKind::Delete), row(1, "a", RowKind::Delete)}), 0);
    EXPECT_TRUE(harness.table().empty());
    harness.process(batchOf(kSchema, {row(1, "a")}), 1);
    harness.clock.now_ms += 5000;
    harness.process(batchOf(kSchema, {row(1, "a")}), 0);
    EXPECT_EQ(harness.table(), (std::map<std::string, int64_t>{{"(1, a)", 1}}));
}

// Random changes of both inputs, restored at another parallelism in the middle, against the definition.
TEST(IntersectExcept, AgreesWithItsDefinitionAcrossRescaling) {
    for (uint32_t seed = 0; seed < 40; ++seed) {
        std::mt19937 random(seed);
        const auto kind = seed % 2 == 0 ? SetOperationKind::Intersect : SetOperationKind::Except;
        const bool all = seed % 4 < 2;
        std::map<std::string, int64_t> expected;
        std::map<int, int64_t> counts[2];
        auto harness = std::make_unique<OperatorHarness>(operation(kind, all), std::vector<size_t>{0, 1}, 2);
        std::map<std::string, int64_t> table;
        const auto fold = [&] {
            for (const std::string& change : harness->changes())
                table[change.substr(2)] += change.starts_with("-") ? -1 : 1;
            std::erase_if(table, [](const auto& entry) { return entry.second == 0; });
        };
        for (int step = 0; step < 30; ++step) {
            if (step == 15) {
                const Snapshots snapshots = harness->snapshot();
                fold();
                harness = std::make_unique<OperatorHarness>(operation(kind, all), std::vector<size_t>{0, 1},
                                                            3, snapshots);
            }
            const size_t input = random() % 2;
            std::vector<TestRow> rows;
            for (size_t i = random() % 8; i > 0; --i) {
                const int id = static_cast<int>(random() % 5);
                const bool takes_back = counts[input][id] > 0 && random() % 3 == 0;
                counts[input][id] += takes_back ? -1 : 1;
                rows.push_back(
                    row(id, id == 0 ? nullptr : "n", takes_back ? RowKind::Delete : RowKind::Insert));
            }
            harness->process(batchOf(kSchema, rows), input);
        }
        fold();
        for (int id = 0; id < 5; ++id) {
            const int64_t left = counts[0][id];
            const int64_t right = counts[1][id];
            int64_t times = 0;
            if (kind == SetOperationKind::Intersect) {
                times = all ? std::min(left, right) : (left > 0 && right > 0 ? 1 : 0);
            } else {
                times = all ? std::max<int64_t>(left - right, 0) : (left > 0 && right == 0 ? 1 : 0);
            }
            if (times > 0) expected[fmt::format("({}, {})", id, id == 0 ? "NULL" : "n")] = times;
        }
        EXPECT_EQ(table, expected) << "seed " << seed;
    }
}

}  // namespace
}  // namespace millrace
