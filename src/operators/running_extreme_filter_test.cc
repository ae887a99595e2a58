// What the filter leaves out would not have been joined: rows, late ones among them, are joined by loops with
// the extremes of their windows, with and without it.
#include "operators/running_extreme_filter.h"

#include <gtest/gtest.h>

#include <map>

#include "base/random.h"
#include "operators/test_harness.h"

namespace millrace {
namespace {

using testing::batchOf;
using testing::OperatorHarness;
using testing::TestRow;

const Schema kRows({{"id", LogicalType::bigint()},
                    {"value", LogicalType::integer()},
                    {"ts", LogicalType::timestamp(3)}});

struct Bid {
    int64_t id;
    std::optional<int64_t> value;
    int64_t time_ms;
};

TestRow rowOf(const Bid& bid) {
    return {{Value::int64(bid.id), bid.value ? Value::int64(*bid.value) : Value::null(),
             Value::int64(bid.time_ms * 1000)},
            RowKind::Insert};
}

struct Shape {
    Windows windows;
    int64_t lower_ms;  // time - window end
    int64_t upper_ms;
    bool largest;
};

std::shared_ptr<Operator> filter(const Shape& shape) {
    RunningExtremeFilterParameters p;
    p.schema = kRows;
    p.value = 1;
    p.time = 2;
    p.largest = shape.largest;
    p.windows = shape.windows;
    p.lower_us = shape.lower_ms * 1000;
    p.upper_us = shape.upper_ms * 1000;
    return std::make_shared<RunningExtremeFilter>(std::move(p));
}

std::vector<int64_t> passed(OperatorHarness& harness) {
    std::vector<int64_t> ids;
    for (const Batch& batch : harness.output.batches) {
        for (size_t i = 0; i < batch.rows(); ++i)
            ids.push_back(batch.column(0)->valueAt(i).asInt64());
    }
    return ids;
}

// An aggregation by window that drops late rows, and a join with its results that keeps everything.
class Model {
  public:
    explicit Model(const Shape& shape) : shape_(shape) {}

    void add(const Bid& bid, int64_t watermark) {
        bids_.push_back(bid);
        if (!bid.value) return;
        const int64_t slice = shape_.windows.sliceEnd(bid.time_ms);
        for (int64_t end = shape_.windows.firstWindowEnd(slice); end <= shape_.windows.lastWindowEnd(slice);
             end += shape_.windows.step_ms) {
            if (end - 1 <= watermark) continue;
            int64_t& extreme = extremes_.emplace(end, *bid.value).first->second;
            extreme = shape_.largest ? std::max(extreme, *bid.value) : std::min(extreme, *bid.value);
        }
    }
    // Pairs of the rows whose ids are given.
    std::vector<std::pair<int64_t, int64_t>> joined(const std::vector<int64_t>& ids) const {
        std::vector<std::pair<int64_t, int64_t>> pairs;
        for (const int64_t id : ids) {
            const Bid& bid = bids_[static_cast<size_t>(id)];
            for (const auto& [end, extreme] : extremes_) {
                const int64_t distance = bid.time_ms - end;
                if (bid.value == extreme && distance >= shape_.lower_ms && distance <= shape_.upper_ms)
                    pairs.emplace_back(id, end);
            }
        }
        return pairs;
    }
    std::vector<int64_t> all() const {
        std::vector<int64_t> ids;
        for (const Bid& bid : bids_)
            ids.push_back(bid.id);
        return ids;
    }

