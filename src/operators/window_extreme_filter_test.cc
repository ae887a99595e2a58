#include "operators/window_extreme_filter.h"

#include <gtest/gtest.h>

#include "operators/test_harness.h"

namespace millrace {
namespace {

using testing::batchOf;
using testing::OperatorHarness;
using testing::TestRow;
using Rows = std::vector<std::string>;

Schema schemaOf(const LogicalType& value) {
    return Schema({{"id", LogicalType::integer()}, {"value", value}, {"w", LogicalType::timestamp(3)}});
}

TestRow row(int64_t id, std::optional<int64_t> value, std::optional<int64_t> window) {
    return {{Value::int64(id), value ? Value::int64(*value) : Value::null(),
             window ? Value::int64(*window) : Value::null()},
            RowKind::Insert};
}

// The ids that pass.
Rows idsOf(const OperatorHarness& harness) {
    Rows ids;
    for (const Batch& batch : harness.output.batches) {
        for (size_t i = 0; i < batch.rows(); ++i)
            ids.push_back(batch.column(0)->textAt(i));
    }
    return ids;
}

TEST(WindowExtremeFilter, PassesWhatMayBeTheGreatestOfItsWindow) {
    const Schema schema = schemaOf(LogicalType::bigint());
    OperatorHarness harness(std::make_shared<WindowExtremeFilter>(
        WindowExtremeFilterParameters{.schema = schema, .window_end = 2, .value = 1}));
    harness.process(
        batchOf(schema, {row(1, 5, 1000), row(2, 7, 1000), row(3, 7, 1000), row(4, 1, 2000), row(5, 6, 1000),
                         row(6, std::nullopt, 1000), row(7, 3, std::nullopt), row(8, std::nullopt, 3000)}));
    harness.process(batchOf(schema, {row(9, 7, 1000), row(10, 0, 2000), row(11, INT64_MIN, 3000)}));
    harness.process(batchOf(schema, {row(12, INT64_MAX, 1000), row(13, 6, 1000)}));
    EXPECT_EQ(idsOf(harness), (Rows{"2", "3", "4", "7", "9", "11", "12"}));
}

TEST(WindowExtremeFilter, PassesWhatMayBeTheLeastOfItsWindow) {
    const Schema schema = schemaOf(LogicalType::integer());
    OperatorHarness harness(std::make_shared<WindowExtremeFilter>(
        WindowExtremeFilterParameters{.schema = schema, .window_end = 2, .value = 1, .greatest = false}));
    harness.process(batchOf(schema, {row(1, 5, 1000), row(2, 3, 1000), row(3, 4, 2000)}));
    harness.process(batchOf(schema, {row(4, 3, 1000), row(5, 4, 1000), row(6, INT32_MIN, 1000)}));
    harness.process(batchOf(schema, {row(7, INT32_MIN, 1000), row(8, -5, 1000), row(9, INT32_MAX, 4000)}));
    EXPECT_EQ(idsOf(harness), (Rows{"2", "3", "6", "7", "9"}));
}

TEST(WindowExtremeFilter, ForgetsTheEarliestOfManyWindows) {
    const Schema schema = schemaOf(LogicalType::bigint());
    OperatorHarness harness(std::make_shared<WindowExtremeFilter>(
        WindowExtremeFilterParameters{.schema = schema, .window_end = 2, .value = 1}));
    const auto windows = static_cast<int64_t>(WindowExtremeFilter::kWindowsMax);
    for (int64_t w = 0; w <= windows; ++w)
        harness.process(batchOf(schema, {row(w, 5, w)}));
    harness.process(batchOf(schema, {row(1000, 4, 0), row(2000, 4, windows)}));
    Rows ids = idsOf(harness);
    ASSERT_EQ(ids.size(), static_cast<size_t>(windows) + 2);
    EXPECT_EQ(ids.back(), "1000");
}

}  // namespace
}  // namespace millrace
