#include "operators/regular_join.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "operators/test_harness.h"

namespace millrace {
namespace {

using testing::batchOf;
using testing::OperatorHarness;
using testing::TestRow;
using Rows = std::vector<std::string>;
using Table = std::map<std::string, int64_t>;

const Schema kLeft({{"k", LogicalType::bigint()},
                    {"s", LogicalType::string()},
                    {"v", LogicalType::integer()}});
const Schema kRight({{"w", LogicalType::integer()},
                     {"k2", LogicalType::bigint()},
                     {"t", LogicalType::string()}});

struct Options {
    JoinType type = JoinType::Inner;
    bool retracts = true;
    bool condition = false;  // v <= w
    bool keyed = true;
    Duration ttls[2] = {};
};

std::shared_ptr<Operator> join(const Options& options) {
    RegularJoinParameters p;
    p.shape.type = options.type;
    std::copy_n(options.ttls, 2, p.ttls);
    p.shape.inputs[0] = {kLeft, {}, options.retracts};
    p.shape.inputs[1] = {kRight, {}, options.retracts};
    if (options.keyed) {
        p.shape.inputs[0].keys = {0};
        p.shape.inputs[1].keys = {1};
    }
    if (options.condition) {
        p.shape.condition = Expression::call(
            "<=", {Expression::column(2, kLeft[2].type, "v"), Expression::column(3, kRight[0].type, "w")});
    }
    std::vector<Field> fields;
    for (size_t i = 0; i < (onlyLeft(options.type) ? 3 : 6); ++i) {
        p.shape.columns.push_back(i);
        fields.push_back(i < 3 ? kLeft[i] : kRight[i - 3]);
    }
    p.shape.output = Schema(std::move(fields));
    return std::make_shared<RegularJoin>(std::move(p));
}

Value number(std::optional<int64_t> value) { return value ? Value::int64(*value) : Value::null(); }

TestRow left(std::optional<int64_t> k, const char* s, std::optional<int64_t> v,
             RowKind kind = RowKind::Insert) {
    return {{number(k), Value::string(s), number(v)}, kind};
}
TestRow right(std::optional<int64_t> k, const char* t, std::optional<int64_t> w,
              RowKind kind = RowKind::Insert) {
    return {{number(w), number(k), Value::string(t)}, kind};
}

TEST(RegularJoin, InnerJoinPutsOutRowsOfTheKindThatCame) {
    OperatorHarness harness(join({}));
    harness.process(batchOf(kLeft, {left(1, "a", 1), left(1, "a", 1), left(2, "b", 2), left({}, "n", 3)}), 0);
    harness.process(batchOf(kRight, {right(1, "x", 7), right({}, "n", 8), right(3, "z", 9)}), 1);
    EXPECT_EQ(harness.changes(), (Rows{"+I(1, a, 1, 7, 1, x)", "+I(1, a, 1, 7, 1, x)"}));
    harness.output.batches.clear();
    harness.process(
        batchOf(kRight, {right(1, "x", 7, RowKind::UpdateBefore), right(2, "x", 7, RowKind::UpdateAfter)}),
        1);
    EXPECT_EQ(harness.changes(),
              (Rows{"-U(1, a, 1, 7, 1, x)", "-U(1, a, 1, 7, 1, x)", "+U(2, b, 2, 7, 2, x)"}));
}

TEST(RegularJoin, WhatComesAndGoesInOneBatchIsLeftOut) {
    OperatorHarness harness(join({JoinType::Left}));
    harness.process(batchOf(kLeft, {left(1, "a", 1), left(1, "a", 1, RowKind::Delete), left(1, "b", 2)}), 0);
    EXPECT_EQ(harness.changes(), (Rows{"+I(1, b, 2, NULL, NULL, NULL)"}));
}

TEST(RegularJoin, ARetractionOfWhatIsNotThereIsIgnored) {
    OperatorHarness harness(join({JoinType::Full}));
    harness.process(batchOf(kLeft, {left(1, "a", 1, RowKind::Delete)}), 0);
    harness.process(batchOf(kRight, {right(1, "a", 1)}), 1);
    harness.process(batchOf(kRight, {right(1, "b", 1, RowKind::Delete)}), 1);
    EXPECT_EQ(harness.table(), (Table{{"(NULL, NULL, NULL, 1, 1, a)", 1}}));
}

// Of each key the pair with the largest w, then the smallest t, of those that came: what a Top-1 makes of
// pairs.
std::map<std::string, std::string> firstOfEach(const std::vector<Batch>& batches, bool by_left) {
    std::map<std::string, std::pair<int64_t, std::string>> best;
    std::map<std::string, std::string> first;
    for (const Batch& batch : batches) {
        for (size_t i = 0; i < batch.rows(); ++i) {
            std::string part = batch.column(0)->textAt(i);
            if (by_left) part += batch.column(1)->textAt(i);
            const int64_t w = batch.column(3)->isNull(i) ? INT64_MIN : batch.column(3)->valueAt(i).asInt64();
            const std::pair key(-std::max(w, -INT64_MAX), batch.column(5)->textAt(i));
            std::string row;
            for (const ColumnPtr& column : batch.columns())
                row += column->textAt(i) + "|";
            const auto [at, fresh] = best.emplace(part, key);
            if (!fresh && !(key < at->second)) continue;
            at->second = key;
            first[part] = row;
        }
    }
    return first;
}

std::shared_ptr<Operator> bestJoin(bool within_keys, std::string text = "right: w DESC, t ASC") {
    RegularJoinParameters p;
    p.shape.inputs[0] = {kLeft, {0}, false};
    p.shape.inputs[1] = {kRight, {1}, false};
    p.shape.condition = Expression::call(
        "<>", {Expression::column(2, kLeft[2].type, "v"), Expression::column(3, kRight[0].type, "w")});
    p.shape.columns = {0, 1, 2, 3, 4, 5};
    p.shape.output = Schema({kLeft[0], kLeft[1], kLeft[2], kRight[0], kRight[1], kRight[2]});
    if (!text.empty())
        p.best = BestOnly{1, {{0, true, false}, {2, false, true}}, within_keys, std::move(text)};
    return std::make_shared<RegularJoin>(std::move(p));
}

TEST(RegularJoin, LeavesOutOnlyWhatATopOneWouldNot) {
    std::mt19937 random(5);
    const auto below = [&](int n) { return static_cast<int>(random() % static_cast<unsigned>(n)); };
    for (const bool within_keys : {false, true}) {
        for (int run = 0; run < 30; ++run) {
            OperatorHarness all(bestJoin(false, ""));
            auto best = std::make_unique<OperatorHarness>(bestJoin(within_keys));
            std::vector<Batch> pairs;
            for (int step = 0; step < 12; ++step) {
                const bool of_left = below(3) == 0;
                std::vector<TestRow> rows;
                for (int i = below(12); i >= 0; --i) {
                    const std::optional<int64_t> k = below(20) == 0 ? std::nullopt : std::optional(below(6));
                    const std::optional<int64_t> w = below(20) == 0 ? std::nullopt : std::optional(below(9));
                    // The key of the order is longer than what is remembered of it.
                    const std::string text = "a text that is long " + std::to_string(below(4));
                    rows.push_back(of_left ? left(k, text.c_str(), w) : right(k, text.c_str(), w));
                }
                const Batch batch = batchOf(of_left ? kLeft : kRight, rows);
                all.process(batch, of_left ? 0 : 1);
                best->process(batch, of_left ? 0 : 1);
                if (below(5) != 0) continue;
                pairs.insert(pairs.end(), best->output.batches.begin(), best->output.batches.end());
                const auto snapshots = best->snapshot();
                best = std::make_unique<OperatorHarness>(bestJoin(within_keys), std::vector<size_t>{}, 1,
                                                         snapshots);
            }
            pairs.insert(pairs.end(), best->output.batches.begin(), best->output.batches.end());
            EXPECT_EQ(firstOfEach(pairs, within_keys), firstOfEach(all.output.batches, within_keys));
        }
    }
}

TEST(RegularJoin, OfOneBatchOnlyTheBestPairsOfAKeyGoOut) {
    for (const bool within_keys : {false, true}) {
        OperatorHarness harness(bestJoin(within_keys));
        harness.process(batchOf(kLeft, {left(1, "a", 2), left(2, "b", 8), left(3, "c", 6)}), 0);
        // The best of key 3 does not meet the condition, and then another is; key 4 has none to meet.
        harness.process(
            batchOf(kRight, {right(1, "x", 4), right(2, "x", 7), right(1, "y", 7), right(3, "x", 1),
                             right(2, "y", 9), right(1, "z", 5), right(3, "y", 6), right(4, "x", 9)}),
            1);
        EXPECT_EQ(harness.changes(),
                  (Rows{"+I(1, a, 2, 7, 1, y)", "+I(2, b, 8, 9, 2, y)", "+I(3, c, 6, 1, 3, x)"}));
        // Two rows of key 1: where they open partitions of their own, what is best of the key is not of each.
        harness.process(batchOf(kLeft, {left(1, "d", 9)}), 0);
        harness.output.batches.clear();
        harness.process(batchOf(kRight, {right(1, "v", 8), right(1, "w", 9)}), 1);
        const Rows of_each{"+I(1, a, 2, 8, 1, v)", "+I(1, d, 9, 8, 1, v)", "+I(1, a, 2, 9, 1, w)"};
        EXPECT_EQ(harness.changes(), within_keys ? of_each : Rows{"+I(1, a, 2, 9, 1, w)"});
    }
}

TEST(RegularJoin, OfKeptRowsOnlyTheBestMeetsARowThatComesLater) {
    for (const bool within_keys : {false, true}) {
        OperatorHarness harness(bestJoin(within_keys));
        harness.process(
            batchOf(kRight, {right(1, "x", 4), right(1, "y", 9), right(1, "z", 7), right(2, "x", 3)}), 1);
        harness.process(batchOf(kLeft, {left(1, "a", 9), left(2, "b", 0), left(3, "c", 0)}), 0);
        // What went out is known of, whichever side came last.
        harness.process(batchOf(kRight, {right(1, "v", 6), right(2, "y", 4), right(1, "w", 8)}), 1);
        EXPECT_EQ(harness.changes(), (Rows{"+I(1, a, 9, 7, 1, z)", "+I(2, b, 0, 3, 2, x)",
                                           "+I(1, a, 9, 8, 1, w)", "+I(2, b, 0, 4, 2, y)"}));
    }
}

TEST(RegularJoin, KeepsNoRowsThatCannotBeFirst) {
    OperatorHarness harness(bestJoin(false));
    harness.process(batchOf(kLeft, {left(1, "a", 0)}), 0);
    harness.process(batchOf(kRight, {right(1, "x", 5), right(1, "y", 4), right(1, "x", 5)}), 1);
    harness.process(batchOf(kRight, {right(1, "x", 3), right(1, "z", 5), right(1, "w", 6), right(2, "u", 1)}),
                    1);
    EXPECT_EQ(harness.changes(), (Rows{"+I(1, a, 0, 5, 1, x)", "+I(1, a, 0, 6, 1, w)"}));
    // Nothing of key 1 is left to meet: only of key 2.
    harness.output.batches.clear();
    harness.process(batchOf(kLeft, {left(1, "b", 0), left(2, "b", 0)}), 0);
    EXPECT_EQ(harness.changes(), (Rows{"+I(2, b, 0, 1, 2, u)"}));
}

TEST(RegularJoin, RefusesRowsThatWereLeftOutByAnotherOrder) {
    OperatorHarness harness(bestJoin(false));
    harness.process(batchOf(kRight, {right(1, "x", 5)}), 1);
    const auto snapshots = harness.snapshot();
    for (const auto& other : {bestJoin(false, ""), bestJoin(true), bestJoin(false, "right: w ASC")})
        EXPECT_THROW(OperatorHarness(other, {}, 1, snapshots), UserError);
    // What has all rows will do.
    OperatorHarness whole(bestJoin(false, ""));
    whole.process(batchOf(kRight, {right(1, "x", 5)}), 1);
    OperatorHarness restored(bestJoin(false), {}, 1, whole.snapshot());
    restored.process(batchOf(kLeft, {left(1, "a", 0)}), 0);
    EXPECT_EQ(restored.changes(), (Rows{"+I(1, a, 0, 5, 1, x)"}));
}

TEST(RegularJoin, EachSideIsKeptForItsOwnTime) {
    Options options;
    options.retracts = false;
    options.ttls[0] = {1000};
    OperatorHarness harness(join(options));
    harness.process(batchOf(kLeft, {left(1, "a", 1)}), 0);
    harness.process(batchOf(kRight, {right(1, "x", 1)}), 1);
    harness.clock.now_ms += 1000;
    harness.process(batchOf(kRight, {right(1, "y", 1)}), 1);
    harness.process(batchOf(kLeft, {left(1, "b", 1)}), 0);
    EXPECT_EQ(harness.changes(),
              (Rows{"+I(1, a, 1, 1, 1, x)", "+I(1, b, 1, 1, 1, x)", "+I(1, b, 1, 1, 1, y)"}));
}

TEST(RegularJoin, PaddedRowsGoWithTheFirstMatchAndComeBackWithTheLast) {
    OperatorHarness harness(join({JoinType::Left}));
    harness.process(batchOf(kLeft, {left(1, "a", 1), left({}, "n", 2)}), 0);
    harness.process(batchOf(kRight, {right(1, "x", 1)}), 1);
    harness.process(batchOf(kRight, {right(1, "y", 1)}), 1);
    harness.process(batchOf(kRight, {right(1, "x", 1, RowKind::Delete)}), 1);
    harness.process(batchOf(kRight, {right(1, "y", 1, RowKind::Delete)}), 1);
    harness.process(batchOf(kLeft, {left({}, "n", 2, RowKind::Delete)}), 0);
    EXPECT_EQ(harness.changes(), (Rows{"+I(1, a, 1, NULL, NULL, NULL)", "+I(NULL, n, 2, NULL, NULL, NULL)",
                                       "-D(1, a, 1, NULL, NULL, NULL)", "+I(1, a, 1, 1, 1, x)",
                                       "+I(1, a, 1, 1, 1, y)", "-D(1, a, 1, 1, 1, x)", "-D(1, a, 1, 1, 1, y)",
                                       "+I(1, a, 1, NULL, NULL, NULL)", "-D(NULL, n, 2, NULL, NULL, NULL)"}));
}

TEST(RegularJoin, SemiAndAntiPutOutLeftRows) {
    OperatorHarness semi(join({JoinType::Semi})), anti(join({JoinType::Anti}));
    for (OperatorHarness* harness : {&semi, &anti}) {
        harness->process(batchOf(kLeft, {left(1, "a", 1), left(2, "b", 1), left({}, "n", 1)}), 0);
        harness->process(batchOf(kRight, {right(1, "x", 1), right(1, "y", 1)}), 1);
        harness->process(batchOf(kRight, {right(1, "x", 1, RowKind::Delete)}), 1);
        harness->process(batchOf(kRight, {right(1, "y", 1, RowKind::Delete)}), 1);
        harness->process(batchOf(kRight, {right(2, "z", 1)}), 1);
    }
    EXPECT_EQ(semi.changes(), (Rows{"+I(1, a, 1)", "-D(1, a, 1)", "+I(2, b, 1)"}));
    EXPECT_EQ(anti.changes(), (Rows{"+I(1, a, 1)", "+I(2, b, 1)", "+I(NULL, n, 1)", "-D(1, a, 1)",
                                    "+I(1, a, 1)", "-D(2, b, 1)"}));
}

// ---- against a plain computation

struct Model {
    Options options;
    std::vector<TestRow> rows[2];  // that stand

