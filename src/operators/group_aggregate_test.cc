#include "operators/group_aggregate.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <set>

#include "base/error.h"
#include "operators/test_harness.h"

namespace millrace {
namespace {

using testing::batchOf;
using testing::OperatorHarness;
using testing::Snapshots;
using testing::TestRow;
using Rows = std::vector<std::string>;

const Schema kInput({{"k", LogicalType::string()},
                     {"v", LogicalType::bigint()},
                     {"f", LogicalType::boolean()}});

struct Options {
    bool keyed = true;
    bool retracts = true;
    bool update_before = true;
    bool distinct_rows = false;  // SELECT DISTINCT k, v
    bool more = false;           // SUM(DISTINCT v), COUNT(DISTINCT v) FILTER (WHERE f)
    Duration ttl{0};
};

std::shared_ptr<Operator> aggregate(const Options& options) {
    GroupAggregateParameters p;
    p.input = kInput;
    p.input_retracts = options.retracts;
    p.generates_update_before = options.update_before;
    p.ttl = options.ttl;
    std::vector<Field> fields;
    if (options.distinct_rows) {
        p.keys = {0, 1};
        fields = {kInput[0], kInput[1]};
    } else {
        if (options.keyed) {
            p.keys = {0};
            fields.push_back(kInput[0]);
        }
        const auto add = [&](const char* name, std::vector<size_t> arguments, bool distinct,
                             std::optional<size_t> filter) {
            std::vector<ArgumentInfo> infos;
            infos.reserve(arguments.size());
            for (const size_t argument : arguments)
                infos.push_back({kInput[argument].type, std::nullopt});
            auto bound = findAggregateFunction(name)->bind(infos, false, options.retracts);
            fields.push_back({"r" + std::to_string(fields.size()), bound->resultType()});
            p.terms.push_back({std::move(bound), std::move(arguments), filter, name, name, distinct});
        };
        add("COUNT", {}, false, std::nullopt);
        add("SUM", {1}, false, std::nullopt);
        add("MIN", {1}, false, std::nullopt);
        add("COUNT", {1}, true, std::nullopt);
        add("COUNT", {}, false, 2);
        if (options.more) {
            add("SUM", {1}, true, std::nullopt);
            add("COUNT", {1}, true, 2);
        }
    }
    p.output = Schema(std::move(fields));
    p.text = "test";
    return std::make_shared<GroupAggregate>(std::move(p));
}

TestRow row(const char* key, std::optional<int64_t> value, RowKind kind = RowKind::Insert, bool flag = true) {
    return {{Value::string(key), value ? Value::int64(*value) : Value::null(), Value::boolean(flag)}, kind};
}

TEST(GroupAggregate, OneChangeAGroupAndBatch) {
    OperatorHarness harness(aggregate({}), {0});
    harness.process(batchOf(kInput, {row("a", 5), row("b", 1), row("a", 7)}));
    harness.process(batchOf(kInput, {row("a", 1), row("a", 5)}));
    EXPECT_EQ(harness.changes(), (Rows{"+I(a, 2, 12, 5, 2, 2)", "+I(b, 1, 1, 1, 1, 1)",
                                       "-U(a, 2, 12, 5, 2, 2)", "+U(a, 4, 18, 1, 3, 4)"}));
}

TEST(GroupAggregate, OnlyUpdateAfterWhereNobodyNeedsMore) {
    Options options;
    options.update_before = false;
    OperatorHarness harness(aggregate(options), {0});
    harness.process(batchOf(kInput, {row("a", 5)}));
    harness.process(batchOf(kInput, {row("a", 6)}));
    EXPECT_EQ(harness.changes(), (Rows{"+I(a, 1, 5, 5, 1, 1)", "+U(a, 2, 11, 5, 2, 2)"}));
}

TEST(GroupAggregate, DeletedWithItsLastRowAndBornAgain) {
    OperatorHarness harness(aggregate({}), {0});
    harness.process(batchOf(kInput, {row("a", 5)}));
    harness.process(batchOf(kInput, {row("a", 5, RowKind::Delete)}));
    harness.process(batchOf(kInput, {row("a", 6)}));
    harness.process(batchOf(kInput, {row("a", 6, RowKind::UpdateBefore), row("a", 7, RowKind::UpdateAfter)}));
    EXPECT_EQ(harness.changes(), (Rows{"+I(a, 1, 5, 5, 1, 1)", "-D(a, 1, 5, 5, 1, 1)", "+I(a, 1, 6, 6, 1, 1)",
                                       "-U(a, 1, 6, 6, 1, 1)", "+U(a, 1, 7, 7, 1, 1)"}));
}

TEST(GroupAggregate, NothingWhereNothingChanged) {
    OperatorHarness harness(aggregate({}), {0});
    harness.process(batchOf(kInput, {row("a", 5)}));
    harness.process(batchOf(kInput, {row("a", 9), row("a", 9, RowKind::Delete)}));
    harness.process(batchOf(kInput, {row("b", 9), row("b", 9, RowKind::Delete)}));
    harness.process(batchOf(kInput, {row("c", 9, RowKind::Delete)}));  // of no group
    harness.process(
        batchOf(kInput, {row("d", 9, RowKind::UpdateBefore), row("d", 4)}));  // the first one, too
    EXPECT_EQ(harness.changes(), (Rows{"+I(a, 1, 5, 5, 1, 1)", "+I(d, 1, 4, 4, 1, 1)"}));
}

TEST(GroupAggregate, AGroupNobodyTouchesBeginsAnewAfterItsTimeToLive) {
    Options options;
    options.retracts = false;
    options.ttl = {1000};
    OperatorHarness harness(aggregate(options), {0});
    harness.process(batchOf(kInput, {row("a", 5), row("b", 1)}));
    harness.clock.now_ms += 999;
    harness.process(batchOf(kInput, {row("a", 6)}));
    harness.clock.now_ms += 1;
    const Snapshots snapshots = harness.snapshot();
    harness.process(batchOf(kInput, {row("a", 7), row("b", 2)}));
    EXPECT_EQ(harness.changes(), (Rows{"+I(a, 1, 5, 5, 1, 1)", "+I(b, 1, 1, 1, 1, 1)", "-U(a, 1, 5, 5, 1, 1)",
                                       "+U(a, 2, 11, 5, 2, 2)", "-U(a, 2, 11, 5, 2, 2)",
                                       "+U(a, 3, 18, 5, 3, 3)", "+I(b, 1, 2, 2, 1, 1)"}));
    // A restore does not make it younger.
    OperatorHarness restored(aggregate(options), {0}, 1, snapshots);
    restored.clock.now_ms += 1998;  // one before the end of a's time
    restored.process(batchOf(kInput, {row("a", 1), row("b", 3)}));
    EXPECT_EQ(restored.changes(),
              (Rows{"-U(a, 2, 11, 5, 2, 2)", "+U(a, 3, 12, 1, 3, 3)", "+I(b, 1, 3, 3, 1, 1)"}));
}

TEST(GroupAggregate, WithoutKeysOneRowEvenForNoInput) {
    Options options;
    options.keyed = false;
    OperatorHarness empty(aggregate(options), {}, 3);
    EXPECT_TRUE(empty.changes().empty());
    empty.end();
    EXPECT_EQ(empty.changes(), Rows{"+I(0, NULL, NULL, 0, 0)"});
    // A job that goes on from a savepoint ends again.
    OperatorHarness restored(aggregate(options), {}, 2, empty.snapshot());
    restored.end();
    EXPECT_TRUE(restored.changes().empty());

    OperatorHarness harness(aggregate(options));
    harness.process(batchOf(kInput, {row("a", 5), row("b", 3, RowKind::Insert, false)}));
    harness.end();
    EXPECT_EQ(harness.changes(), Rows{"+I(2, 8, 3, 2, 1)"});
}

TEST(GroupAggregate, CountsDistinctValuesFromEndToEnd) {
    Options options;
    options.retracts = false;
    const auto op = aggregate(options);
    std::vector<TestRow> rows;
    for (const int64_t near : {INT64_MIN, int64_t{-1'000'000}, int64_t{-64}, int64_t{0}, int64_t{64},
                               int64_t{1} << 40, INT64_MAX - 200}) {
        for (int64_t i = 0; i <= 200; ++i)
            rows.push_back(row("a", near + i));
    }
    std::set<int64_t> distinct;
    for (const TestRow& each : rows)
        distinct.insert(each.values[1].asInt64());
    const auto counted = [](const OperatorHarness& harness) {
        const Batch& last = harness.output.batches.back();
        return last.column(4)->valueAt(last.rows() - 1).asInt64();
    };
    OperatorHarness harness(op, {0});
    harness.process(batchOf(kInput, rows));
    EXPECT_EQ(counted(harness), static_cast<int64_t>(distinct.size()));
    OperatorHarness later(op, {0}, 3, harness.snapshot());
    rows.push_back(row("a", -999'000));
    later.process(batchOf(kInput, rows));
    EXPECT_EQ(counted(later), static_cast<int64_t>(distinct.size() + 1));
}

// The number of a group hashes to a small number, as 0 does.
TEST(GroupAggregate, CountsOneDistinctValueOfManyGroups) {
    Options options;
    options.retracts = false;
    OperatorHarness harness(aggregate(options), {0});
    std::vector<TestRow> rows;
    rows.reserve(20'000);
    for (int i = 0; i < 20'000; ++i)
        rows.push_back(row(fmt::format("a group {}", i).c_str(), i % 3 - 1));
    for (int round = 0; round < 2; ++round)
        harness.process(batchOf(kInput, rows));
    const Batch& last = harness.output.batches.back();
    for (size_t i = 0; i < last.rows(); ++i)
        ASSERT_EQ(last.column(4)->valueAt(i).asInt64(), 1);
}

TEST(GroupAggregate, DistinctValuesStayInTheFormOfTheirSnapshot) {
    Options options;
    options.retracts = false;
    Options expiring = options;
    expiring.ttl = Duration{1000};
    for (const auto& [first, second] : {std::pair(options, expiring), std::pair(expiring, options)}) {
        OperatorHarness harness(aggregate(first), {0});
        harness.process(batchOf(kInput, {row("a", 5), row("a", 7), row("b", 5)}));
        Snapshots snapshots = harness.snapshot();
        OperatorHarness later(aggregate(second), {0}, 2, snapshots);
        later.process(batchOf(kInput, {row("a", 7), row("a", 6), row("b", 5)}));
        std::vector<std::string> last;
        for (const std::string& change : later.changes()) {
            if (change.starts_with("+U")) last.push_back(change);
        }
        std::sort(last.begin(), last.end());
        EXPECT_EQ(last, (Rows{"+U(a, 4, 25, 5, 3, 4)", "+U(b, 2, 10, 5, 1, 2)"}));
    }
}

TEST(GroupAggregate, RefusesDistinctValuesOfAnUnknownForm) {
    Options options;
    options.retracts = false;
    OperatorHarness harness(aggregate(options), {0});
    harness.process(batchOf(kInput, {row("a", 5)}));
    const Snapshots snapshots = harness.snapshot();
    for (const std::vector<std::string>& items :
         {std::vector<std::string>{}, std::vector<std::string>{"3"}, std::vector<std::string>{""}}) {
        auto changed = std::make_shared<OperatorSnapshot>(*snapshots.front());
        size_t found = 0;
        for (ListStateSnapshot& list : changed->lists) {
            if (list.name != "distinct-blocks") continue;
            list.items = items;
            ++found;
        }
        ASSERT_EQ(found, 1U);
        EXPECT_THROW(OperatorHarness(aggregate(options), {0}, 1, {changed}), UserError);
    }
}

TEST(GroupAggregate, DistinctRowsComeOnce) {
    Options options;
    options.retracts = false;
    options.distinct_rows = true;
    OperatorHarness harness(aggregate(options), {0, 1});
    harness.process(batchOf(kInput, {row("a", 5), row("a", 5), row("a", std::nullopt)}));
    harness.process(batchOf(kInput, {row("a", std::nullopt), row("b", 5)}));
    EXPECT_EQ(harness.changes(), (Rows{"+I(a, 5)", "+I(a, NULL)", "+I(b, 5)"}));
}

// The scalar twin: maps, one row at a time.
struct TwinGroup {
    int64_t rows = 0, filtered = 0;
    std::map<int64_t, int64_t> values, filtered_values;
};

void compareWithTwin(bool retracts, uint64_t seed, size_t batch_rows_max) {
    SCOPED_TRACE(fmt::format("retracts={} seed={} batch={}", retracts, seed, batch_rows_max));
    std::mt19937_64 random(seed);
    const auto below = [&](uint64_t bound) { return static_cast<int64_t>(random() % bound); };
    Options options;
    options.retracts = retracts;
    options.more = true;
    const auto op = aggregate(options);
    auto harness = std::make_unique<OperatorHarness>(op, std::vector<size_t>{0});
    std::map<std::string, TwinGroup> twin;
    std::map<std::string, int64_t> table;  // the changes of all harnesses, folded
    const auto collect = [&] {
        for (const Batch& batch : harness->output.batches) {
            for (size_t i = 0; i < batch.rows(); ++i) {
                const std::string text = OperatorHarness::rowText(batch, i);
                int64_t& count = table[text];
                count += isRetraction(batch.kind(i)) ? -1 : 1;
                ASSERT_GE(count, 0) << text;
                if (count == 0) table.erase(text);
            }
        }
    };
    std::vector<TestRow> live;
    for (int step = 0; step < 150; ++step) {
        std::vector<TestRow> rows;
        for (int64_t n = 1 + below(batch_rows_max); n > 0; --n) {
            TestRow next = row(fmt::format("group number {}", below(12)).c_str(), below(20) - 10,
                               RowKind::Insert, below(2) == 0);
            if (below(8) == 0) next.values[1] = Value::null();
            if (below(8) == 0) next.values[2] = Value::null();
            if (retracts && !live.empty() && below(5) < 2) {
                const auto at = static_cast<size_t>(below(live.size()));
                next = live[at];
                next.kind = below(2) ? RowKind::Delete : RowKind::UpdateBefore;
                live.erase(live.begin() + static_cast<std::ptrdiff_t>(at));
            } else {
                live.push_back(next);
            }
            const int64_t sign = isRetraction(next.kind) ? -1 : 1;
            TwinGroup& group = twin[next.values[0].asString()];
            group.rows += sign;
            const bool passes = !next.values[2].isNull() && next.values[2].asBool();
            if (passes) group.filtered += sign;
            if (passes && !next.values[1].isNull() &&
                (group.filtered_values[next.values[1].asInt64()] += sign) == 0) {
                group.filtered_values.erase(next.values[1].asInt64());
            }
            if (!next.values[1].isNull() && (group.values[next.values[1].asInt64()] += sign) == 0) {
                group.values.erase(next.values[1].asInt64());
            }
            rows.push_back(std::move(next));
        }
        harness->process(batchOf(kInput, rows));
        if (below(30) == 0) {
            const Snapshots snapshots = harness->snapshot();
            collect();
            harness = std::make_unique<OperatorHarness>(op, std::vector<size_t>{0},
                                                        static_cast<uint32_t>(1 + below(4)), snapshots);
        }
    }
    harness->end();
    collect();
    std::map<std::string, int64_t> expected;
    for (const auto& [key, group] : twin) {
        if (group.rows == 0) continue;
        int64_t sum = 0, sum_of_distinct = 0;
        for (const auto& [value, count] : group.values) {
            sum += value * count;
            sum_of_distinct += value;
        }
        const bool none = group.values.empty();
        ++expected[fmt::format(
            "({}, {}, {}, {}, {}, {}, {}, {})", key, group.rows, none ? "NULL" : std::to_string(sum),
            none ? "NULL" : std::to_string(group.values.begin()->first), group.values.size(), group.filtered,
            none ? "NULL" : std::to_string(sum_of_distinct), group.filtered_values.size())];
    }
    EXPECT_EQ(table, expected);
    EXPECT_GT(table.size(), 3u);
}

TEST(GroupAggregate, AgreesWithItsScalarTwin) {
    uint64_t seed = 1;
    for (const bool retracts : {false, true}) {
        for (const size_t batch_rows_max : {1, 5, 200})
            compareWithTwin(retracts, seed++, batch_rows_max);
    }
}

}  // namespace
}  // namespace millrace