  private:
    const Shape& shape_;
    std::vector<Bid> bids_;
    std::map<int64_t, int64_t> extremes_;
};

TEST(RunningExtremeFilter, TheJoinIsTheSameWithoutWhatItLeavesOut) {
    const std::vector<Shape> shapes{
        {{WindowShape::Tumble, 1000, 1000, 0}, -1000, 0, true},
        {{WindowShape::Tumble, 1000, 1000, 300}, -1000, -1, false},
        {{WindowShape::Tumble, 1000, 1000, 0}, -2500, 700, true},
        {{WindowShape::Tumble, 1000, 1000, 0}, 10, 20, true},  // a gap: most rows meet no window
        {{WindowShape::Hop, 2000, 500, 0}, -2000, 0, true},
        {{WindowShape::Hop, 2000, 500, 100}, -2000, -1, false},
    };
    size_t left_out = 0, late = 0, pairs = 0;
    for (size_t which = 0; which < shapes.size(); ++which) {
        for (uint64_t seed = 1; seed <= 20; ++seed) {
            SCOPED_TRACE(fmt::format("shape {} seed {}", which, seed));
            const Shape& shape = shapes[which];
            Random random(seed);
            Model model(shape);
            OperatorHarness harness(filter(shape));
            int64_t watermark = INT64_MIN, at = -3000, id = 0;
            for (int step = 0; step < 40; ++step) {
                std::vector<TestRow> rows;
                for (uint64_t left = random.below(20); left > 0; --left) {
                    at += static_cast<int64_t>(random.below(60));
                    Bid bid{id++, std::nullopt, at - static_cast<int64_t>(random.below(900))};
                    if (random.chance(0.2)) bid.time_ms = bid.time_ms / 500 * 500;  // on a bound
                    if (!random.chance(0.1)) bid.value = static_cast<int64_t>(random.below(12)) - 6;
                    late += bid.time_ms <= watermark;
                    model.add(bid, watermark);
                    rows.push_back(rowOf(bid));
                }
                if (!rows.empty()) harness.process(batchOf(kRows, rows));
                if (random.chance(0.5) && at - 500 > watermark) {
                    watermark = at - 500;
                    harness.watermark(watermark);
                }
            }
            const std::vector<int64_t> ids = passed(harness);
            const auto expected = model.joined(model.all());
            ASSERT_EQ(model.joined(ids), expected);
            left_out += static_cast<size_t>(id) - ids.size();
            pairs += expected.size();
        }
    }
    EXPECT_GT(left_out, 20'000U);
    EXPECT_GT(late, 1000U);
    EXPECT_GT(pairs, 1000U);
}

const Shape kTumble{{WindowShape::Tumble, 1000, 1000, 0}, -1000, 0, true};

TEST(RunningExtremeFilter, RowsOfCompleteWindowsDoNotCount) {
    OperatorHarness harness(filter(kTumble));
    harness.process(batchOf(kRows, {rowOf({1, 5, 100})}));
    harness.watermark(999);
    harness.process(batchOf(kRows, {rowOf({2, 9, 500}), rowOf({3, 5, 600}), rowOf({4, 4, 700})}));
    EXPECT_EQ(passed(harness), (std::vector<int64_t>{1, 2, 3})) << "5 is the largest";
    harness.watermark(1500);
    harness.process(batchOf(kRows, {rowOf({5, 4, 700})}));
    EXPECT_EQ(passed(harness).back(), 5) << "the window is forgotten";
}

TEST(RunningExtremeFilter, WhatAnEarlierRunSawIsLateInTheNext) {
    OperatorHarness first(filter(kTumble));
    first.watermark(2999);
    const auto taken = first.snapshot();
    OperatorHarness next(filter(kTumble), {}, 1, taken);
    next.process(batchOf(kRows, {rowOf({1, 9, 2500}), rowOf({2, 5, 2600})}));  // may be late: both pass
    next.process(batchOf(kRows, {rowOf({3, 9, 3500}), rowOf({4, 5, 3600})}));
    EXPECT_EQ(passed(next), (std::vector<int64_t>{1, 2, 3}));
}

TEST(RunningExtremeFilter, IfThatIsNotKnownAllPass) {
    auto other = std::make_shared<OperatorSnapshot>();
    other->uid = "another operator's";
    OperatorHarness harness(filter(kTumble), {}, 1, {other});
    harness.process(batchOf(kRows, {rowOf({1, 9, 2500}), rowOf({2, 5, 2600})}));
    EXPECT_EQ(passed(harness), (std::vector<int64_t>{1, 2}));
}

TEST(RunningExtremeFilter, AfterASubtaskWasIdleItsRowsMayBeLateElsewhere) {
    for (const uint32_t parallelism : {1U, 2U}) {
        OperatorHarness harness(filter(kTumble), {0}, parallelism);
        harness.idle(true);
        harness.idle(false);
        harness.process(batchOf(kRows, {rowOf({1, 9, 2500}), rowOf({1, 5, 2600})}));
        EXPECT_EQ(passed(harness).size(), parallelism) << "of two rows";
    }
}

}  // namespace
}  // namespace millrace
