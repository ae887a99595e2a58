// Window functions by both of their operators against scalar twins: lists, one row at a time.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>

#include "operators/over_aggregate.h"
#include "operators/test_harness.h"
#include "operators/updating_over.h"

namespace millrace {
namespace {

using testing::batchOf;
using testing::OperatorHarness;
using testing::Snapshots;
using testing::TestRow;
using Changes = std::vector<std::string>;
using Row = std::vector<Value>;

const Schema kInput({{"k", LogicalType::string()},
                     {"t", LogicalType::timestamp(3)},
                     {"v", LogicalType::bigint()}});

struct Frame {
    bool rows = false;
    std::optional<int64_t> preceding;  // rows, or seconds
};

OverParameters over(const Frame& frame, bool ranks) {
    OverParameters p;
    p.input = kInput;
    p.partition = {0};
    p.order = {{1, false, true}};
    p.rows = frame.rows;
    if (frame.preceding) p.preceding = frame.rows ? *frame.preceding : *frame.preceding * 1'000'000;
    std::vector<Field> fields = kInput.fields();
    const auto add = [&](const char* function, std::vector<size_t> arguments) {
        std::vector<ArgumentInfo> infos;
        for (size_t i = 0; i < arguments.size(); ++i)
            infos.push_back({LogicalType::bigint(), std::nullopt});
        AggregateTerm term{findAggregateFunction(function)->bind(infos, false, frame.preceding.has_value()),
                           std::move(arguments), std::nullopt, function, function};
        fields.push_back({function, term.function->resultType()});
        p.terms.push_back({OverTerm::Kind::Aggregate, std::move(term)});
    };
    add("COUNT", {});
    add("SUM", {2});
    add("MAX", {2});
    if (ranks) {
        p.terms.push_back({OverTerm::Kind::Rank, {}});
        fields.push_back({"rank", LogicalType::bigint()});
        p.terms.push_back({OverTerm::Kind::DenseRank, {}});
        fields.push_back({"dense_rank", LogicalType::bigint()});
    }
    p.output = Schema(std::move(fields));
    return p;
}

std::shared_ptr<Operator> appending(const Frame& frame, bool processing_time = false) {
    return std::make_shared<OverAggregate>(OverAggregateParameters{over(frame, false), processing_time});
}

std::shared_ptr<Operator> updating(const Frame& frame, bool ranks, bool update_before = true) {
    return std::make_shared<UpdatingOver>(UpdatingOverParameters{over(frame, ranks), true, update_before});
}

TestRow row(std::optional<std::string> k, std::optional<int64_t> seconds, std::optional<int64_t> v,
            RowKind kind = RowKind::Insert) {
    return {
        {k ? Value::string(*k) : Value::null(), seconds ? Value::int64(*seconds * 1'000'000) : Value::null(),
         v ? Value::int64(*v) : Value::null()},
        kind};
}

// Of each change, what it does, the value and the results: "+I 5: 1, 5, 5".
Changes shortened(const OperatorHarness& harness) {
    Changes result;
    for (const std::string& change : harness.changes()) {
        const size_t value = change.find(", ", change.find(", ") + 2) + 2;
        result.push_back(change.substr(0, 2) + " " + change.substr(value, change.size() - value - 1));
    }
    return result;
}

// The results of every row of a partition, as the definition of frames has them.
std::map<std::string, int64_t> twin(std::vector<Row> rows, const Frame& frame, bool ranks) {
    std::stable_sort(rows.begin(), rows.end(), [](const Row& a, const Row& b) { return a[1] < b[1]; });
    std::map<std::string, int64_t> result;
    for (size_t i = 0; i < rows.size(); ++i) {
        int64_t count = 0;
        Value sum, max;
        size_t first_peer = i;
        int64_t groups = 1;
        for (size_t k = 0; k < rows.size(); ++k) {
            const bool peer = rows[k][1] == rows[i][1];
            if (peer) first_peer = std::min(first_peer, k);
            if (k < i && k > 0 && rows[k][1] != rows[k - 1][1]) ++groups;
            bool within = frame.rows ? k <= i : k <= i || peer;
            if (within && frame.preceding && frame.rows)
                within = static_cast<int64_t>(i - k) <= *frame.preceding;
            if (within && frame.preceding && !frame.rows) {
                const bool null = rows[i][1].isNull(), other_null = rows[k][1].isNull();
                within = null || other_null
                             ? null == other_null
                             : rows[i][1].asInt64() - rows[k][1].asInt64() <= *frame.preceding * 1'000'000;
            }
            if (!within) continue;
            ++count;
            if (rows[k][2].isNull()) continue;
            sum = Value::int64((sum.isNull() ? 0 : sum.asInt64()) + rows[k][2].asInt64());
            if (max.isNull() || max < rows[k][2]) max = rows[k][2];
        }
        if (i > 0 && rows[i][1] != rows[i - 1][1]) ++groups;
        Row out = rows[i];
        out.insert(out.end(), {Value::int64(count), sum, max});
        if (ranks)
            out.insert(out.end(), {Value::int64(static_cast<int64_t>(first_peer) + 1), Value::int64(groups)});
        ++result[OperatorHarness::rowText(batchOf(over(frame, ranks).output, {{out}}), 0)];
    }
    return result;
}

const Frame kFrames[] = {{true, {}}, {false, {}}, {true, 0}, {true, 3}, {false, 0}, {false, 2}};

TEST(OverAggregate, RowsWaitForTheWatermarkAndComeOnce) {
    OperatorHarness harness(appending({}), {0});
    harness.process(batchOf(kInput, {row("a", 3, 3), row("a", 1, 1), row("a", 3, 4)}));
    EXPECT_TRUE(harness.changes().empty());
    harness.watermark(2999);
    EXPECT_EQ(shortened(harness), (Changes{"+I 1, 1, 1, 1"}));
    harness.process(batchOf(kInput, {row("a", 2, 100), row("a", 3, 5)}));  // one is late
    EXPECT_EQ(harness.metric("numLateRecordsDropped"), 1);
    harness.watermark(3000);
    harness.watermark(9000);
    EXPECT_EQ(shortened(harness),
              (Changes{"+I 1, 1, 1, 1", "+I 3, 4, 13, 5", "+I 4, 4, 13, 5", "+I 5, 4, 13, 5"}));
    EXPECT_EQ(harness.output.watermarks.back(), 9000);
}

TEST(OverAggregate, ProcessingTimeIsTheOrderOfArrival) {
    OperatorHarness harness(appending({true, 1}, true), {0});
    harness.process(batchOf(kInput, {row("a", 3, 3), row("a", 3, 1), row("b", 3, 9)}));
    const Snapshots snapshots = harness.snapshot();
    OperatorHarness restored(appending({true, 1}, true), {0}, 2, snapshots);
    restored.process(batchOf(kInput, {row("a", 4, 5), row("a", 4, 6)}));
    EXPECT_EQ(shortened(harness), (Changes{"+I 3, 1, 3, 3", "+I 1, 2, 4, 3", "+I 9, 1, 9, 9"}));
    EXPECT_EQ(shortened(restored), (Changes{"+I 5, 2, 6, 5", "+I 6, 2, 11, 6"}));
}

TEST(OverAggregate, NullHasNoPlaceInTime) {
    OperatorHarness harness(appending({}), {0});
    EXPECT_THROW(harness.process(batchOf(kInput, {row("a", std::nullopt, 1)})), UserError);
}

TEST(OverAggregate, AgreesWithItsScalarTwin) {
    for (uint64_t seed = 1; seed <= 40; ++seed) {
        for (const Frame& frame : kFrames) {
            std::mt19937_64 random(seed);
            const auto below = [&](uint64_t n) { return static_cast<int64_t>(random() % n); };
            std::map<Value, std::vector<Row>> partitions;
            std::map<std::string, int64_t> shown;
            auto harness = std::make_unique<OperatorHarness>(appending(frame), std::vector<size_t>{0});
            int64_t now = 10, watermark = 0;
            const auto take = [&] {
                for (const Batch& batch : harness->output.batches) {
                    ASSERT_EQ(batch.kinds(), nullptr);
                    for (size_t i = 0; i < batch.rows(); ++i)
                        ++shown[OperatorHarness::rowText(batch, i)];
                }
                harness->output.batches.clear();
            };
            for (int step = 0; step < 25; ++step) {
                std::vector<TestRow> rows;
                for (int64_t i = 0, n = below(12); i < n; ++i) {
                    rows.push_back(
                        row(below(6) == 0 ? std::nullopt : std::optional("k" + std::to_string(below(3))),
                            now - below(6), below(6) == 0 ? std::nullopt : std::optional(below(50))));
                    now += below(2);
                    if (rows.back().values[1].asInt64() / 1'000'000 > watermark)
                        partitions[rows.back().values[0]].push_back(rows.back().values);
                }
                harness->process(batchOf(kInput, rows));
                if (below(2) == 0 && now - 5 > watermark) {
                    watermark = now - 5;
                    harness->watermark(watermark * 1000 + 999);
                }
                take();
                if (below(6) == 0) {
                    const Snapshots snapshots = harness->snapshot();
                    harness =
                        std::make_unique<OperatorHarness>(appending(frame), std::vector<size_t>{0},
                                                          static_cast<uint32_t>(1 + below(4)), snapshots);
                    harness->watermark(watermark * 1000 + 999);
                }
            }
            harness->end();
            take();
            std::map<std::string, int64_t> expected;
            for (const auto& [key, rows] : partitions) {
                for (const auto& [text, count] : twin(rows, frame, false))
                    expected[text] += count;
            }
            ASSERT_EQ(shown, expected)
                << "seed " << seed << (frame.rows ? " rows " : " range ") << frame.preceding.value_or(-1);
        }
    }
}

TEST(UpdatingOver, WhatStandsBehindARowIsSentAgain) {
    OperatorHarness harness(updating({true, {}}, false), {0});
    harness.process(batchOf(kInput, {row("a", 1, 10), row("a", 3, 30)}));
    harness.process(batchOf(kInput, {row("a", 2, 20)}));
    harness.process(batchOf(kInput, {row("a", 1, 10, RowKind::Delete)}));
    EXPECT_EQ(shortened(harness),
              (Changes{"+I 10, 1, 10, 10", "+I 30, 2, 40, 30", "+I 20, 2, 30, 20", "-U 30, 2, 40, 30",
                       "+U 30, 3, 60, 30", "-D 10, 1, 10, 10", "-U 20, 2, 30, 20", "+U 20, 1, 20, 20",
                       "-U 30, 3, 60, 30", "+U 30, 2, 50, 30"}));
}

TEST(UpdatingOver, AFrameOfRowsBoundsWhatIsSentAgain) {
    OperatorHarness harness(updating({true, 1}, false, false), {0});
    harness.process(batchOf(kInput, {row("a", 1, 1), row("a", 3, 3), row("a", 5, 5), row("a", 7, 7)}));
    harness.output.batches.clear();
    harness.process(batchOf(kInput, {row("a", 2, 2), row("b", 1, 1), row("b", 1, 1, RowKind::Delete),
                                     row("c", 1, 1, RowKind::Delete)}));
    EXPECT_EQ(shortened(harness), (Changes{"+I 2, 2, 3, 2", "+U 3, 2, 5, 3"}));
}

TEST(UpdatingOver, AgreesWithItsScalarTwin) {
    for (uint64_t seed = 1; seed <= 25; ++seed) {
        for (const Frame& frame : kFrames) {
            const bool ranks = !frame.rows && !frame.preceding;
            std::mt19937_64 random(seed);
            const auto below = [&](uint64_t n) { return static_cast<int64_t>(random() % n); };
            std::map<Value, std::vector<Row>> partitions;
            std::map<std::string, int64_t> shown;
            auto harness = std::make_unique<OperatorHarness>(updating(frame, ranks), std::vector<size_t>{0});
            for (int step = 0; step < 25; ++step) {
                std::vector<TestRow> rows;
                const uint64_t rows_max = below(8) == 0 ? 150 : below(3) == 0 ? 20 : 3;
                for (int64_t i = 0, n = 1 + below(rows_max); i < n; ++i) {
                    TestRow next =
                        row(below(6) == 0 ? std::nullopt : std::optional("k" + std::to_string(below(3))),
                            below(6) == 0 ? std::nullopt : std::optional(below(8)),
                            below(6) == 0 ? std::nullopt : std::optional(below(50)));
                    if (below(2) == 0 && !partitions.empty()) {
                        auto at = partitions.begin();
                        std::advance(at, below(partitions.size()));
                        if (!at->second.empty()) {
                            next.values = at->second[static_cast<size_t>(below(at->second.size()))];
                            next.kind = RowKind::Delete;
                        }
                    }
                    std::vector<Row>& arrived = partitions[next.values[0]];
                    if (next.kind == RowKind::Insert) {
                        arrived.push_back(next.values);
                    } else {
                        arrived.erase(std::find(arrived.begin(), arrived.end(), next.values));
                    }
                    rows.push_back(std::move(next));
                }
                harness->process(batchOf(kInput, rows));
                for (const Batch& batch : harness->output.batches) {
                    for (size_t i = 0; i < batch.rows(); ++i) {
                        const std::string text = OperatorHarness::rowText(batch, i);
                        shown[text] += isRetraction(batch.kind(i)) ? -1 : 1;
                        if (shown[text] == 0) shown.erase(text);
                    }
                }
                harness->output.batches.clear();
                std::map<std::string, int64_t> expected;
                for (const auto& [key, arrived] : partitions) {
                    for (const auto& [text, count] : twin(arrived, frame, ranks))
                        expected[text] += count;
                }
                ASSERT_EQ(shown, expected)
                    << "seed " << seed << ", step " << step << (frame.rows ? " rows " : " range ")
                    << frame.preceding.value_or(-1);
                if (below(6) == 0) {
                    const Snapshots snapshots = harness->snapshot();
                    harness =
                        std::make_unique<OperatorHarness>(updating(frame, ranks), std::vector<size_t>{0},
                                                          static_cast<uint32_t>(1 + below(4)), snapshots);
                }
            }
        }
    }
}

}  // namespace
}  // namespace millrace
