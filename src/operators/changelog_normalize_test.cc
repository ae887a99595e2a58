#include "operators/changelog_normalize.h"

#include <gtest/gtest.h>

#include <map>
#include <optional>

#include "operators/test_harness.h"

namespace millrace {
namespace {

using testing::batchOf;
using testing::OperatorHarness;
using testing::Snapshots;
using testing::TestRow;
using Changes = std::vector<std::string>;

const Schema kUpserts({{"s", LogicalType::string()},
                       {"k", LogicalType::bigint()},
                       {"n", LogicalType::bigint()}});

std::shared_ptr<Operator> normalize(bool update_before = true, int64_t ttl_ms = 0) {
    ChangelogNormalizeParameters p;
    p.input = kUpserts;
    p.keys = {1};
    p.generates_update_before = update_before;
    p.ttl = Duration{ttl_ms};
    return std::make_shared<ChangelogNormalize>(std::move(p));
}

TestRow upsert(int64_t k, std::optional<std::string> s, int64_t n = 0) {
    return {{s ? Value::string(*s) : Value::null(), Value::int64(k), Value::int64(n)}, RowKind::UpdateAfter};
}
TestRow tombstone(int64_t k) { return {{Value::null(), Value::int64(k), Value::null()}, RowKind::Delete}; }

TEST(ChangelogNormalize, rowsReplaceOneAnotherByKey) {
    OperatorHarness harness(normalize(), {1});
    harness.process(batchOf(kUpserts, {upsert(1, "a"), upsert(2, "b"), tombstone(3)}));
    harness.process(batchOf(kUpserts, {upsert(1, "c, longer than what lies inline", 7), tombstone(2)}));
    harness.process(batchOf(kUpserts, {tombstone(2), upsert(2, std::nullopt), tombstone(1)}));
    EXPECT_EQ(harness.changes(), (Changes{"+I(a, 1, 0)", "+I(b, 2, 0)", "-U(a, 1, 0)",
                                          "+U(c, longer than what lies inline, 1, 7)", "-D(b, 2, 0)",
                                          "+I(NULL, 2, 0)", "-D(c, longer than what lies inline, 1, 7)"}));
}

TEST(ChangelogNormalize, whatChangesNothingIsDropped) {
    OperatorHarness harness(normalize(), {1});
    harness.process(batchOf(kUpserts, {upsert(1, "a"), upsert(2, "b", 1)}));
    harness.process(batchOf(kUpserts, {upsert(1, "a"), upsert(2, "b", 2)}));
    harness.process(batchOf(kUpserts, {upsert(1, "x"), tombstone(1), upsert(1, "a")}));
    EXPECT_EQ(harness.changes(), (Changes{"+I(a, 1, 0)", "+I(b, 2, 1)", "-U(b, 2, 1)", "+U(b, 2, 2)"}));
}

TEST(ChangelogNormalize, withoutUpdateBefore) {
    OperatorHarness harness(normalize(false), {1});
    harness.process(batchOf(kUpserts, {upsert(1, "a")}));
    harness.process(batchOf(kUpserts, {upsert(1, "b")}));
    EXPECT_EQ(harness.changes(), (Changes{"+I(a, 1, 0)", "+U(b, 1, 0)"}));
}

TEST(ChangelogNormalize, aTimeToLiveBeginsAnewWithEachRow) {
    OperatorHarness harness(normalize(true, 1'000), {1});
    harness.process(batchOf(kUpserts, {upsert(1, "a")}));
    harness.clock.now_ms += 600;
    harness.process(batchOf(kUpserts, {upsert(1, "a")}));
    harness.clock.now_ms += 600;
    harness.process(batchOf(kUpserts, {upsert(1, "b")}));
    harness.clock.now_ms += 1'500;
    harness.process(batchOf(kUpserts, {upsert(1, "c")}));
    EXPECT_EQ(harness.changes(), (Changes{"+I(a, 1, 0)", "-U(a, 1, 0)", "+U(a, 1, 0)", "-U(a, 1, 0)",
                                          "+U(b, 1, 0)", "+I(c, 1, 0)"}));
}

// Against a map, with random batches and restores at other parallelisms in between.
TEST(ChangelogNormalize, asAMapHasIt) {
    for (uint64_t seed = 0; seed < 40; ++seed) {
        Random random(seed);
        std::map<int64_t, std::string> model;
        std::map<std::string, int64_t> table;
        Snapshots snapshot;
        for (int run = 0; run < 3; ++run) {
            OperatorHarness harness(normalize(), {1}, static_cast<uint32_t>(1 + random.below(3)), snapshot);
            for (int step = 0; step < 20; ++step) {
                std::vector<TestRow> rows;
                for (uint64_t i = 0; i <= random.below(20); ++i) {
                    const auto key = static_cast<int64_t>(random.below(8));
                    if (random.below(3) == 0) {
                        rows.push_back(tombstone(key));
                        model.erase(key);
                    } else {
                        const std::string text(random.below(30), static_cast<char>('a' + random.below(3)));
                        rows.push_back(upsert(key, text));
                        model[key] = "(" + text + ", " + std::to_string(key) + ", 0)";
                    }
                }
                harness.process(batchOf(kUpserts, rows));
            }
            for (const std::string& change : harness.changes()) {
                const std::string row = change.substr(2);
                const bool back = change[0] == '-';
                ASSERT_EQ(table.count(row), back ? 1U : 0U) << "seed " << seed << ": " << change;
                if (back)
                    table.erase(row);
                else
                    table[row] = 1;
            }
            std::map<std::string, int64_t> expected;
            for (const auto& [key, row] : model)
                expected[row] = 1;
            ASSERT_EQ(table, expected) << "seed " << seed;
            snapshot = harness.snapshot();
        }
    }
}

}  // namespace
}  // namespace millrace
