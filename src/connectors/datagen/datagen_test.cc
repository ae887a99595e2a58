#include <gtest/gtest.h>

#include "base/error.h"
#include "connectors/shared/source_test_harness.h"

namespace millrace {
namespace {

using Options = std::map<std::string, std::string>;

const ConnectorDescriptor& datagen() { return collectedConnector("datagen"); }

std::shared_ptr<const Source> source(const Schema& schema, Options options) {
    TableSpec spec;
    spec.name = "t";
    spec.schema = schema;
    spec.projectAll();
    spec.options = std::move(options);
    return datagen().make_source(spec);
}

TEST(Datagen, SequencesEndTheTable) {
    const Schema schema(
        {{"id", LogicalType::integer()}, {"s", LogicalType::string()}, {"d", LogicalType::decimal(6, 2)}});
    const auto bounded = source(schema, {{"fields.id.kind", "sequence"},
                                         {"fields.id.start", "-1"},
                                         {"fields.id.end", "2"},
                                         {"fields.s.kind", "sequence"},
                                         {"fields.s.start", "10"},
                                         {"fields.s.end", "99"},
                                         {"fields.d.kind", "sequence"},
                                         {"fields.d.start", "5"},
                                         {"fields.d.end", "99"}});
    EXPECT_EQ(bounded->boundedness(), Boundedness::Bounded);
    SourceHarness harness(bounded);
    harness.clock.advance(1000);
    harness.drain();
    harness.clock.advance(1000);
    EXPECT_EQ(harness.poll(), ReadStatus::More);
    EXPECT_EQ(harness.poll(), ReadStatus::EndOfInput);
    EXPECT_EQ(harness.rows, (std::vector<std::string>{"-1|10|5.00", "0|11|6.00", "1|12|7.00", "2|13|8.00"}));
}

TEST(Datagen, KeepsItsRate) {
    SourceHarness harness(source(Schema({{"id", LogicalType::bigint()}}), {{"rows-per-second", "500"}}));
    for (int i = 0; i < 1000; ++i) {
        harness.drain();
        ASSERT_GT(harness.wake.value(), harness.clock.now().value());
        harness.clock.advanceTo(harness.wake.value());
    }
    const double seconds =
        static_cast<double>(harness.clock.now().value() - VirtualClock().now().value()) / 1000;
    EXPECT_NEAR(static_cast<double>(harness.rows.size()), 500 * seconds, 6);
    harness.rows.clear();
    harness.clock.advance(3'600'000);  // a pause is not made up for
    harness.drain();
    EXPECT_NEAR(static_cast<double>(harness.rows.size()), 501, 1);
}

TEST(Datagen, RowsDependOnTheirNumberAlone) {
    const Schema schema(
        {{"n", LogicalType::bigint()},
         {"b", LogicalType::boolean()},
         {"s", LogicalType::of(TypeKind::Varchar)},
         {"d", LogicalType::decimal(30, 3)},
         {"f", LogicalType::doublePrecision()},
         {"a", LogicalType::array(LogicalType::integer())},
         {"m", LogicalType::map(LogicalType::string(), LogicalType::integer())},
         {"r", LogicalType::row({{"x", LogicalType::integer()}, {"y", LogicalType::string()}})}});
    const Options options = {
        {"number-of-rows", "100"},     {"rows-per-second", "1000000"}, {"seed", "7"},
        {"fields.n.min", "1"},         {"fields.n.max", "1000"},       {"fields.b.null-rate", "0.3"},
        {"fields.d.min", "-5.5"},      {"fields.d.max", "5.5"},        {"fields.m.key.length", "4"},
        {"fields.m.length", "2"},      {"fields.r.y.length", "5"},     {"fields.a.length", "2"},
        {"fields.a.element.max", "9"}, {"fields.a.element.min", "0"}};
    std::vector<std::string> expected;
    for (const uint32_t parallelism : {1U, 3U}) {
        for (const bool restored : {false, true}) {
            SourceHarness harness(source(schema, options), parallelism, parallelism, 8);
            harness.clock.advance(10);
            if (restored) {
                std::vector<SourceSplit> splits;
                for (size_t reader = 0; reader < parallelism; ++reader) {
                    harness.poll(reader);
                    for (const SourceSplit& split : harness.splits(reader))
                        splits.push_back(split);
                }
                harness.replaceReaders(splits);
            }
            for (int i = 0; i < 3; ++i) {
                harness.drain();
                harness.clock.advance(10);
            }
            std::sort(harness.rows.begin(), harness.rows.end());
            EXPECT_EQ(harness.rows.size(), 100U);
            if (expected.empty()) expected = harness.rows;
            EXPECT_EQ(harness.rows, expected);
        }
    }
}

TEST(Datagen, RefusesWhatMakesNoSense) {
    const Schema schema({{"id", LogicalType::integer()}, {"name", LogicalType::string()}});
    const auto refuses = [&](const Options& options, const std::string& part) {
        try {
            source(schema, options);
            ADD_FAILURE() << "accepted, and should say " << part;
        } catch (const UserError& error) {
            EXPECT_NE((error.what() + error.problem().hint).find(part), std::string::npos) << error.what();
        }
    };
    refuses({{"fields.idd.kind", "random"}}, "did you mean 'fields.id.kind'?");
    refuses({{"fields.id.kind", "serial"}}, "'fields.id.kind' has the value 'serial'");
    refuses({{"fields.id.kind", "sequence"}}, "'fields.id.start' is needed");
    refuses({{"fields.id.max", "3000000000"}}, "'fields.id.max' does not fit INT");
    refuses({{"fields.id.min", "5"}, {"fields.id.max", "4"}}, "'fields.id.min' is larger");
    refuses({{"fields.name.length", "-1"}}, "'fields.name.length'");
    refuses({{"fields.id.null-rate", "2"}}, "'fields.id.null-rate'");
    refuses({{"rows-per-second", "0"}}, "'rows-per-second'");
    EXPECT_NO_THROW(checkOptions("table 't'", {{"fields.a.b.kind", "random"}}, datagen().options));
    EXPECT_THROW(checkOptions("table 't'", {{"fields.a.knd", "random"}}, datagen().options), UserError);
}

}  // namespace
}  // namespace millrace
