#include "operators/window_rank.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>

#include "operators/test_harness.h"

namespace millrace {
namespace {

using testing::batchOf;
using testing::OperatorHarness;
using testing::Snapshots;
using testing::TestRow;
using Changes = std::vector<std::string>;

const Schema kInput({{"k", LogicalType::string()},
                     {"window_start", LogicalType::timestamp(3).withNullable(false)},
                     {"window_end", LogicalType::timestamp(3).withNullable(false)},
                     {"v", LogicalType::bigint()}});

struct Options {
    int64_t first = 1;
    int64_t last = 2;
    bool number = true;
    bool processing_time = false;
};

std::shared_ptr<Operator> windowRank(const Options& options) {
    WindowRankParameters p;
    p.input = kInput;
    p.partition = {1, 0, 2};
    p.window_end = 2;
    p.processing_time = options.processing_time;
    p.order = {{3, true, false}};
    p.first = options.first;
    p.last = options.last;
    p.outputs_number = options.number;
    std::vector<Field> fields = kInput.fields();
    if (options.number) fields.push_back({"rn", LogicalType::bigint().withNullable(false)});
    p.output = Schema(std::move(fields));
    return std::make_shared<WindowRank>(std::move(p));
}

// A row of the ten seconds that end at `end`.
TestRow row(std::optional<std::string> k, int64_t end, std::optional<int64_t> v) {
    return {{k ? Value::string(*k) : Value::null(), Value::int64((end - 10) * 1'000'000),
             Value::int64(end * 1'000'000), v ? Value::int64(*v) : Value::null()},
            RowKind::Insert};
}

// Key, value and row number of each change.
Changes shortened(const OperatorHarness& harness) {
    Changes result;
    for (const std::string& change : harness.changes()) {
        const size_t value = change.rfind(", ", change.rfind(", ") - 1) + 2;
        result.push_back(change.substr(0, change.find(", ")) + ", " + change.substr(value));
    }
    return result;
}

TEST(WindowRank, ComesOnceWhenTheWindowIsComplete) {
    OperatorHarness harness(windowRank({}), {1, 0, 2});
    harness.process(batchOf(kInput, {row("a", 10, 1), row("a", 20, 9), row("b", 10, 5), row("a", 10, 3)}));
    harness.process(batchOf(kInput, {row("a", 10, 2), row("a", 10, std::nullopt)}));
    harness.watermark(9998);
    EXPECT_TRUE(harness.changes().empty());
    harness.watermark(9999);
    EXPECT_EQ(shortened(harness), (Changes{"+I(a, 3, 1)", "+I(a, 2, 2)", "+I(b, 5, 1)"}));
    EXPECT_EQ(harness.output.watermarks.back(), 9999);
    harness.process(batchOf(kInput, {row("a", 10, 100), row("a", 20, 10), row("c", 10, 100)}));
    EXPECT_EQ(harness.metric("numLateRecordsDropped"), 2);
    harness.end();
    EXPECT_EQ(shortened(harness),
              (Changes{"+I(a, 3, 1)", "+I(a, 2, 2)", "+I(b, 5, 1)", "+I(a, 10, 1)", "+I(a, 9, 2)"}));
}

// A subtask that the watermark which ends all time reached first does not open the windows of its fellows
// again.
TEST(WindowRank, WhoHasEndedHoldsNobodyBackAfterARestore) {
    OperatorHarness fellow(windowRank({}), {1, 0, 2}), ended(windowRank({}), {1, 0, 2});
    fellow.watermark(9999);
    ended.end();
    Snapshots snapshots = fellow.snapshot();
    for (const auto& snapshot : ended.snapshot())
        snapshots.push_back(snapshot);
    OperatorHarness restored(windowRank({}), {1, 0, 2}, 1, snapshots);
    restored.process(batchOf(kInput, {row("a", 10, 1), row("a", 20, 2)}));
    EXPECT_EQ(restored.metric("numLateRecordsDropped"), 1);
    restored.end();
    EXPECT_EQ(shortened(restored), (Changes{"+I(a, 2, 1)"}));
}

TEST(WindowRank, ByTheClockAndTheEndOfInput) {
    OperatorHarness harness(windowRank({.processing_time = true}), {1, 0, 2});
    harness.process(batchOf(kInput, {row("a", 1010, 1), row("a", 1010, 2)}));
    EXPECT_EQ(harness.wakeAt(), 1'010'000);
    const Snapshots snapshots = harness.snapshot();
    OperatorHarness restored(windowRank({.processing_time = true}), {1, 0, 2}, 1, snapshots);
    EXPECT_EQ(restored.wakeAt(), 1'010'000);
    restored.runUntil(1'010'000);
    EXPECT_EQ(shortened(restored), (Changes{"+I(a, 2, 1)", "+I(a, 1, 2)"}));
    restored.process(batchOf(kInput, {row("a", 1020, 7)}));
    restored.end();
    EXPECT_EQ(shortened(restored).back(), "+I(a, 7, 1)");
}

TEST(WindowRank, NoPlacesNoRows) {
    OperatorHarness harness(windowRank({.first = 3, .last = 2}), {1, 0, 2});
    harness.process(batchOf(kInput, {row("a", 10, 1)}));
    harness.end();
    EXPECT_TRUE(harness.changes().empty());
}

TEST(WindowRank, AgreesWithSortedListsWhateverTheRestores) {
    for (uint64_t seed = 1; seed <= 60; ++seed) {
        std::mt19937_64 random(seed);
        const auto below = [&](uint64_t n) { return static_cast<int64_t>(random() % n); };
        const Options options{.first = 1 + below(2), .last = 1 + below(4), .number = below(2) == 0};
        std::map<std::pair<Value, Value>, std::vector<TestRow>> partitions;
        std::map<std::string, int64_t> shown;
        auto harness = std::make_unique<OperatorHarness>(windowRank(options), std::vector<size_t>{1, 0, 2});
        int64_t watermark = 0;
        for (int step = 0; step < 30; ++step) {
            std::vector<TestRow> rows;
            for (int64_t i = 0, n = below(15); i < n; ++i) {
                rows.push_back(
                    row(below(7) == 0 ? std::nullopt : std::optional("k" + std::to_string(below(3))),
                        (watermark / 10 + 1 + below(3)) * 10,
                        below(7) == 0 ? std::nullopt : std::optional(below(40))));
                partitions[{rows.back().values[0], rows.back().values[2]}].push_back(rows.back());
            }
            harness->process(batchOf(kInput, rows));
            if (below(3) == 0) {
                watermark += below(15);
                harness->watermark(watermark * 1000);
            }
            if (below(6) == 0 || step == 29) {
                if (step == 29) harness->end();
                for (const Batch& batch : harness->output.batches) {
                    for (size_t i = 0; i < batch.rows(); ++i)
                        ++shown[OperatorHarness::rowText(batch, i)];
                }
                const Snapshots snapshots = harness->snapshot();
                harness = std::make_unique<OperatorHarness>(windowRank(options), std::vector<size_t>{1, 0, 2},
                                                            static_cast<uint32_t>(1 + below(4)), snapshots);
                harness->watermark(watermark * 1000);
            }
        }
        std::map<std::string, int64_t> expected;
        for (auto& [key, rows] : partitions) {
            std::stable_sort(rows.begin(), rows.end(),
                             [](const TestRow& a, const TestRow& b) { return b.values[3] < a.values[3]; });
            for (int64_t place = options.first; place <= options.last; ++place) {
                if (place > static_cast<int64_t>(rows.size())) break;
                TestRow out = rows[static_cast<size_t>(place) - 1];
                std::vector<Field> fields = kInput.fields();
                if (options.number) {
                    out.values.push_back(Value::int64(place));
                    fields.push_back({"rn", LogicalType::bigint()});
                }
                ++expected[OperatorHarness::rowText(batchOf(Schema(fields), {out}), 0)];
            }
        }
        ASSERT_EQ(shown, expected) << "seed " << seed;
    }
}

}  // namespace
}  // namespace millrace
