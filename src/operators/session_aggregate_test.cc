#include "operators/session_aggregate.h"

#include <gtest/gtest.h>

#include <random>

#include "operators/test_harness.h"

namespace millrace {
namespace {

using testing::batchOf;
using testing::OperatorHarness;
using testing::Snapshots;
using testing::TestRow;

const Schema kInput({{"k", LogicalType::string()},
                     {"v", LogicalType::bigint()},
                     {"ts", LogicalType::timestamp(3)}});

struct Shape {
    int64_t gap_ms = 1000;
    bool retracts = false;
    bool keyed = true;
    bool processing_time = false;
};

std::shared_ptr<Operator> aggregate(const Shape& shape) {
    using From = WindowAggregateColumn::From;
    SessionAggregateParameters p;
    p.input = kInput;
    p.gap_ms = shape.gap_ms;
    p.processing_time = shape.processing_time;
    if (!shape.processing_time) p.time_column = 2;
    p.input_retracts = shape.retracts;
    const auto term = [&](const char* name, const std::vector<size_t>& arguments, bool distinct) {
        std::vector<ArgumentInfo> infos;
        for (const size_t argument : arguments)
            infos.push_back({kInput[argument].type, std::nullopt});
        return AggregateTerm{findAggregateFunction(name)->bind(infos, distinct, shape.retracts), arguments,
                             std::nullopt, name, name};
    };
    p.terms = {term("COUNT", {}, false), term("SUM", {1}, false), term("MAX", {1}, false),
               term("COUNT", {1}, true)};
    std::vector<Field> fields;
    if (shape.keyed) {
        p.keys = {0};
        p.columns.push_back({From::Key, 0});
        fields.push_back({"k", LogicalType::string()});
    }
    p.columns.insert(p.columns.end(), {{From::WindowStart, 0},
                                       {From::WindowEnd, 0},
                                       {From::WindowTime, 0},
                                       {From::Term, 0},
                                       {From::Term, 1},
                                       {From::Term, 2},
                                       {From::Term, 3}});
    const LogicalType bound = LogicalType::timestamp(3).withNullable(false);
    fields.insert(fields.end(), {{"window_start", bound},
                                 {"window_end", bound},
                                 {"window_time", bound},
                                 {"n", LogicalType::bigint().withNullable(false)},
                                 {"sum", LogicalType::bigint()},
                                 {"max", LogicalType::bigint()},
                                 {"values", LogicalType::bigint().withNullable(false)}});
    p.output = Schema(std::move(fields));
    p.text = "test";
    return std::make_shared<SessionAggregate>(std::move(p));
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

// The scalar twin: one event at a time, into a list of open sessions a key.
class Twin {
  public:
    explicit Twin(int64_t gap) : gap_(gap) {}
    void add(const Event& event) {
        std::vector<Session>& sessions = open_[event.key];
        Session merged{event.time_ms, event.time_ms + gap_, 0, {}};
        std::vector<Session> apart;
        for (const Session& session : sessions) {
            if (session.start > event.time_ms + gap_ || session.end < event.time_ms) {
                apart.push_back(session);
                continue;
            }
            merged.start = std::min(merged.start, session.start);
            merged.end = std::max(merged.end, session.end);
            merged.rows += session.rows;
            for (const auto& [value, count] : session.values) {
                if ((merged.values[value] += count) == 0) merged.values.erase(value);
            }
        }
        if (merged.end - 1 <= watermark_) {
            ++late;
            return;
        }
        const int64_t sign = isRetraction(event.kind) ? -1 : 1;
        merged.rows += sign;
        if (event.value && (merged.values[*event.value] += sign) == 0) merged.values.erase(*event.value);
        merges += sessions.size() > apart.size() + 1;
        apart.push_back(std::move(merged));
        several += apart.size() > 1;
        sessions = std::move(apart);
    }
    void watermark(int64_t watermark) {
        watermark_ = watermark;
        for (auto& [key, sessions] : open_) {
            std::erase_if(sessions, [&, &key = key](const Session& session) {
                if (session.end - 1 > watermark) return false;
                if (session.rows > 0) ++rows[text(key, session)];
                return true;
            });
        }
    }
    std::map<std::string, int64_t> rows;
    int64_t late = 0;
    int64_t merges = 0;   // rows that made one of two sessions
    int64_t several = 0;  // rows after which their key had more than one

  private:
    struct Session {
        int64_t start = 0;
        int64_t end = 0;
        int64_t rows = 0;
        std::map<int64_t, int64_t> values;
    };
    static std::string text(const std::optional<std::string>& key, const Session& session) {
        const auto time = [](int64_t ms) {
            return Value::int64(ms * 1000).toString(LogicalType::timestamp(3));
        };
        int64_t sum = 0;
        for (const auto& [value, count] : session.values)
            sum += value * count;
        const bool none = session.values.empty();
        return fmt::format(
            "({}, {}, {}, {}, {}, {}, {}, {})", key.value_or("NULL"), time(session.start), time(session.end),
            time(session.end - 1), session.rows, none ? "NULL" : std::to_string(sum),
            none ? "NULL" : std::to_string(session.values.rbegin()->first), session.values.size());
    }
    int64_t gap_;
    int64_t watermark_ = INT64_MIN;
    std::map<std::optional<std::string>, std::vector<Session>> open_;
};

void compareWithTwin(const Shape& shape, uint64_t seed, size_t batch_rows_max, int64_t keys) {
    SCOPED_TRACE(fmt::format("gap={} retracts={} seed={} batch={}", shape.gap_ms, shape.retracts, seed,
                             batch_rows_max));
    std::mt19937_64 random(seed);
    const auto below = [&](int64_t bound) {
        return static_cast<int64_t>(random() % static_cast<uint64_t>(bound));
    };
    const auto op = aggregate(shape);
    auto harness = std::make_unique<OperatorHarness>(op, std::vector<size_t>{0}, 1);
    Twin twin(shape.gap_ms);
    std::map<std::string, int64_t> rows;
    int64_t late = 0;
    const auto collect = [&] {
        for (const auto& [row, count] : harness->table())
            rows[row] += count;
        late += harness->metric("numLateRecordsDropped");
    };
    std::vector<Event> live;  // may be retracted
    int64_t time = -3000, watermark = INT64_MIN;
    for (int step = 0; step < (batch_rows_max == 1 ? 900 : 150); ++step) {
        std::vector<TestRow> batch;
        for (int64_t count = 1 + below(static_cast<int64_t>(batch_rows_max)); count > 0; --count) {
            time += below(shape.gap_ms / 4) * below(3);
            Event event{
                fmt::format("key-{}-{}", below(keys), std::string(static_cast<size_t>(below(2)) * 20, 'x')),
                below(20) - 10, time - below(3) * below(3 * shape.gap_ms)};
            if (below(10) == 0) event.key.reset();
            if (below(10) == 0) event.value.reset();
            if (shape.retracts && !live.empty() && below(3) == 0) {
                const auto at = static_cast<size_t>(below(static_cast<int64_t>(live.size())));
                event = live[at];
                event.kind = below(2) ? RowKind::Delete : RowKind::UpdateBefore;
                live.erase(live.begin() + static_cast<std::ptrdiff_t>(at));
                // Taken back from a session that is over, it would be missing from another.
                if (event.time_ms + shape.gap_ms - 1 <= watermark) continue;
            } else {
                live.push_back(event);
            }
            batch.push_back(rowOf(event));
            twin.add(event);
        }
        if (batch.empty()) continue;
        harness->process(batchOf(kInput, batch));
        if (below(3) == 0) {
            watermark = std::max(watermark, time - below(3 * shape.gap_ms));
            harness->watermark(watermark);
            twin.watermark(watermark);
            live.clear();
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
    EXPECT_GT(twin.merges, 0);
    EXPECT_GT(twin.several, 0);
}

TEST(SessionAggregate, AgreesWithItsScalarTwin) {
    uint64_t seed = 1;
    for (const bool retracts : {false, true}) {
        for (const int64_t gap : {40, 1000, 100'000}) {
            for (const size_t batch_rows_max : {1, 7, 90}) {
                const Shape shape{gap, retracts};
                compareWithTwin(shape, seed++, batch_rows_max, batch_rows_max < 10 ? 2 : 12);
            }
        }
    }
}

TEST(SessionAggregate, ARowProlongsItsSessionAndOneThatTouchesIt) {
    OperatorHarness harness(aggregate({}), {0});
    harness.process(batchOf(kInput, {rowOf({"a", 1, 0}), rowOf({"a", 2, 999}), rowOf({"a", 3, 3000})}));
    harness.watermark(1997);
    EXPECT_TRUE(harness.changes().empty());
    harness.process(batchOf(kInput, {rowOf({"a", 4, 1999})}));  // [0, 1999) and [1999, 2999) and [3000, ...)
    harness.watermark(2997);
    EXPECT_TRUE(harness.changes().empty());
    harness.watermark(2998);
    EXPECT_EQ(harness.changes(),
              (std::vector<std::string>{"+I(a, 1970-01-01 00:00:00.000, 1970-01-01 00:00:02.999, "
                                        "1970-01-01 00:00:02.998, 3, 7, 4, 3)"}));
    harness.end();
    EXPECT_EQ(harness.changes().back(),
              "+I(a, 1970-01-01 00:00:03.000, 1970-01-01 00:00:04.000, 1970-01-01 00:00:03.999, 1, 3, 3, 1)");
}

TEST(SessionAggregate, ALateRowCountsWhereItsSessionIsStillOpen) {
    OperatorHarness harness(aggregate({}), {0});
    harness.process(batchOf(kInput, {rowOf({"a", 1, 5000})}));
    harness.watermark(5500);
    // Alone both are late; the first one touches a session that is open.
    harness.process(batchOf(kInput, {rowOf({"a", 2, 4200}), rowOf({"b", 4, 4200})}));
    EXPECT_EQ(harness.metric("numLateRecordsDropped"), 1);
    // What a row finds open depends on the rows before it.
    harness.process(batchOf(kInput, {rowOf({"a", 8, 3100}), rowOf({"b", 64, 4100}), rowOf({"b", 16, 5000}),
                                     rowOf({"b", 32, 4100})}));
    EXPECT_EQ(harness.metric("numLateRecordsDropped"), 3);
    harness.end();
    EXPECT_EQ(
        harness.table(),
        (std::map<std::string, int64_t>{
            {"(a, 1970-01-01 00:00:04.200, 1970-01-01 00:00:06.000, 1970-01-01 00:00:05.999, 2, 3, 2, 2)", 1},
            {"(b, 1970-01-01 00:00:04.100, 1970-01-01 00:00:06.000, 1970-01-01 00:00:05.999, 2, 48, 32, 2)",
             1}}));
}

TEST(SessionAggregate, WithoutKeysAllRowsShareTheSessions) {
    const auto op = aggregate({1000, false, false});
    OperatorHarness first(op);
    first.process(batchOf(kInput, {rowOf({"a", 1, 0}), rowOf({"b", 2, 800}), rowOf({"c", 3, 4000})}));
    OperatorHarness second(op, {}, 1, first.snapshot());
    second.end();
    EXPECT_EQ(
        second.table(),
        (std::map<std::string, int64_t>{
            {"(1970-01-01 00:00:00.000, 1970-01-01 00:00:01.800, 1970-01-01 00:00:01.799, 2, 3, 2, 2)", 1},
            {"(1970-01-01 00:00:04.000, 1970-01-01 00:00:05.000, 1970-01-01 00:00:04.999, 1, 3, 3, 1)", 1}}));
}

TEST(SessionAggregate, ProcessingTimeSessionsFollowTheClock) {
    const auto op = aggregate({1000, false, true, true});
    OperatorHarness harness(op, {0});
    harness.runUntil(1'000'000);
    harness.process(batchOf(kInput, {rowOf({"a", 1, 5})}));
    EXPECT_EQ(harness.wakeAt(), 1'001'000);
    harness.runUntil(1'000'600);
    harness.process(batchOf(kInput, {rowOf({"a", 2, 5})}));
    harness.runUntil(1'001'599);
    EXPECT_TRUE(harness.changes().empty());
    EXPECT_EQ(harness.wakeAt(), 1'001'600);
    harness.runUntil(1'001'600);
    EXPECT_EQ(harness.changes(),
              (std::vector<std::string>{"+I(a, 1970-01-01 00:16:40.000, 1970-01-01 00:16:41.600, "
                                        "1970-01-01 00:16:41.599, 2, 3, 2, 2)"}));
    harness.process(batchOf(kInput, {rowOf({"a", 1, 5}), rowOf({"b", 1, 5})}));
    OperatorHarness restored(op, {0}, 1, harness.snapshot());
    EXPECT_LE(restored.wakeAt(), 1'002'600);
    restored.runUntil(1'002'600);
    EXPECT_EQ(restored.changes().size(), 2u);
    restored.process(batchOf(kInput, {rowOf({"c", 1, 5})}));
    restored.end();  // what is left is not lost when the input ends
    EXPECT_EQ(restored.changes().size(), 3u);
}

TEST(SessionAggregate, NullTimeFails) {
    OperatorHarness harness(aggregate({}), {0});
    EXPECT_THROW(harness.process(batchOf(kInput, {{{Value::string("a"), Value::int64(1), Value::null()}}})),
                 UserError);
}

}  // namespace
}  // namespace millrace
