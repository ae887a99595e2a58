#include "operators/local_group_aggregate.h"

#include <gtest/gtest.h>

#include <random>

#include "operators/group_aggregate.h"
#include "operators/local_distinct_aggregate.h"
#include "operators/test_harness.h"

namespace millrace {
namespace {

using testing::batchOf;
using testing::OperatorHarness;
using testing::TestRow;
using Rows = std::vector<std::string>;

const Schema kInput({{"k", LogicalType::string()},
                     {"v", LogicalType::bigint()},
                     {"s", LogicalType::string()},
                     {"pass", LogicalType::boolean()}});

AggregateTerm term(const char* name, const std::vector<size_t>& arguments, bool retracts,
                   std::optional<size_t> filter = std::nullopt, bool distinct = false) {
    std::vector<ArgumentInfo> infos;
    infos.reserve(arguments.size());
    for (const size_t argument : arguments)
        infos.push_back({kInput[argument].type, std::nullopt});
    return {
        findAggregateFunction(name)->bind(infos, false, retracts), arguments, filter, name, name, distinct};
}

std::vector<AggregateTerm> plainTerms(bool retracts) {
    std::vector<AggregateTerm> terms = {term("COUNT", {}, retracts), term("COUNT", {1}, retracts),
                                        term("SUM", {1}, retracts), term("AVG", {1}, retracts),
                                        term("SUM", {1}, retracts, 3)};
    if (retracts) return terms;
    for (const char* name : {"MIN", "MAX"})
        terms.push_back(term(name, {2}, false));
    return terms;
}

std::vector<AggregateTerm> distinctTerms() {
    return {term("COUNT", {}, false),         term("COUNT", {1}, false, {}, true),
            term("SUM", {1}, false, 3, true), term("COUNT", {2}, false, 3, true),
            term("MAX", {2}, false),          term("COUNT", {1, 2}, false, {}, true)};
}

GroupAggregateParameters onePhase(std::vector<AggregateTerm> terms, bool retracts, std::vector<size_t> keys) {
    GroupAggregateParameters p;
    p.input = kInput;
    p.keys = std::move(keys);
    p.terms = std::move(terms);
    p.input_retracts = retracts;
    std::vector<Field> fields;
    for (const size_t key : p.keys)
        fields.push_back(kInput[key]);
    for (const AggregateTerm& one : p.terms)
        fields.push_back({fmt::format("r{}", fields.size()), one.function->resultType()});
    p.output = Schema(std::move(fields));
    p.text = "test";
    return p;
}

template <class Local>
GroupAggregateParameters second(const Local& local, GroupAggregateParameters p) {
    p.input = local.outputSchema();
    for (size_t i = 0; i < p.keys.size(); ++i)
        p.keys[i] = i;
    p.terms = local.mergingTerms();
    p.merges = true;
    return p;
}

std::shared_ptr<LocalGroupAggregate> localPlain(bool retracts, std::vector<size_t> keys = {0}) {
    return std::make_shared<LocalGroupAggregate>(LocalGroupAggregateParameters{
        kInput, std::move(keys), plainTerms(retracts), retracts, retracts, "test"});
}

TestRow row(std::optional<std::string> key, std::optional<int64_t> value, const char* text = "x",
            RowKind kind = RowKind::Insert) {
    return {{key ? Value::string(*key) : Value::null(), value ? Value::int64(*value) : Value::null(),
             Value::string(text), Value::boolean(true)},
            kind};
}

// Rows of few keys and values, NULLs and strings of all lengths among them; with `retracts`, some are taken
// back later.
std::vector<Batch> randomBatches(std::mt19937_64& random, bool retracts) {
    std::vector<Batch> batches;
    std::vector<TestRow> standing;
    for (int b = 0; b < 30; ++b) {
        std::vector<TestRow> rows;
        for (uint64_t i = 0, n = random() % 40; i < n; ++i) {
            if (retracts && !standing.empty() && random() % 3 == 0) {
                std::swap(standing[random() % standing.size()], standing.back());
                rows.push_back(std::move(standing.back()));
                rows.back().kind = random() % 2 == 0 ? RowKind::Delete : RowKind::UpdateBefore;
                standing.pop_back();
                continue;
            }
            const auto or_null = [&](Value value) {
                return random() % 8 == 0 ? Value::null() : std::move(value);
            };
            rows.push_back(
                {{or_null(Value::string("k" + std::to_string(random() % 5))),
                  or_null(Value::int64(static_cast<int64_t>(random() % 20) - 5)),
                  or_null(Value::string(std::string(random() % 3 * 9, 'a') + char('a' + random() % 4))),
                  or_null(Value::boolean(random() % 2 == 0))},
                 RowKind::Insert});
            standing.push_back(rows.back());
        }
        batches.push_back(batchOf(kInput, rows));
    }
    return batches;
}

// Hands on what the first phase has put out.
void drain(OperatorHarness& from, OperatorHarness& into) {
    for (const Batch& batch : std::exchange(from.output.batches, {}))
        into.process(batch);
}

// The rows of a two-phase aggregation are those of one phase, whenever it is flushed; its state can be
// restored into one phase.
template <class Local>
void compare(const std::shared_ptr<Local>& local, const GroupAggregateParameters& one,
             const GroupAggregateParameters& global, uint64_t seed) {
    std::mt19937_64 random(seed);
    const std::vector<Batch> batches = randomBatches(random, one.input_retracts);
    OperatorHarness alone(std::make_shared<GroupAggregate>(one), one.keys, 2);
    OperatorHarness first(local);
    OperatorHarness both(std::make_shared<GroupAggregate>(global), global.keys, 2);
    const size_t half = batches.size() / 2;
    for (size_t i = 0; i < half; ++i) {
        alone.process(batches[i]);
        first.process(batches[i]);
        if (random() % 3 == 0) first.whenIdle();
        drain(first, both);
    }
    first.snapshot();
    drain(first, both);
    ASSERT_EQ(both.table(), alone.table()) << "seed " << seed;

    OperatorHarness restored(std::make_shared<GroupAggregate>(one), one.keys, 3, both.snapshot());
    OperatorHarness alone_restored(std::make_shared<GroupAggregate>(one), one.keys, 3, alone.snapshot());
    for (size_t i = half; i < batches.size(); ++i) {
        restored.process(batches[i]);
        alone_restored.process(batches[i]);
    }
    EXPECT_EQ(restored.changes(), alone_restored.changes()) << "seed " << seed;
}

TEST(LocalGroupAggregate, GivesWhatOnePhaseGives) {
    for (uint64_t seed = 1; seed <= 20; ++seed) {
        for (const bool retracts : {false, true}) {
            for (const std::vector<size_t>& keys : {std::vector<size_t>{0}, {}, {0, 2}}) {
                const GroupAggregateParameters one = onePhase(plainTerms(retracts), retracts, keys);
                const auto local = localPlain(retracts, keys);
                GroupAggregateParameters global = second(*local, one);
                if (retracts) global.rows_column = local->rowsColumn();
                compare(local, one, global, seed);
            }
        }
    }
}

TEST(LocalDistinctAggregate, GivesWhatOnePhaseGives) {
    for (uint64_t seed = 1; seed <= 40; ++seed) {
        for (const std::vector<size_t>& keys : {std::vector<size_t>{0}, {}, {0, 2}}) {
            const GroupAggregateParameters one = onePhase(distinctTerms(), false, keys);
            const auto local = std::make_shared<LocalDistinctAggregate>(
                LocalDistinctAggregateParameters{kInput, keys, one.terms, "test"});
            compare(local, one, second(*local, one), seed);
        }
    }
}

TEST(LocalDistinctAggregate, SendsAValueOnceToEachTermThatTakesIt) {
    const std::vector<AggregateTerm> terms = {term("COUNT", {1}, false, {}, true),
                                              term("COUNT", {1}, false, 3, true)};
    OperatorHarness harness(std::make_shared<LocalDistinctAggregate>(
        LocalDistinctAggregateParameters{kInput, {0}, terms, "test"}));
    const auto of = [](int64_t value, bool pass) {
        return TestRow{{Value::string("a"), Value::int64(value), Value::string("x"), Value::boolean(pass)}};
    };
    harness.process(batchOf(kInput, {of(7, false), of(8, true), of(7, false), row("a", std::nullopt)}));
    harness.process(batchOf(kInput, {of(7, true), of(8, true)}));
    harness.process(batchOf(kInput, {of(7, true)}));  // a group is told of all the same
    EXPECT_EQ(harness.changes(), (Rows{"+I(a, 7, TRUE, FALSE)", "+I(a, 8, TRUE, TRUE)",
                                       "+I(a, 7, FALSE, TRUE)", "+I(a, 7, FALSE, FALSE)"}));
}

// Many more groups than are remembered, and more values than have a place: all are counted.
TEST(LocalDistinctAggregate, SendsAgainWhatItHasForgotten) {
    const GroupAggregateParameters one = onePhase({term("COUNT", {1}, false, {}, true)}, false, {0});
    const auto local = std::make_shared<LocalDistinctAggregate>(
        LocalDistinctAggregateParameters{kInput, {0}, one.terms, "test"});
    OperatorHarness first(local);
    OperatorHarness both(std::make_shared<GroupAggregate>(second(*local, one)));
    for (int round = 0; round < 2; ++round) {
        for (int b = 0; b < 10; ++b) {
            std::vector<TestRow> rows;
            rows.reserve(2000);
            for (int i = 0; i < 2000; ++i)
                rows.push_back(row("k" + std::to_string(b * 2000 + i), b % 3));
            first.process(batchOf(kInput, rows));
            drain(first, both);
        }
    }
    EXPECT_EQ(both.table().size(), 20'000U);
    for (const auto& [text, count] : both.table())
        EXPECT_EQ(text.substr(text.find(',')), ", 1)");
}

TEST(LocalGroupAggregate, HoldsRowsWhileThereIsMoreToDo) {
    OperatorHarness harness(localPlain(true));
    harness.process(batchOf(kInput, {row("a", 5), row("b", 1), row("a", 7)}));
    harness.process(
        batchOf(kInput, {row("a", 5, "x", RowKind::UpdateBefore), row("a", 6, "x", RowKind::UpdateAfter)}));
    harness.watermark(1000);
    EXPECT_TRUE(harness.output.batches.empty());
    EXPECT_TRUE(harness.whenIdle());
    const Rows expected = {"+I(a, 2, 2, 2, 13, 2, 13, 2, 13, 2)", "+I(b, 1, 1, 1, 1, 1, 1, 1, 1, 1)"};
    EXPECT_EQ(harness.changes(), expected);
    EXPECT_FALSE(harness.whenIdle());
    EXPECT_EQ(harness.changes(), expected);
}

TEST(LocalGroupAggregate, HoldsNothingForLong) {
    const auto held_after = [](auto act) {
        OperatorHarness harness(localPlain(false));
        harness.process(batchOf(kInput, {row("a", 5)}));
        act(harness);
        return harness.output.batches.empty();
    };
    EXPECT_TRUE(held_after([](OperatorHarness& harness) { harness.runUntil(harness.clock.now_ms + 4); }));
    EXPECT_FALSE(held_after([](OperatorHarness& harness) { harness.runUntil(harness.clock.now_ms + 5); }));
    EXPECT_FALSE(held_after([](OperatorHarness& harness) { harness.snapshot(); }));
    EXPECT_FALSE(held_after([](OperatorHarness& harness) { harness.idle(true); }));
    EXPECT_FALSE(held_after([](OperatorHarness& harness) { harness.end(); }));
}

// Each batch as it comes, as long as that is expected to be so.
TEST(LocalGroupAggregate, DoesNotLookForGroupsWhereThereAreNone) {
    const GroupAggregateParameters one = onePhase(plainTerms(false), false, {0});
    const auto local = localPlain(false);
    OperatorHarness first(local);
    OperatorHarness both(std::make_shared<GroupAggregate>(second(*local, one)));
    OperatorHarness alone(std::make_shared<GroupAggregate>(one));
    size_t passed = 0;
    for (int b = 0; b < 30; ++b) {
        std::vector<TestRow> rows;
        rows.reserve(1000);
        for (int i = 0; i < 1000; ++i)
            rows.push_back(row("k" + std::to_string(b * 900 + i), i, "a string that is long"));
        const Batch batch = batchOf(kInput, rows);
        first.process(batch);
        alone.process(batch);
        passed += first.output.batches.size() == 1 && first.output.batches.front().rows() == 1000;
        drain(first, both);
    }
    EXPECT_GE(passed, 2U);
    first.whenIdle();
    drain(first, both);
    EXPECT_EQ(both.table(), alone.table());
}

}  // namespace
}  // namespace millrace
