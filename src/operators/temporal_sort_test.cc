// Rows of a stream in the order of their time.
#include "operators/temporal_sort.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "operators/test_harness.h"

namespace millrace {
namespace {

using testing::batchOf;
using testing::OperatorHarness;
using testing::TestRow;

const Schema kTimed({{"t", LogicalType::timestamp(3)}, {"v", LogicalType::bigint()}});

std::shared_ptr<const Operator> byTime() {
    return std::make_shared<TemporalSort>(kTimed, std::vector<SortOrder>{{0, false, true}, {1, true, false}},
                                          "t ASC, v DESC");
}

TestRow timed(int64_t millis, std::optional<int64_t> v) {
    return {{Value::int64(millis * 1000), v ? Value::int64(*v) : Value::null()}, RowKind::Insert};
}

TEST(TemporalSort, SendsWhatTheWatermarkPassesInOrder) {
    OperatorHarness harness(byTime());
    harness.process(batchOf(kTimed, {timed(30, 1), timed(10, 2), timed(10, 5), timed(20, {}), timed(20, 7)}));
    harness.watermark(20);
    harness.process(batchOf(kTimed, {timed(20, 9), timed(25, 3)}));  // the first one is too late
    EXPECT_EQ(harness.metric("numLateRecordsDropped"), 1);
    harness.end();
    std::vector<std::string> values;
    for (const std::string& change : harness.changes())
        values.push_back(change.substr(change.find(", ") + 2));
    EXPECT_EQ(values, (std::vector<std::string>{"5)", "2)", "7)", "NULL)", "3)", "1)"}));
    EXPECT_EQ(harness.output.watermarks.front(), 20);
}

TEST(TemporalSort, GoesOnAfterARestore) {
    std::mt19937 random(5);
    for (int round = 0; round < 20; ++round) {
        OperatorHarness whole(byTime());
        auto parts = std::make_unique<OperatorHarness>(byTime());
        std::vector<std::string> of_parts;
        for (int64_t step = 0; step < 10; ++step) {
            std::vector<TestRow> rows;
            for (int i = 0; i < 20; ++i)
                rows.push_back(timed(step * 10 + static_cast<int64_t>(random() % 30),
                                     static_cast<int64_t>(random() % 9)));
            for (OperatorHarness* harness : {&whole, parts.get()}) {
                harness->process(batchOf(kTimed, rows));
                harness->watermark(step * 10);
            }
            if (random() % 2 == 0) continue;
            const auto so_far = parts->changes();
            of_parts.insert(of_parts.end(), so_far.begin(), so_far.end());
            parts = std::make_unique<OperatorHarness>(byTime(), std::vector<size_t>{}, 1, parts->snapshot());
        }
        const auto last = parts->changes();
        of_parts.insert(of_parts.end(), last.begin(), last.end());
        ASSERT_EQ(of_parts, whole.changes()) << "round " << round;
        ASSERT_GT(of_parts.size(), 50U);
    }
}

}  // namespace
}  // namespace millrace