    bool meets(const TestRow& l, const TestRow& r) const {
        if (options.keyed && (l.values[0].isNull() || r.values[1].isNull() || l.values[0] != r.values[1]))
            return false;
        if (!options.condition) return true;
        return !l.values[2].isNull() && !r.values[0].isNull() &&
               l.values[2].asInt64() <= r.values[0].asInt64();
    }
    static std::string text(const TestRow* l, const TestRow* r) {
        std::vector<TestRow> padded(2, {{Value::null(), Value::null(), Value::null()}});
        std::string text = OperatorHarness::rowText(batchOf(kLeft, {l != nullptr ? *l : padded[0]}), 0);
        std::string other = OperatorHarness::rowText(batchOf(kRight, {r != nullptr ? *r : padded[1]}), 0);
        return text.substr(0, text.size() - 1) + ", " + other.substr(1);
    }
    Table result() const {
        Table table;
        std::vector<bool> right_met(rows[1].size(), false);
        for (const TestRow& l : rows[0]) {
            bool met = false;
            for (size_t i = 0; i < rows[1].size(); ++i) {
                if (!meets(l, rows[1][i])) continue;
                met = right_met[i] = true;
                if (!onlyLeft(options.type)) ++table[text(&l, &rows[1][i])];
            }
            if (onlyLeft(options.type)) {
                if (met == (options.type == JoinType::Semi))
                    ++table[OperatorHarness::rowText(batchOf(kLeft, {l}), 0)];
            } else if (!met && keepsLeft(options.type)) {
                ++table[text(&l, nullptr)];
            }
        }
        for (size_t i = 0; i < rows[1].size(); ++i) {
            if (!right_met[i] && keepsRight(options.type)) ++table[text(nullptr, &rows[1][i])];
        }
        return table;
    }
};

class RandomChanges {
  public:
    RandomChanges(Model& model, uint32_t seed) : model_(model), random_(seed) {}

