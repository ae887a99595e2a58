// The scalar twin: lists, one row at a time.
#include "operators/rank.h"

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
                     {"v", LogicalType::bigint()},
                     {"s", LogicalType::string()}});

struct Options {
    bool keyed = true;
    int64_t first = 1;
    int64_t last = 2;
    bool number = true;
    bool retracts = false;
    bool update_before = true;
    int64_t ttl_ms = 0;
    bool by_string = false;  // before v
};

std::shared_ptr<const Operator> rank(const Options& options) {
    RankParameters p;
    p.input = kInput;
    if (options.keyed) p.partition = {0};
    p.order = {{1, true, false}};  // v DESC
    if (options.by_string) p.order.insert(p.order.begin(), {2, false, true});
    p.first = options.first;
    p.last = options.last;
    p.outputs_number = options.number;
    p.input_retracts = options.retracts;
    p.generates_update_before = options.update_before;
    p.ttl = Duration{options.ttl_ms};
    std::vector<Field> fields = kInput.fields();
    if (options.number) fields.push_back({"rn", LogicalType::bigint().withNullable(false)});
    p.output = Schema(std::move(fields));
    return makeRank(std::move(p));
}

TestRow row(std::optional<std::string> k, std::optional<int64_t> v, const std::string& s = "x",
            RowKind kind = RowKind::Insert) {
    return {{k ? Value::string(*k) : Value::null(), v ? Value::int64(*v) : Value::null(), Value::string(s)},
            kind};
}

TEST(Rank, PlacesAreUpdatedWithTheNetChangeOfABatch) {
    OperatorHarness harness(rank({}), {0});
    harness.process(batchOf(kInput, {row("a", 5), row("a", 9), row("a", 1), row("b", 7)}));
    EXPECT_EQ(harness.changes(), (Changes{"+I(a, 9, x, 1)", "+I(a, 5, x, 2)", "+I(b, 7, x, 1)"}));
    harness.output.batches.clear();
    harness.process(batchOf(kInput, {row("a", 4)}));
    EXPECT_TRUE(harness.output.batches.empty());
    harness.process(batchOf(kInput, {row("a", 10)}));
    EXPECT_EQ(harness.changes(),
              (Changes{"-U(a, 9, x, 1)", "+U(a, 10, x, 1)", "-U(a, 5, x, 2)", "+U(a, 9, x, 2)"}));
}

TEST(Rank, OnlyUpdateAfterWhereNobodyNeedsMore) {
    OperatorHarness harness(rank({.update_before = false}), {0});
    harness.process(batchOf(kInput, {row("a", 5), row("a", 4)}));
    harness.process(batchOf(kInput, {row("a", 6)}));
    EXPECT_EQ(harness.changes(),
              (Changes{"+I(a, 5, x, 1)", "+I(a, 4, x, 2)", "+U(a, 6, x, 1)", "+U(a, 5, x, 2)"}));
}

TEST(Rank, WithoutNumberRowsComeAndGo) {
    OperatorHarness harness(rank({.number = false}), {0});
    harness.process(batchOf(kInput, {row("a", 5), row("a", 9)}));
    harness.process(batchOf(kInput, {row("a", 10), row("a", 7)}));
    EXPECT_EQ(harness.changes(), (Changes{"+I(a, 9, x)", "+I(a, 5, x)", "-D(a, 5, x)", "+I(a, 10, x)"}));
}

TEST(Rank, TopOneIsUpdated) {
    OperatorHarness harness(rank({.last = 1, .number = false}), {0});
    harness.process(batchOf(kInput, {row("a", 5)}));
    harness.process(batchOf(kInput, {row("a", 5, "tie"), row("a", 6, "y"), row("a", 8, "z")}));
    EXPECT_EQ(harness.changes(), (Changes{"+I(a, 5, x)", "-U(a, 5, x)", "+U(a, 8, z)"}));
}

