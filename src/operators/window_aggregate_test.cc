#include "operators/window_aggregate.h"

#include <gtest/gtest.h>

#include <random>

#include "operators/test_harness.h"
#include "operators/watermark_assigner.h"

namespace millrace {
namespace {

using testing::batchOf;
using testing::IntoHarness;
using testing::ManualClock;
using testing::OperatorHarness;
using testing::Snapshots;
using testing::SubtaskContext;
using testing::TestRow;

const Schema kInput({{"k", LogicalType::string()},
                     {"v", LogicalType::bigint()},
                     {"ts", LogicalType::timestamp(3)}});

AggregateTerm term(const char* name, const std::vector<size_t>& arguments, bool may_retract) {
    std::vector<ArgumentInfo> infos;
    infos.reserve(arguments.size());
    for (const size_t argument : arguments)
        infos.push_back({kInput[argument].type, std::nullopt});
    return {findAggregateFunction(name)->bind(infos, false, may_retract), arguments, std::nullopt, name,
            name};
}

std::shared_ptr<Operator> aggregate(const Windows& windows, bool retracts = false, bool keyed = true,
                                    bool processing_time = false) {
    using From = WindowAggregateColumn::From;
    WindowAggregateParameters p;
    p.input = kInput;
    p.windows = windows;
    p.processing_time = processing_time;
    if (!processing_time) p.time_column = 2;
    p.input_retracts = retracts;
    p.terms = {term("COUNT", {}, retracts), term("SUM", {1}, retracts), term("MAX", {1}, retracts)};
    std::vector<Field> fields;
    if (keyed) {
        p.keys = {0};
        p.columns.push_back({From::Key, 0});
        fields.push_back({"k", LogicalType::string()});
    }
    p.columns.insert(p.columns.end(), {{From::WindowStart, 0},
                                       {From::WindowEnd, 0},
                                       {From::WindowTime, 0},
                                       {From::Term, 0},
                                       {From::Term, 1},
                                       {From::Term, 2}});
    const LogicalType bound = LogicalType::timestamp(3).withNullable(false);
    fields.insert(fields.end(), {{"window_start", bound},
                                 {"window_end", bound},
                                 {"window_time", bound},
                                 {"n", LogicalType::bigint().withNullable(false)},
                                 {"sum", LogicalType::bigint()},
                                 {"max", LogicalType::bigint()}});
    p.output = Schema(std::move(fields));
    p.text = "test";
    return std::make_shared<WindowAggregate>(std::move(p));
}

struct Event {
    std::optional<std::string> key;
    std::optional<int64_t> value;
    int64_t time_ms;
    RowKind kind = RowKind::Insert;
};

TestRow rowOf(const Event& event) {
    return {{event.key ? Value::string(*event.key) : Value::null(),
             event.value ? Value::int64(*event.value) : Value::null(), Value::int64(event.time_ms * 1000)},
            event.kind};
}

// The scalar twin: one event at a time, every window of it on its own, by Flink's rule for late rows.
class Twin {
  public:
    explicit Twin(const Windows& windows) : windows_(windows) {}
    void add(const Event& event) {
        const int64_t slice = windows_.sliceEnd(event.time_ms);
        bool kept = false;
        for (int64_t end = windows_.firstWindowEnd(slice); end <= windows_.lastWindowEnd(slice);
             end += windows_.step_ms) {
            if (end - 1 <= watermark_) continue;
            kept = true;
            Group& group = open_[end][event.key];
            const int64_t sign = isRetraction(event.kind) ? -1 : 1;
            group.rows += sign;
            if (event.value && (group.values[*event.value] += sign) == 0) group.values.erase(*event.value);
        }
        late += !kept && windows_.firstWindowEnd(slice) <= windows_.lastWindowEnd(slice);
    }
    void watermark(int64_t watermark) {
        watermark_ = watermark;
        while (!open_.empty() && open_.begin()->first - 1 <= watermark) {
            const int64_t end = open_.begin()->first;
            for (const auto& [key, group] : open_.begin()->second) {
                if (group.rows > 0) ++rows[text(key, end, group)];
            }
            open_.erase(open_.begin());
        }
    }
    std::map<std::string, int64_t> rows;
    int64_t late = 0;

