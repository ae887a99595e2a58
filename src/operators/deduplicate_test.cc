#include "operators/deduplicate.h"

#include <gtest/gtest.h>

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

const Schema kInput({{"s", LogicalType::string()},
                     {"k", LogicalType::bigint()},
                     {"t", LogicalType::timestamp(3)}});

struct Options {
    bool last = true;
    bool rowtime = true;
    bool update_before = true;
    int64_t ttl_ms = 0;
};

std::shared_ptr<Operator> deduplicate(const Options& options) {
    DeduplicateParameters p;
    p.input = kInput;
    p.keys = {1};
    p.keep_last = options.last;
    if (options.rowtime) p.order = {{2, false, true}};
    p.generates_update_before = options.update_before;
    p.ttl = Duration{options.ttl_ms};
    p.output = kInput;
    return std::make_shared<Deduplicate>(std::move(p));
}

TestRow row(std::optional<int64_t> k, std::optional<int64_t> seconds, const std::string& s) {
    return {{Value::string(s), k ? Value::int64(*k) : Value::null(),
             seconds ? Value::int64(*seconds * 1'000'000) : Value::null()},
            RowKind::Insert};
}

// "+I(s, k)" of each change.
Changes changes(const OperatorHarness& harness) {
    Changes result;
    for (const std::string& change : harness.changes())
        result.push_back(change.substr(0, change.rfind(", ")) + ")");
    return result;
}

TEST(Deduplicate, LastRowByEventTime) {
    OperatorHarness harness(deduplicate({}), {1});
    harness.process(batchOf(kInput, {row(1, 5, "a"), row(2, 5, "b"), row(1, 7, "c"), row(1, 6, "d")}));
    harness.process(batchOf(kInput, {row(1, 6, "late"), row(2, 5, "same time, later"), row(3, 0, "e")}));
    EXPECT_EQ(changes(harness),
              (Changes{"+I(c, 1)", "+I(b, 2)", "-U(b, 2)", "+U(same time, later, 2)", "+I(e, 3)"}));
}

TEST(Deduplicate, FirstRowByEventTimeGivesWayToAnEarlierOne) {
    OperatorHarness harness(deduplicate({.last = false}), {1});
    harness.process(batchOf(kInput, {row(1, 5, "a"), row(1, 5, "b")}));
    harness.process(batchOf(kInput, {row(1, 6, "c"), row(1, 5, "d")}));
    harness.process(batchOf(kInput, {row(1, 4, "a string longer than what is inline"), row(1, 3, "f")}));
    harness.process(batchOf(kInput, {row(1, std::nullopt, "g")}));
    EXPECT_EQ(changes(harness), (Changes{"+I(a, 1)", "-U(a, 1)", "+U(f, 1)", "-U(f, 1)", "+U(g, 1)"}));
}

TEST(Deduplicate, ByProcessingTimeArrivalDecides) {
    OperatorHarness first(deduplicate({.last = false, .rowtime = false}), {1});
    first.process(batchOf(kInput, {row(1, 5, "a"), row(1, 4, "b"), row(std::nullopt, 1, "n")}));
    first.process(batchOf(kInput, {row(1, 1, "c"), row(std::nullopt, 0, "m"), row(2, 1, "d")}));
    EXPECT_EQ(changes(first), (Changes{"+I(a, 1)", "+I(n, NULL)", "+I(d, 2)"}));
    for (const Batch& batch : first.output.batches)
        EXPECT_EQ(batch.kinds(), nullptr);

    OperatorHarness last(deduplicate({.rowtime = false, .update_before = false}), {1});
    last.process(batchOf(kInput, {row(1, 5, "a"), row(1, 4, "b")}));
    last.process(batchOf(kInput, {row(1, 1, "c")}));
    EXPECT_EQ(changes(last), (Changes{"+I(b, 1)", "+U(c, 1)"}));
}

TEST(Deduplicate, AFirstRowIsForgottenWhenItsTimeIsOver) {
    OperatorHarness harness(deduplicate({.last = false, .rowtime = false, .ttl_ms = 1000}), {1});
    harness.process(batchOf(kInput, {row(1, 5, "a"), row(2, 5, "b")}));
    harness.clock.now_ms += 600;
    harness.process(batchOf(kInput, {row(1, 5, "again"), row(2, 5, "again")}));  // prolongs nothing
    harness.clock.now_ms += 600;
    harness.process(batchOf(kInput, {row(1, 5, "c"), row(1, 5, "d"), row(3, 5, "e")}));
    EXPECT_EQ(changes(harness), (Changes{"+I(a, 1)", "+I(b, 2)", "+I(c, 1)", "+I(e, 3)"}));
}