TEST(Rank, TiesStandInTheOrderOfArrivalAndNullIsAKeyLikeOthers) {
    OperatorHarness harness(rank({.last = 3}), {0});
    harness.process(batchOf(kInput, {row("a", 5, "first"), row("a", 5, "second")}));
    harness.process(batchOf(kInput, {row("a", 5, "third"), row("a", 5, "fourth"), row(std::nullopt, 1),
                                     row(std::nullopt, std::nullopt)}));
    EXPECT_EQ(harness.table(), (std::map<std::string, int64_t>{{"(a, 5, first, 1)", 1},
                                                               {"(a, 5, second, 2)", 1},
                                                               {"(a, 5, third, 3)", 1},
                                                               {"(NULL, 1, x, 1)", 1},
                                                               {"(NULL, NULL, x, 2)", 1}}));
}

TEST(Rank, ARowThatLeavesMakesRoomForTheNext) {
    OperatorHarness harness(rank({.retracts = true}), {0});
    harness.process(batchOf(kInput, {row("a", 5), row("a", 9), row("a", 1), row("a", 3)}));
    harness.output.batches.clear();
    harness.process(batchOf(kInput, {row("a", 9, "x", RowKind::Delete)}));
    EXPECT_EQ(harness.changes(),
              (Changes{"-U(a, 9, x, 1)", "+U(a, 5, x, 1)", "-U(a, 5, x, 2)", "+U(a, 3, x, 2)"}));
    harness.output.batches.clear();
    harness.process(
        batchOf(kInput, {row("a", 5, "x", RowKind::UpdateBefore), row("a", 2, "x", RowKind::UpdateAfter)}));
    harness.process(batchOf(kInput, {row("a", 1, "x", RowKind::Delete), row("a", 3, "x", RowKind::Delete)}));
    harness.process(batchOf(kInput, {row("a", 2, "x", RowKind::Delete)}));
    EXPECT_EQ(harness.changes(),
              (Changes{"-U(a, 5, x, 1)", "+U(a, 3, x, 1)", "-U(a, 3, x, 2)", "+U(a, 2, x, 2)",
                       "-U(a, 3, x, 1)", "+U(a, 2, x, 1)", "-D(a, 2, x, 2)", "-D(a, 2, x, 1)"}));
}

TEST(Rank, WhatWasNeverThereCannotLeave) {
    OperatorHarness harness(rank({.retracts = true}), {0});
    harness.process(batchOf(kInput, {row("a", 5, "x", RowKind::Delete), row("b", 1)}));
    harness.process(
        batchOf(kInput, {row("b", 1, "other", RowKind::Delete), row("b", 2, "x", RowKind::Delete)}));
    // Comes and goes within a batch; of equal rows, one goes.
    harness.process(batchOf(kInput, {row("c", 1), row("c", 1, "x", RowKind::Delete), row("d", 1), row("d", 1),
                                     row("d", 1, "x", RowKind::Delete)}));
    EXPECT_EQ(harness.changes(), (Changes{"+I(b, 1, x, 1)", "+I(d, 1, x, 1)"}));
}

TEST(Rank, OfManyEqualRowsAsManyLeaveAsAreTakenBack) {
    OperatorHarness harness(rank({.last = 2, .retracts = true}), {0});
    harness.process(batchOf(kInput, std::vector<TestRow>(6, row("a", 5))));
    harness.process(batchOf(kInput, std::vector<TestRow>(5, row("a", 5, "x", RowKind::Delete))));
    EXPECT_EQ(harness.table(), (std::map<std::string, int64_t>{{"(a, 5, x, 1)", 1}}));
    harness.process(batchOf(kInput, std::vector<TestRow>(2, row("a", 5, "x", RowKind::Delete))));
    EXPECT_TRUE(harness.table().empty());
}