  private:
    struct Group {
        int64_t rows = 0;
        std::map<int64_t, int64_t> values;
    };
    std::string text(const std::optional<std::string>& key, int64_t end, const Group& group) const {
        const auto time = [](int64_t ms) {
            return Value::int64(ms * 1000).toString(LogicalType::timestamp(3));
        };
        int64_t sum = 0;
        for (const auto& [value, count] : group.values)
            sum += value * count;
        const bool none = group.values.empty();
        return fmt::format("({}, {}, {}, {}, {}, {}, {})", key.value_or("NULL"),
                           time(windows_.windowStart(end)), time(end), time(end - 1), group.rows,
                           none ? "NULL" : std::to_string(sum),
                           none ? "NULL" : std::to_string(group.values.rbegin()->first));
    }
    Windows windows_;
    int64_t watermark_ = INT64_MIN;
    std::map<int64_t, std::map<std::optional<std::string>, Group>> open_;
};

void compareWithTwin(const Windows& windows, bool retracts, uint64_t seed, size_t batch_rows_max) {
    SCOPED_TRACE(
        fmt::format("{} retracts={} seed={} batch={}", windows.toString(), retracts, seed, batch_rows_max));
    std::mt19937_64 random(seed);
    const auto below = [&](uint64_t bound) { return static_cast<int64_t>(random() % bound); };
    const auto op = aggregate(windows, retracts);
    auto harness = std::make_unique<OperatorHarness>(op, std::vector<size_t>{0}, 1);
    Twin twin(windows);
    std::map<std::string, int64_t> rows;
    int64_t late = 0;
    const auto collect = [&] {
        for (const auto& [row, count] : harness->table())
            rows[row] += count;
        late += harness->metric("numLateRecordsDropped");
    };
    std::vector<Event> live;  // may be retracted
    int64_t time = -3000, watermark = INT64_MIN;
    for (int step = 0; step < 120; ++step) {
        std::vector<TestRow> batch;
        const int64_t count = 1 + below(batch_rows_max);
        for (int64_t i = 0; i < count; ++i) {
            time += below(40);
            Event event{
                fmt::format("key-{}-{}", below(6), std::string(static_cast<size_t>(below(2)) * 20, 'x')),
                below(100) - 50, time - below(3) * below(2500)};
            if (below(10) == 0) event.key.reset();
            if (below(10) == 0) event.value.reset();
            if (retracts && !live.empty() && below(3) == 0) {
                const auto at = static_cast<size_t>(below(live.size()));
                event = live[at];
                event.kind = below(2) ? RowKind::Delete : RowKind::UpdateBefore;
                live.erase(live.begin() + static_cast<std::ptrdiff_t>(at));
                // What is late for some of its windows only would be taken back from those alone.
                if (windows.lastWindowEnd(windows.sliceEnd(event.time_ms)) - 1 <= watermark) continue;
            } else {
                live.push_back(event);
            }
            batch.push_back(rowOf(event));
            twin.add(event);
        }
        harness->process(batchOf(kInput, batch));
        if (below(3) == 0) {
            watermark = std::max(watermark, time - below(1500));
            harness->watermark(watermark);
            twin.watermark(watermark);
        }
        if (below(25) == 0) {  // stop, and go on at another parallelism
            const Snapshots snapshots = harness->snapshot();
            collect();
            harness = std::make_unique<OperatorHarness>(op, std::vector<size_t>{0},
                                                        static_cast<uint32_t>(1 + below(4)), snapshots);
        }
    }
    harness->end();
    twin.watermark(INT64_MAX);
    collect();
    EXPECT_EQ(rows, twin.rows);
    EXPECT_EQ(late, twin.late);
    EXPECT_GT(rows.size(), 10u);
}

TEST(WindowAggregate, AgreesWithItsScalarTwin) {
    const Windows all[] = {{WindowShape::Tumble, 1000, 1000, 0},   {WindowShape::Tumble, 700, 700, 300},
                           {WindowShape::Hop, 1000, 250, 0},       {WindowShape::Hop, 1000, 400, 100},
                           {WindowShape::Hop, 500, 800, 0},        {WindowShape::Cumulate, 2000, 500, 0},
                           {WindowShape::Cumulate, 900, 300, -200}};
    uint64_t seed = 1;
    for (const Windows& windows : all) {
        for (const size_t batch_rows_max : {1, 7, 90}) {
            compareWithTwin(windows, false, seed++, batch_rows_max);
        }
    }
    for (const size_t batch_rows_max : {1, 7, 90}) {
        compareWithTwin({WindowShape::Tumble, 1000, 1000, 0}, true, seed++, batch_rows_max);
    }
}

TEST(WindowAggregate, EmitsOnceTheWatermarkReachesTheLastMillisecond) {
    OperatorHarness harness(aggregate({WindowShape::Tumble, 10'000, 10'000, 0}), {0});
    harness.process(batchOf(kInput, {rowOf({"a", 1, 0}), rowOf({"a", 2, 9999}), rowOf({"b", 5, 10'000})}));
    harness.watermark(9998);
    EXPECT_TRUE(harness.changes().empty());
    harness.watermark(9999);
    EXPECT_EQ(
        harness.changes(),
        std::vector<std::string>{
            "+I(a, 1970-01-01 00:00:00.000, 1970-01-01 00:00:10.000, 1970-01-01 00:00:09.999, 2, 3, 2)"});
    EXPECT_EQ(harness.output.events, (std::vector<std::string>{"watermark 9998", "rows", "watermark 9999"}));
    harness.process(batchOf(kInput, {rowOf({"a", 7, 9999}), rowOf({"b", 1, 10'001})}));
    EXPECT_EQ(harness.metric("numLateRecordsDropped"), 1);
    harness.end();
    EXPECT_EQ(harness.changes().back(),
              "+I(b, 1970-01-01 00:00:10.000, 1970-01-01 00:00:20.000, 1970-01-01 00:00:19.999, 2, 6, 5)");
}

TEST(WindowAggregate, AWindowEmittedBeforeASnapshotIsNotEmittedAgain) {
    const auto op = aggregate({WindowShape::Hop, 1000, 500, 0});
    OperatorHarness first(op, {0});
    first.process(batchOf(kInput, {rowOf({"a", 1, 700})}));
    first.watermark(999);  // [0, 1000) is out, [500, 1500) is not
    EXPECT_EQ(first.changes().size(), 1u);
    OperatorHarness second(op, {0}, 3, first.snapshot());
    second.process(batchOf(kInput, {rowOf({"a", 1, 200})}));  // its last window was [0, 1000)
    EXPECT_EQ(second.metric("numLateRecordsDropped"), 1);
    second.end();
    ASSERT_EQ(second.changes().size(), 1u);
    EXPECT_NE(second.changes()[0].find("00:00:00.500, 1970-01-01 00:00:01.500"), std::string::npos);
}

TEST(WindowAggregate, WithoutKeysOneRowAWindow) {
    OperatorHarness harness(aggregate({WindowShape::Tumble, 1000, 1000, 0}, false, false));
    harness.process(batchOf(kInput, {rowOf({"a", 1, 5}), rowOf({"b", 2, 6}), rowOf({"c", 3, 1005})}));
    harness.end();
    EXPECT_EQ(harness.changes(),
              (std::vector<std::string>{
                  "+I(1970-01-01 00:00:00.000, 1970-01-01 00:00:01.000, 1970-01-01 00:00:00.999, 2, 3, 2)",
                  "+I(1970-01-01 00:00:01.000, 1970-01-01 00:00:02.000, 1970-01-01 00:00:01.999, 1, 3, 3)"}));
}

TEST(WindowAggregate, ProcessingTimeWindowsFollowTheClock) {
    const auto op = aggregate({WindowShape::Tumble, 1000, 1000, 0}, false, true, true);
    OperatorHarness harness(op, {0});
    harness.runUntil(1'000'000);
    harness.process(batchOf(kInput, {rowOf({"a", 1, 5})}));
    EXPECT_EQ(harness.wakeAt(), 1'001'000);
    harness.runUntil(1'000'999);
    EXPECT_TRUE(harness.changes().empty());
    harness.runUntil(1'001'500);
    EXPECT_EQ(harness.changes().size(), 1u);
    harness.process(batchOf(kInput, {rowOf({"a", 1, 5}), rowOf({"b", 1, 5})}));
    OperatorHarness restored(op, {0}, 1, harness.snapshot());
    EXPECT_EQ(restored.wakeAt(), 1'002'000);
    restored.end();  // what is left is not lost when the input ends
    EXPECT_EQ(restored.changes().size(), 2u);
}

// The clocks of subtasks differ: after a restore with another parallelism, some rows of a slice were emitted
// in a window, and others were not.
TEST(WindowAggregate, ProcessingTimeWindowsThatShareSlicesAreEmittedOnce) {
    for (const Windows& windows :
         {Windows{WindowShape::Hop, 1000, 250, 0}, Windows{WindowShape::Cumulate, 1000, 250, 0}}) {
        SCOPED_TRACE(windows.toString());
        const auto op = aggregate(windows, false, true, true);
        OperatorHarness ahead(op, {0});
        OperatorHarness behind(op, {0});
        ahead.clock.now_ms = behind.clock.now_ms = 1'000'100;
        ahead.process(batchOf(kInput, {rowOf({"a", 1, 0})}));
        behind.process(batchOf(kInput, {rowOf({"b", 1, 0})}));
        ahead.runUntil(1'000'260);  // emits what ends at 1'000'250
        ahead.process(batchOf(kInput, {rowOf({"a", 1, 0})}));
        behind.runUntil(1'000'240);
        EXPECT_EQ(ahead.changes().size(), 1u);
        EXPECT_TRUE(behind.changes().empty());
        Snapshots both = ahead.snapshot();
        both.push_back(behind.snapshot()[0]);
        OperatorHarness restored(op, {0}, 1, both);
        restored.runUntil(1'002'000);
        restored.end();
        std::map<std::string, int64_t> rows = restored.table();
        for (const auto& [row, count] : ahead.table())
            rows[row] += count;
        std::map<std::string, int64_t> windows_of;
        for (const auto& [row, count] : rows) {
            EXPECT_EQ(count, 1) << row;
            windows_of[row.substr(0, 2)] += 1;
        }
        const bool hop = windows.shape == WindowShape::Hop;
        EXPECT_EQ(windows_of["(a"], hop ? 5 : 4);  // in HOP, the second row has a window more
        EXPECT_EQ(windows_of["(b"], 4);
    }
}

// The watermark assigner in front: which rows are late must not depend on how they are cut into batches.
TEST(WindowAggregate, LateRowsAreTheSameInAnyBatches) {
    const WatermarkAssigner assigner(kInput, 2, Expression::column(2, kInput[2].type, "ts"), 3'000'000,
                                     Duration{0});
    std::vector<TestRow> rows;
    const std::pair<const char*, int64_t> values[] = {{"a", 1}, {"a", 12}, {"a", 9}, {"a", 15},
                                                      {"b", 3}, {"a", 31}, {"a", 17}};
    int64_t value = 1;
    for (const auto& [key, seconds] : values) {
        rows.push_back(rowOf({key, value, seconds * 1000}));
        value *= 2;
    }
    for (const size_t batch_rows : {1, 2, 3, 7}) {
        SCOPED_TRACE(batch_rows);
        OperatorHarness tumble(aggregate({WindowShape::Tumble, 10'000, 10'000, 0}, false, false));
        OperatorHarness hop(aggregate({WindowShape::Hop, 20'000, 5'000, 0}, false, false));
        for (OperatorHarness* harness : {&tumble, &hop}) {
            ManualClock clock;
            Configuration configuration;
            SubtaskContext context;
            context.clock = &clock;
            context.configuration_ = &configuration;
            const auto state = assigner.open(context);
            IntoHarness into(*harness);
            for (size_t at = 0; at < rows.size(); at += batch_rows) {
                const size_t end = std::min(rows.size(), at + batch_rows);
                const std::vector<TestRow> part(rows.begin() + static_cast<std::ptrdiff_t>(at),
                                                rows.begin() + static_cast<std::ptrdiff_t>(end));
                assigner.process(*state, 0, batchOf(kInput, part), context, into);
            }
            harness->end();
        }
        // b's row comes when the watermark is 12 s, the last one when it is 28 s.
        EXPECT_EQ(tumble.metric("numLateRecordsDropped"), 2);
        std::vector<int64_t> sums;
        for (const OperatorHarness* harness : {&tumble, &hop}) {
            for (const Batch& batch : harness->output.batches) {
                for (size_t i = 0; i < batch.rows(); ++i)
                    sums.push_back(batch.column(4)->data<int64_t>()[i]);
            }
        }
        // In the hopping windows both are late for some only.
        EXPECT_EQ(hop.metric("numLateRecordsDropped"), 0);
        EXPECT_EQ(sums, (std::vector<int64_t>{5, 10, 32, 1, 5, 23, 31, 14, 74, 104, 32, 32, 32}));
    }
}

TEST(WindowAggregate, NullTimeFails) {
    OperatorHarness harness(aggregate({WindowShape::Tumble, 1000, 1000, 0}), {0});
    EXPECT_THROW(harness.process(batchOf(kInput, {{{Value::string("a"), Value::int64(1), Value::null()}}})),
                 UserError);
}

}  // namespace
}  // namespace millrace