    Batch batch(size_t side, size_t rows) {
        std::vector<TestRow> changes;
        std::vector<TestRow>& standing = model_.rows[side];
        while (changes.size() < rows) {
            if (model_.options.retracts && !standing.empty() && random_() % 100 < 45) {
                const size_t at = random_() % standing.size();
                TestRow gone = standing[at];
                gone.kind = random_() % 2 == 0 ? RowKind::Delete : RowKind::UpdateBefore;
                standing.erase(standing.begin() + static_cast<std::ptrdiff_t>(at));
                changes.push_back(std::move(gone));
                continue;
            }
            static const char* const texts[] = {"a", "b", "a text that is too long to be inline"};
            const auto key = random_() % 6;
            const auto value = random_() % 4;
            const auto make = side == 0 ? left : right;
            standing.push_back(
                make(key == 0 ? std::nullopt : std::optional<int64_t>(key), texts[random_() % 3],
                     value == 0 ? std::nullopt : std::optional<int64_t>(value), RowKind::Insert));
            changes.push_back(standing.back());
        }
        return batchOf(side == 0 ? kLeft : kRight, changes);
    }
    uint32_t operator()() { return random_(); }

  private:
    Model& model_;
    std::mt19937 random_;
};

class EveryJoin : public ::testing::TestWithParam<JoinType> {};

// What stands after each harness is what a nested loop says, whatever the batches, across restores at other
// parallelisms.
TEST_P(EveryJoin, EqualsANestedLoop) {
    for (uint32_t seed = 0; seed < 24; ++seed) {
        Options options{GetParam(), seed % 2 == 0, seed / 2 % 2 == 0, seed / 4 % 3 != 0};
        Model model{options, {}};
        RandomChanges changes(model, seed);
        Table table;
        testing::Snapshots snapshots;
        for (const uint32_t parallelism : {1U, 3U, 2U}) {
            const uint32_t subtasks = options.keyed ? parallelism : 1;
            OperatorHarness harness(join(options), {}, subtasks, snapshots);
            for (size_t round = 0; round < 12; ++round) {
                const size_t side = changes() % 2;
                const Batch batch = changes.batch(side, 1 + changes() % 9);
                harness.dealBy({side});
                harness.process(batch, side);
            }
            for (const Batch& batch : harness.output.batches) {
                for (size_t row = 0; row < batch.rows(); ++row) {
                    const std::string text = OperatorHarness::rowText(batch, row);
                    table[text] += isRetraction(batch.kind(row)) ? -1 : 1;
                    ASSERT_GE(table[text], 0) << "seed " << seed << " takes back " << text;
                    if (table[text] == 0) table.erase(text);
                }
            }
            ASSERT_EQ(table, model.result()) << "seed " << seed << ", parallelism " << subtasks;
            snapshots = harness.snapshot();
        }
    }
}

INSTANTIATE_TEST_SUITE_P(RegularJoin, EveryJoin,
                         ::testing::Values(JoinType::Inner, JoinType::Left, JoinType::Right, JoinType::Full,
                                           JoinType::Semi, JoinType::Anti),
                         [](const auto& info) { return std::string(joinTypeName(info.param)); });

// More pairs than go out in one batch, of one row and of many.
TEST(RegularJoin, ManyRowsOfOneKey) {
    OperatorHarness harness(join({JoinType::Inner, false}));
    std::vector<TestRow> rows;
    for (int64_t i = 0; i < 300; ++i)
        rows.push_back(right(5, "x", i));
    for (size_t round = 0; round < 20; ++round)
        harness.process(batchOf(kRight, rows), 1);
    harness.process(batchOf(kLeft, {left(5, "l", 1), left(5, "l", 1), left(6, "l", 1)}), 0);
    size_t pairs = 0;
    for (const Batch& batch : harness.output.batches) {
        EXPECT_LE(batch.rows(), 4096U);
        pairs += batch.rows();
    }
    EXPECT_EQ(pairs, 2U * 6000U);
    EXPECT_EQ(harness.table().size(), 300U);
}

TEST(RegularJoin, RowsOfOneKeyGoInAnyOrder) {
    OperatorHarness harness(join({}));
    std::vector<TestRow> rows;
    for (int64_t i = 0; i < 500; ++i)
        rows.push_back(right(5, "x", i));
    harness.process(batchOf(kRight, rows), 1);
    std::mt19937 random(7);
    std::shuffle(rows.begin(), rows.end(), random);
    rows.resize(490);
    for (TestRow& row : rows)
        row.kind = RowKind::Delete;
    harness.process(batchOf(kRight, rows), 1);
    harness.process(batchOf(kLeft, {left(5, "l", 1)}), 0);
    EXPECT_EQ(harness.table().size(), 10U);
}

}  // namespace
}  // namespace millrace