TEST(Rank, ARowWhoseTimeIsOverHoldsNoPlace) {
    for (const bool retracts : {false, true}) {
        OperatorHarness harness(rank({.retracts = retracts, .ttl_ms = 1000}), {0});
        harness.process(batchOf(kInput, {row("a", 9), row("a", 8), row("b", 5)}));
        harness.clock.now_ms += 600;
        harness.process(batchOf(kInput, {row("b", 6)}));
        harness.clock.now_ms += 600;
        harness.output.batches.clear();
        harness.process(batchOf(kInput, {row("a", 1), row("b", 1)}));
        EXPECT_EQ(harness.changes(), (Changes{"+I(a, 1, x, 1)", "+I(b, 1, x, 2)"})) << retracts;
    }
}

TEST(Rank, ARowThatHasNoPlaceProlongsNothing) {
    for (const bool number : {false, true}) {
        OperatorHarness harness(rank({.last = 1, .number = number, .ttl_ms = 1000}), {0});
        harness.process(batchOf(kInput, {row("a", 9), row("b", 5)}));
        harness.clock.now_ms += 600;
        harness.process(batchOf(kInput, {row("a", 8), row("b", 6)}));
        harness.clock.now_ms += 600;
        harness.output.batches.clear();
        harness.process(batchOf(kInput, {row("a", 1), row("b", 1)}));
        EXPECT_EQ(harness.changes(), (Changes{number ? "+I(a, 1, x, 1)" : "+I(a, 1, x)"}));
    }
}

TEST(Rank, RowsOfPartitionsThatNobodyTouchesExpire) {
    OperatorHarness harness(rank({.last = 3, .ttl_ms = 1000}), {0});
    for (int64_t i = 0; i < 500; ++i) {
        harness.clock.now_ms += 100;
        harness.process(
            batchOf(kInput, {row("key " + std::to_string(i), 9), row("key " + std::to_string(i), 8)}));
    }
    // Their partitions are forgotten: such keys come again as new ones.
    harness.output.batches.clear();
    harness.process(batchOf(kInput, {row("key 0", 1), row("key 250", 2), row("key 499", 3)}));
    EXPECT_EQ(harness.changes(),
              (Changes{"+I(key 0, 1, x, 1)", "+I(key 250, 2, x, 1)", "+I(key 499, 3, x, 3)"}));
}

TEST(Rank, NoPlacesNoRows) {
    for (const auto& [first, last] : {std::pair<int64_t, int64_t>{1, 0}, {3, 2}, {-5, -1}}) {
        OperatorHarness harness(rank({.first = first, .last = last}), {0});
        harness.process(batchOf(kInput, {row("a", 5)}));
        harness.end();
        EXPECT_TRUE(harness.changes().empty());
    }
}

// One partition's rows as they arrived; sorted anew for every answer.
class Twin {
  public:
    explicit Twin(const Options& options) : options_(options) {}
    void apply(const TestRow& row) {
        std::vector<std::vector<Value>>& rows = partitions_[options_.keyed ? row.values[0] : Value::null()];
        if (!isRetraction(row.kind)) {
            rows.push_back(row.values);
        } else {
            rows.erase(std::find(rows.begin(), rows.end(), row.values));
        }
    }
    std::map<std::string, int64_t> table() const {
        std::map<std::string, int64_t> result;
        for (const auto& [key, arrived] : partitions_) {
            auto rows = arrived;
            std::stable_sort(rows.begin(), rows.end(), [&](const auto& a, const auto& b) {
                return options_.by_string && a[2] != b[2] ? a[2] < b[2] : b[1] < a[1];
            });
            for (int64_t place = options_.first; place <= options_.last; ++place) {
                if (place > static_cast<int64_t>(rows.size())) break;
                std::vector<Value> values = rows[static_cast<size_t>(place) - 1];
                std::vector<Field> fields = kInput.fields();
                if (options_.number) {
                    values.push_back(Value::int64(place));
                    fields.push_back({"rn", LogicalType::bigint()});
                }
                ++result[OperatorHarness::rowText(batchOf(Schema(fields), {{values}}), 0)];
            }
        }
        return result;
    }
    const std::map<Value, std::vector<std::vector<Value>>>& partitions() const { return partitions_; }

