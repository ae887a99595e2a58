#include <gtest/gtest.h>

#include <algorithm>

#include "connectors/nexmark/nexmark_table.h"
#include "connectors/shared/source_test_harness.h"
#include "types/calendar.h"

namespace millrace {
namespace {

using Options = std::map<std::string, std::string>;
using Rows = std::vector<std::string>;

const ConnectorDescriptor& nexmark() { return collectedConnector("nexmark"); }

TableSpec table(Options options, Schema schema = nexmarkSchema()) {
    TableSpec spec;
    spec.name = "datagen";
    spec.schema = std::move(schema);
    spec.options = std::move(options);
    spec.projectAll();
    return spec;
}

Rows sorted(Rows rows) {
    std::sort(rows.begin(), rows.end());
    return rows;
}

TEST(Nexmark, EndsAfterItsEvents) {
    const auto source = nexmark().make_source(table({{"events.num", "10001"}}));
    EXPECT_EQ(source->boundedness(), Boundedness::Bounded);
    SourceHarness harness(source);
    harness.drain();
    EXPECT_EQ(harness.poll(), ReadStatus::EndOfInput);
    EXPECT_EQ(harness.rows.size(), 10001U);
    EXPECT_EQ(nexmark().make_source(table({}))->boundedness(), Boundedness::Unbounded);
}

TEST(Nexmark, KeepAliveStaysOpen) {
    const auto source = nexmark().make_source(table({{"events.num", "100"}, {"keep-alive", "true"}}));
    EXPECT_EQ(source->boundedness(), Boundedness::Unbounded);
    SourceHarness harness(source);
    harness.drain();
    EXPECT_EQ(harness.rows.size(), 100U);
    EXPECT_EQ(harness.poll(), ReadStatus::Nothing);
    EXPECT_EQ(harness.splits(0).size(), 1U);
}

// The same events whatever the parallelism, the size of batches, and however often the readers are restored.
TEST(Nexmark, EventsDependOnTheirNumberAlone) {
    const auto source =
        nexmark().make_source(table({{"events.num", "3000"}, {"generators", "4"}, {"seed", "5"}}));
    SourceHarness reference(source);
    reference.drain();
    const Rows expected = sorted(reference.rows);
    ASSERT_EQ(expected.size(), 3000U);
    for (const uint32_t parallelism : {1U, 2U, 7U}) {
        SourceHarness harness(source, parallelism, 1, 64);
        for (size_t restores = 1; restores <= 5; ++restores) {
            std::vector<SourceSplit> splits;
            const size_t readers = restores == 1 ? parallelism : restores - 1;
            for (size_t reader = 0; reader < readers; ++reader) {
                for (size_t i = 0; i < restores; ++i)
                    harness.poll(reader);
                for (const SourceSplit& split : harness.splits(reader))
                    splits.push_back(split);
            }
            ASSERT_EQ(splits.size(), 4U);
            harness.replaceReaders(splits, restores);
        }
        harness.drain();
        EXPECT_EQ(sorted(harness.rows), expected);
    }
    SourceHarness other(
        nexmark().make_source(table({{"events.num", "3000"}, {"generators", "4"}, {"seed", "6"}})));
    other.drain();
    EXPECT_NE(sorted(other.rows), expected);
}

// What bids refer to comes before they do, also where the readers of both are not always in step.
TEST(Nexmark, FewEventsOfAKindGoAhead) {
    const auto rows_of_one_poll = [](int64_t kind) {
        TableSpec spec = table({{"events.num", "100000"}});
        spec.projection = {{0}};
        spec.filters = {{0, {Value::int64(kind)}}};
        SourceHarness harness(nexmark().make_source(spec));
        harness.poll();
        return static_cast<double>(harness.rows.size());
    };
    constexpr double kEventsPerPoll = 4096, kEpoch = 50;
    EXPECT_NEAR(rows_of_one_poll(2), kEventsPerPoll / kEpoch * 46, 46);
    EXPECT_NEAR(rows_of_one_poll(1), 4 * kEventsPerPoll / kEpoch * 3, 3);
    EXPECT_NEAR(rows_of_one_poll(0), 4 * kEventsPerPoll / kEpoch, 1);
}

TEST(Nexmark, OneGeneratorForEachReaderByDefault) {
    const auto source = nexmark().make_source(table({{"events.num", "300"}}));
    SourceHarness harness(source, 3);
    for (size_t reader = 0; reader < 3; ++reader)
        EXPECT_EQ(harness.splits(reader).size(), 1U);
    harness.drain();
    EXPECT_EQ(harness.rows.size(), 300U);
    // A restored enumerator has dealt its splits out and deals none again.
    const std::string state = harness.enumeratorState();
    const auto restored = source->createEnumerator(state);
    restored->start(harness);
    EXPECT_EQ(restored->snapshot(), state);
    harness.replaceReaders({});
    EXPECT_EQ(harness.poll(), ReadStatus::EndOfInput);
}

// However slow event time is, generators that share a reader stay close to each other.
TEST(Nexmark, GeneratorsOfOneReaderTakeTurns) {
    TableSpec spec = table({{"events.num", "3000"}, {"generators", "3"}, {"first-event.rate", "100"}});
    spec.projection = {{3, 5}};
    spec.filters = {{0, {Value::int64(2)}}};
    SourceHarness harness(nexmark().make_source(spec));
    harness.drain();
    std::string latest;
    int64_t back_ms_max = 0;
    const auto millis = [](const std::string& time) { return *parseTimestamp(time) / 1000; };
    for (const std::string& time : harness.rows) {
        if (time > latest) latest = time;
        back_ms_max = std::max(back_ms_max, millis(latest) - millis(time));
    }
    EXPECT_EQ(harness.rows.size(), 2760U);
    EXPECT_GT(back_ms_max, 0);
    EXPECT_LE(back_ms_max, 500);
}

TEST(Nexmark, ComesWhenItIsDue) {
    for (const Options& paced : {Options{{"rate.limited", "true"}}, Options{{"max-emit-speed", "false"}}}) {
        Options options = paced;
        options["first-event.rate"] = "2000";
        options["generators"] = "2";
        SourceHarness harness(nexmark().make_source(table(options)));
        harness.drain();
        EXPECT_EQ(harness.rows.size(), 2U);  // the first of each generator
        for (int i = 0; i < 500; ++i) {
            ASSERT_GT(harness.wake.value(), harness.clock.now().value());
            harness.clock.advanceTo(harness.wake.value());
            harness.drain();
        }
        const double seconds =
            static_cast<double>(harness.clock.now().value() - VirtualClock().now().value()) / 1000;
        EXPECT_NEAR(static_cast<double>(harness.rows.size()), 2000 * seconds, 4);
    }
}

TEST(Nexmark, BaseTime) {
    const auto first_time = [](const std::string& base) {
        TableSpec spec = table({{"events.num", "1"}, {"base-time", base}});
        spec.projection = {{2, 5}};  // auction.dateTime
        SourceHarness harness(nexmark().make_source(spec));
        harness.drain();
        return harness.rows.at(0);
    };
    EXPECT_EQ(first_time("2026-03-01 12:00:00.5"), "2026-03-01 12:00:00.500");
    EXPECT_EQ(first_time("1000"), "1970-01-01 00:00:01.000");
    EXPECT_EQ(first_time("now"),
              Value::int64(VirtualClock().now().value() * 1000).toString(LogicalType::timestamp(3)));
}

TEST(Nexmark, FiltersByKindAlone) {
    const TableSpec spec = table({{"person.proportion", "0"}});
    EXPECT_TRUE(nexmark().accepts_filter(spec, {0, {Value::int64(2)}}));
    EXPECT_TRUE(nexmark().accepts_filter(spec, {0, {Value::int64(0), Value::int64(1)}}));
    // No event would ever move time on.
    EXPECT_FALSE(nexmark().accepts_filter(spec, {0, {Value::int64(0)}}));
    EXPECT_FALSE(nexmark().accepts_filter(spec, {0, {Value::int64(7)}}));
    EXPECT_FALSE(nexmark().accepts_filter(spec, {1, {Value::int64(2)}}));
}

TEST(Nexmark, ColumnsByName) {
    const Schema schema({{"bid", LogicalType::row({{"extra", LogicalType::string()},
                                                   {"customTime", LogicalType::timestamp(3)},
                                                   {"auction", LogicalType::bigint()}})},
                         {"event_type", LogicalType::integer()}});
    TableSpec spec = table({{"events.num", "10"}}, schema);
    spec.filters = {{1, {Value::int64(2)}}};
    spec.projection = {{0, 2}, {1}};
    const auto source = nexmark().make_source(spec);
    EXPECT_EQ(
        source->name(),
        "TableSourceScan(table=[datagen, filter=[event_type IN (2)]], fields=[bid_auction, event_type])");
    SourceHarness harness(source);
    harness.drain();
    ASSERT_EQ(harness.rows.size(), 7U);
    EXPECT_TRUE(harness.rows[0].starts_with("1") && harness.rows[0].ends_with("|2")) << harness.rows[0];
}

TEST(Nexmark, RefusesWhatMakesNoSense) {
    const auto refuses = [](const TableSpec& spec, const std::string& part) {
        try {
            nexmark().make_source(spec);
            ADD_FAILURE() << "accepted, and should say " << part;
        } catch (const UserError& error) {
            EXPECT_NE((error.what() + error.problem().hint).find(part), std::string::npos) << error.what();
        }
    };
    refuses(table({{"bid.proportion", "-1"}}), "'bid.proportion' is -1");
    refuses(table({{"person.proportion", "0"}, {"auction.proportion", "0"}, {"bid.proportion", "0"}}),
            "are all 0");
    refuses(table({{"first-event.rate", "0"}}), "'first-event.rate'");
    refuses(table({{"base-time", "yesterday"}}), "'base-time' has the value 'yesterday'");
    refuses(table({{"base-time", "1969-12-31 00:00:00"}}), "'base-time'");
    refuses(table({{"generators", "0"}}), "'generators'");
    refuses(table({{"bid.avg-size", "1 gb"}}), "'bid.avg-size'");
    const auto schema = [](const char* name, LogicalType type) {
        return table({}, Schema({{name, std::move(type)}}));
    };
    refuses(schema("event", LogicalType::integer()), "no column 'event'");
    refuses(schema("event_type", LogicalType::bigint()), "'event_type' must be INT");
    refuses(schema("bid", LogicalType::bigint()), "'bid' must be a ROW");
    refuses(schema("bid", LogicalType::row({{"auction", LogicalType::bigint()}}).withNullable(false)),
            "nullable");
    refuses(schema("bid", LogicalType::row({{"seller", LogicalType::bigint()}})),
            "no field 'seller' in 'bid'");
    refuses(schema("bid", LogicalType::row({{"price", LogicalType::integer()}})), "must be BIGINT");
}

TEST(Nexmark, DamagedState) {
    const auto source = nexmark().make_source(table({}));
    SourceHarness harness(source);
    for (const char* state : {"", "1", "2 0 0 1 0 0", "1 0 0 1 0", "1 0 1 1 0 0", "1 -1 0 1 0 0",
                              "1 0 0 1 0 0 0", "1 0 0 0 0 0", "1 x 0 1 0 0"})
        EXPECT_THROW(harness.replaceReaders({{"0", state}}), UserError) << state;
    for (const char* state : {"", "1 1", "1 1 1 x"})
        EXPECT_THROW(source->createEnumerator(state), UserError) << state;
}

}  // namespace
}  // namespace millrace