TEST(Deduplicate, AgreesWithAMapWhateverTheBatchesAndRestores) {
    for (uint64_t seed = 1; seed <= 60; ++seed) {
        std::mt19937_64 random(seed);
        const auto below = [&](uint64_t n) { return random() % n; };
        const Options options{.last = seed % 2 == 0, .rowtime = seed % 3 != 0, .update_before = seed % 5 < 3};
        std::map<Value, std::vector<Value>> twin;
        std::map<std::string, int64_t> shown;
        std::map<std::string, std::string> shown_of;  // each key, without -U
        auto harness = std::make_unique<OperatorHarness>(deduplicate(options), std::vector<size_t>{1});
        for (int step = 0; step < 30; ++step) {
            std::vector<TestRow> rows;
            for (uint64_t i = 0, n = below(20); i < n; ++i) {
                rows.push_back(row(below(9) == 0 ? std::nullopt : std::optional<int64_t>(below(8)),
                                   below(9) == 0 ? std::nullopt : std::optional<int64_t>(below(30)),
                                   std::string(below(30), 's') + std::to_string(below(100))));
                const std::vector<Value>& values = rows.back().values;
                const auto [at, inserted] = twin.try_emplace(values[1], values);
                const bool replaces = options.last ? !options.rowtime || values[2] >= at->second[2]
                                                   : options.rowtime && values[2] < at->second[2];
                if (!inserted && replaces) at->second = values;
            }
            harness->process(batchOf(kInput, rows));
            for (const Batch& batch : harness->output.batches) {
                for (size_t i = 0; i < batch.rows(); ++i) {
                    const std::string text = OperatorHarness::rowText(batch, i);
                    if (!options.update_before) {
                        std::string& former = shown_of[batch.column(1)->textAt(i)];
                        ASSERT_EQ(batch.kind(i), former.empty() ? RowKind::Insert : RowKind::UpdateAfter);
                        if (!former.empty() && --shown[former] == 0) shown.erase(former);
                        former = text;
                    }
                    shown[text] += isRetraction(batch.kind(i)) ? -1 : 1;
                    ASSERT_GE(shown[text], 0) << "seed " << seed;
                    if (shown[text] == 0) shown.erase(text);
                }
            }
            harness->output.batches.clear();
            std::map<std::string, int64_t> expected;
            for (const auto& [key, values] : twin)
                ++expected[OperatorHarness::rowText(batchOf(kInput, {{values}}), 0)];
            ASSERT_EQ(shown, expected) << "seed " << seed << ", step " << step;
            if (below(6) == 0) {
                const Snapshots snapshots = harness->snapshot();
                harness = std::make_unique<OperatorHarness>(deduplicate(options), std::vector<size_t>{1},
                                                            static_cast<uint32_t>(1 + below(4)), snapshots);
            }
        }
    }
}

TEST(Deduplicate, KeepsOnlyWhatRowsAreOrderedByWhereNothingIsTakenBack) {
    const std::string text(5000, 'x');
    const auto run = [&](OperatorHarness& harness) {
        harness.process(batchOf(kInput, {row(1, 5, text), row(2, 5, text)}));
    };
    OperatorHarness whole(deduplicate({}), {1}), only_order(deduplicate({.update_before = false}), {1});
    run(whole);
    run(only_order);
    const auto whole_snapshot = whole.snapshot(), narrow_snapshot = only_order.snapshot();
    // Which of them a job has is decided when it begins.
    OperatorHarness goes_on(deduplicate({.update_before = false}), {1}, 2, narrow_snapshot);
    goes_on.process(batchOf(kInput, {row(1, 4, "late"), row(2, 6, "b"), row(3, 1, "c")}));
    EXPECT_EQ(changes(goes_on), (Changes{"+U(b, 2)", "+I(c, 3)"}));
    OperatorHarness from_whole(deduplicate({.update_before = false}), {1}, 1, whole_snapshot);
    from_whole.process(batchOf(kInput, {row(1, 4, "late"), row(2, 6, "b")}));
    EXPECT_EQ(changes(from_whole), (Changes{"+U(b, 2)"}));
    OperatorHarness again(deduplicate({}), {1}, 1, from_whole.snapshot());
    again.process(batchOf(kInput, {row(2, 7, "c")}));
    EXPECT_EQ(changes(again), (Changes{"-U(b, 2)", "+U(c, 2)"}));
    EXPECT_THROW(OperatorHarness(deduplicate({}), {1}, 1, narrow_snapshot), UserError);
}

}  // namespace
}  // namespace millrace
