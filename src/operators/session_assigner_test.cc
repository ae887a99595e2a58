#include "operators/session_assigner.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "base/error.h"
#include "operators/test_harness.h"

namespace millrace {
namespace {

using testing::batchOf;
using testing::OperatorHarness;
using testing::Snapshots;
using testing::TestRow;
using Rows = std::vector<std::string>;

const Schema kInput({{"k", LogicalType::string()}, {"at", LogicalType::timestamp(3)}});

enum class Time : uint8_t { Event, Processing };

std::shared_ptr<Operator> sessions(int64_t gap_ms, Time time = Time::Event, bool changes = false) {
    SessionAssignerParameters p;
    p.changes = changes;
    p.input = kInput;
    if (time == Time::Event) p.time_column = 1;
    p.gap_ms = gap_ms;
    p.keys = {0};
    std::vector<Field> fields = kInput.fields();
    for (const char* name : {"window_start", "window_end", "window_time"})
        fields.push_back({name, LogicalType::timestamp(3)});
    p.output = Schema(std::move(fields));
    return std::make_shared<SessionAssigner>(std::move(p));
}

TestRow row(const char* key, int64_t ms) { return {{Value::string(key), Value::int64(ms * 1000)}}; }

std::string text(const char* key, int64_t time, int64_t start, int64_t end) {
    const auto at = [](int64_t ms) { return Value::int64(ms * 1000).toString(LogicalType::timestamp(3)); };
    return fmt::format("+I({}, {}, {}, {}, {})", key, at(time), at(start), at(end), at(end - 1));
}

TEST(SessionAssigner, RowsComeWithTheirSessionWhenItIsComplete) {
    OperatorHarness harness(sessions(10));
    harness.process(batchOf(kInput, {row("a", 5), row("b", 7), row("a", 15)}));
    harness.watermark(16);  // b ends at 17: its last millisecond is 16
    EXPECT_EQ(harness.changes(), (Rows{text("b", 7, 7, 17)}));
    harness.process(batchOf(kInput, {row("a", 3), row("b", 17)}));
    harness.watermark(24);
    EXPECT_EQ(harness.changes(),
              (Rows{text("b", 7, 7, 17), text("a", 3, 3, 25), text("a", 5, 3, 25), text("a", 15, 3, 25)}));
    harness.end();
    EXPECT_EQ(harness.changes().back(), text("b", 17, 17, 27));
}

TEST(SessionAssigner, LateRowsAreDroppedUnlessTheirSessionIsOpen) {
    OperatorHarness harness(sessions(10));
    harness.process(batchOf(kInput, {row("a", 100)}));
    harness.watermark(105);
    // 90 touches the open session of a; 80 then touches 90; b has none that is open.
    harness.process(batchOf(kInput, {row("a", 79), row("a", 90), row("a", 80), row("b", 90)}));
    EXPECT_EQ(harness.metric("numLateRecordsDropped"), 2);
    harness.end();
    EXPECT_EQ(harness.changes(),
              (Rows{text("a", 80, 80, 110), text("a", 90, 80, 110), text("a", 100, 80, 110)}));
}

TEST(SessionAssigner, ChangesGoOutAsTheyCame) {
    const auto changed = [](RowKind kind, TestRow of) {
        of.kind = kind;
        return of;
    };
    OperatorHarness harness(sessions(10, Time::Event, true));
    harness.process(
        batchOf(kInput, {row("a", 5), row("a", 9), changed(RowKind::UpdateBefore, row("a", 9)),
                         changed(RowKind::UpdateAfter, row("a", 1)), changed(RowKind::Delete, row("a", 5))}));
    const Snapshots snapshots = harness.snapshot();
    harness.end();
    const auto as = [](const char* kind, int64_t time) { return kind + text("a", time, 1, 19).substr(2); };
    const Rows expected = {as("+I", 5), as("+I", 9), as("-U", 9), as("+U", 1), as("-D", 5)};
    EXPECT_EQ(harness.changes(), expected);
    OperatorHarness restored(sessions(10, Time::Event, true), {0}, 2, snapshots);
    restored.end();
    EXPECT_EQ(restored.changes(), expected);
}

TEST(SessionAssigner, ARowWithoutATimeFailsTheJob) {
    OperatorHarness harness(sessions(10));
    EXPECT_THROW(harness.process(batchOf(kInput, {{{Value::string("a"), Value::null()}}})), UserError);
}

TEST(SessionAssigner, InProcessingTimeTheClockClosesSessions) {
    OperatorHarness harness(sessions(10, Time::Processing));
    const int64_t start = harness.clock.now_ms;
    const auto expected = [&](const char* key, int64_t at, int64_t from, int64_t to) {
        return text(key, at, start + from, start + to);
    };
    harness.process(batchOf(kInput, {row("a", 5)}));
    harness.runUntil(start + 6);
    harness.process(batchOf(kInput, {row("b", 1), row("a", 4)}));
    harness.watermark(1'000'000'000'000);  // says nothing here
    harness.runUntil(start + 15);
    EXPECT_EQ(harness.changes(), Rows());
    const Snapshots snapshots = harness.snapshot();
    harness.runUntil(start + 16);
    const Rows both = {expected("a", 5, 0, 16), expected("a", 4, 0, 16), expected("b", 1, 6, 16)};
    EXPECT_EQ(harness.changes(), both);
    harness.process(batchOf(kInput, {row("a", 7)}));
    harness.end();
    EXPECT_EQ(harness.changes().back(), expected("a", 7, 16, 26));

    // The clock went on while nobody ran: what it closed comes first, and a row afterwards opens another.
    OperatorHarness later(sessions(10, Time::Processing), {0}, 1, snapshots);
    later.clock.now_ms = start + 40;
    later.process(batchOf(kInput, {row("b", 9)}));
    EXPECT_EQ(later.changes(), both);
    later.end();
    EXPECT_EQ(later.changes().back(), expected("b", 9, 40, 50));
}

// No row is of a session that the watermark has closed: they come at least a millisecond after its end.
TEST(SessionAssigner, AgreesWithItsDefinitionAcrossRescaling) {
    const char* const keys[] = {"a", "b", "c"};
    for (uint32_t seed = 0; seed < 40; ++seed) {
        std::mt19937 random(seed);
        const int64_t gap = 1 + random() % 12;
        auto harness = std::make_unique<OperatorHarness>(sessions(gap), std::vector<size_t>{0}, 2);
        std::map<std::string, std::vector<int64_t>> times;
        Rows sent;
        int64_t watermark = 0;
        for (int step = 0; step < 60; ++step) {
            if (step % 20 == 19) {
                const Snapshots snapshots = harness->snapshot();
                const Rows changes = harness->changes();
                sent.insert(sent.end(), changes.begin(), changes.end());
                harness = std::make_unique<OperatorHarness>(sessions(gap), std::vector<size_t>{0},
                                                            1 + random() % 4, snapshots);
            }
            std::vector<TestRow> rows;
            for (size_t i = random() % 5; i > 0; --i) {
                const char* key = keys[random() % 3];
                const int64_t time = watermark + 2 + static_cast<int64_t>(random() % 30);
                times[key].push_back(time);
                rows.push_back(row(key, time));
            }
            harness->process(batchOf(kInput, rows));
            if (random() % 3 == 0) harness->watermark(watermark += static_cast<int64_t>(random() % 20));
        }
        harness->end();
        const Rows changes = harness->changes();
        sent.insert(sent.end(), changes.begin(), changes.end());
        Rows expected;
        for (auto& [key, of_key] : times) {
            std::sort(of_key.begin(), of_key.end());
            for (size_t first = 0; first < of_key.size();) {
                size_t end = first + 1;
                while (end < of_key.size() && of_key[end] - of_key[end - 1] <= gap)
                    ++end;
                for (size_t i = first; i < end; ++i)
                    expected.push_back(text(key.c_str(), of_key[i], of_key[first], of_key[end - 1] + gap));
                first = end;
            }
        }
        std::sort(sent.begin(), sent.end());
        std::sort(expected.begin(), expected.end());
        EXPECT_TRUE(sent == expected) << "seed " << seed;
    }
}

}  // namespace
}  // namespace millrace