  private:
    Options options_;
    std::map<Value, std::vector<std::vector<Value>>> partitions_;
};

// Changes in batches of all sizes, with a restore at another parallelism now and then.
void compareWithTwin(const Options& options, uint64_t seed) {
    std::mt19937_64 random(seed);
    const auto below = [&](uint64_t n) { return random() % n; };
    Twin twin(options);
    std::map<std::string, int64_t> shown;
    auto harness = std::make_unique<OperatorHarness>(
        rank(options), options.keyed ? std::vector<size_t>{0} : std::vector<size_t>{});
    for (int step = 0; step < 60; ++step) {
        std::vector<TestRow> rows;
        for (uint64_t i = 0, n = 1 + below(below(4) == 0 ? 40 : 4); i < n; ++i) {
            TestRow next =
                row(below(8) == 0 ? std::nullopt : std::optional("key " + std::to_string(below(5))),
                    below(8) == 0 ? std::nullopt : std::optional(static_cast<int64_t>(below(12))),
                    "a string of some length " + std::to_string(below(3)));
            if (options.retracts && below(2) == 0 && !twin.partitions().empty()) {
                auto at = twin.partitions().begin();
                std::advance(at, below(twin.partitions().size()));
                if (!at->second.empty()) {
                    next.values = at->second[below(at->second.size())];
                    next.kind = below(2) == 0 ? RowKind::Delete : RowKind::UpdateBefore;
                }
            }
            twin.apply(next);
            rows.push_back(std::move(next));
        }
        harness->process(batchOf(kInput, rows));
        for (const Batch& batch : harness->output.batches) {
            for (size_t i = 0; i < batch.rows(); ++i) {
                int64_t& count = shown[OperatorHarness::rowText(batch, i)];
                count += isRetraction(batch.kind(i)) ? -1 : 1;
                ASSERT_GE(count, 0) << "seed " << seed << ", step " << step;
                if (count == 0) shown.erase(OperatorHarness::rowText(batch, i));
            }
        }
        harness->output.batches.clear();
        ASSERT_EQ(shown, twin.table()) << "seed " << seed << ", step " << step;
        if (below(10) == 0) {
            const Snapshots snapshots = harness->snapshot();
            harness = std::make_unique<OperatorHarness>(
                rank(options), options.keyed ? std::vector<size_t>{0} : std::vector<size_t>{},
                options.keyed ? static_cast<uint32_t>(1 + below(4)) : 1, snapshots);
        }
    }
}

TEST(Rank, AgreesWithItsScalarTwin) {
    for (uint64_t seed = 1; seed <= 20; ++seed) {
        for (const bool retracts : {false, true}) {
            for (const bool number : {false, true}) {
                compareWithTwin({.last = 3, .number = number, .retracts = retracts}, seed);
                compareWithTwin({.first = 2, .last = 4, .number = number, .retracts = retracts}, seed);
                compareWithTwin({.first = 2, .last = 2, .number = number, .retracts = retracts}, seed);
                compareWithTwin({.keyed = false, .last = 5, .number = number, .retracts = retracts}, seed);
            }
        }
    }
}

// Keys of which the first 24 bytes are the same; the first row alone; more rows than AppendRank takes.
TEST(Rank, AgreesWithItsScalarTwinWhateverTheOrderAndTheNumberOfRows) {
    for (uint64_t seed = 1; seed <= 6; ++seed) {
        for (const bool retracts : {false, true}) {
            for (const bool number : {false, true}) {
                for (const bool by_string : {false, true}) {
                    Options options{.number = number, .retracts = retracts, .by_string = by_string};
                    for (const int64_t last : {1, 3, 40, 2000}) {
                        options.last = last;
                        compareWithTwin(options, seed);
                    }
                    options.keyed = false;
                    options.last = 1;
                    compareWithTwin(options, seed);
                }
            }
        }
    }
}

}  // namespace
}  // namespace millrace
