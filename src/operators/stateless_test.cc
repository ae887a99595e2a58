// Calc, Expand, Union, DropUpdateBefore and WindowAssigner: one batch in, what comes out.
#include <gtest/gtest.h>

#include "operators/calc.h"
#include "operators/drop_update_before.h"
#include "operators/expand.h"
#include "operators/test_harness.h"
#include "operators/union.h"
#include "operators/window_assigner.h"

namespace millrace {
namespace {

using testing::batchOf;
using testing::OperatorHarness;
using Rows = std::vector<std::string>;

const Schema kSchema({{"a", LogicalType::bigint()}, {"b", LogicalType::string()}});

ExpressionPtr a() { return Expression::column(0, kSchema[0].type, "a"); }
ExpressionPtr b() { return Expression::column(1, kSchema[1].type, "b"); }
ExpressionPtr number(int64_t value) {
    return Expression::literal(Value::int64(value), LogicalType::bigint().withNullable(false));
}

Batch sample() {
    return batchOf(kSchema,
                   {{{Value::int64(1), Value::string("one")}, RowKind::Insert},
                    {{Value::int64(2), Value::null()}, RowKind::UpdateBefore},
                    {{Value::int64(3), Value::string("a text that is not inline")}, RowKind::UpdateAfter},
                    {{Value::null(), Value::string("four")}, RowKind::Delete}});
}

std::shared_ptr<Operator> calc(ExpressionPtr condition, std::vector<ExpressionPtr> projection) {
    std::vector<Field> fields;
    fields.reserve(projection.size());
    for (const ExpressionPtr& expression : projection) {
        fields.push_back({"c" + std::to_string(fields.size()), expression->type()});
    }
    return std::make_shared<Calc>(std::move(condition), std::move(projection), Schema(std::move(fields)));
}

TEST(Calc, ProjectsAndKeepsRowKinds) {
    OperatorHarness harness(calc(nullptr, {b(), Expression::call("+", {a(), number(10)}), a()}));
    harness.process(sample());
    EXPECT_EQ(harness.changes(), (Rows{"+I(one, 11, 1)", "-U(NULL, 12, 2)",
                                       "+U(a text that is not inline, 13, 3)", "-D(four, NULL, NULL)"}));
}

TEST(Calc, FiltersFirst) {
    OperatorHarness harness(
        calc(Expression::call(">", {a(), number(1)}), {Expression::call("*", {a(), number(2)}), b()}));
    harness.process(sample());  // NULL > 1 is not TRUE
    EXPECT_EQ(harness.changes(), (Rows{"-U(4, NULL)", "+U(6, a text that is not inline)"}));
}

TEST(Expand, RepeatsRowsForEachSetWithTheirKinds) {
    ExpandParameters parameters;
    parameters.columns = {{1, {true, false}}, {std::nullopt, {}}, {0, {}}};
    parameters.sets = 2;
    parameters.output = Schema(
        {kSchema[1], {"$e", LogicalType::bigint().withNullable(false)}, {"b0", LogicalType::bigint()}});
    OperatorHarness harness(std::make_shared<Expand>(std::move(parameters)));
    harness.process(sample());
    EXPECT_EQ(
        harness.changes(),
        (Rows{"+I(one, 0, 1)", "-U(NULL, 0, 2)", "+U(a text that is not inline, 0, 3)", "-D(four, 0, NULL)",
              "+I(NULL, 1, 1)", "-U(NULL, 1, 2)", "+U(NULL, 1, 3)", "-D(NULL, 1, NULL)"}));
}

TEST(Calc, NothingPasses) {
    OperatorHarness harness(calc(Expression::call(">", {a(), number(9)}), {a()}));
    harness.process(sample());
    EXPECT_TRUE(harness.output.events.empty());
}

TEST(Calc, WithoutColumnsRowsStillCount) {
    OperatorHarness harness(calc(Expression::call(">", {a(), number(1)}), {}));
    harness.process(sample());
    ASSERT_EQ(harness.output.batches.size(), 1u);
    EXPECT_EQ(harness.output.batches[0].rows(), 2u);
}

TEST(Union, TakesRowsFromEveryInput) {
    OperatorHarness harness(std::make_shared<Union>(2, kSchema, "test"));
    harness.process(batchOf(kSchema, {{{Value::int64(1), Value::string("x")}}}), 0);
    harness.process(batchOf(kSchema, {{{Value::int64(2), Value::null()}, RowKind::Delete}}), 1);
    EXPECT_EQ(harness.changes(), (Rows{"+I(1, x)", "-D(2, NULL)"}));
}

TEST(DropUpdateBefore, DropsOrDeletes) {
    OperatorHarness drops(std::make_shared<DropUpdateBefore>(kSchema, DropUpdateBefore::Mode::Drop));
    drops.process(sample());
    EXPECT_EQ(drops.changes(), (Rows{"+I(1, one)", "+U(3, a text that is not inline)", "-D(NULL, four)"}));
    OperatorHarness deletes(std::make_shared<DropUpdateBefore>(kSchema, DropUpdateBefore::Mode::AsDelete));
    deletes.process(sample());
    EXPECT_EQ(deletes.changes()[1], "-D(2, NULL)");
}

Schema windowed(const Field& time) {
    return Schema({time,
                   {"window_start", LogicalType::timestamp(3)},
                   {"window_end", LogicalType::timestamp(3)},
                   {"window_time", time.type}});
}

TEST(WindowAssigner, OneRowForEachWindow) {
    const Field time{"ts", LogicalType::timestamp(3)};
    OperatorHarness harness(std::make_shared<WindowAssigner>(Windows{WindowShape::Hop, 10'000, 5'000, 0}, 0,
                                                             false, windowed(time), "test"));
    harness.process(batchOf(Schema({time}), {{{Value::int64(7'000'000)}}, {{Value::int64(-1'000)}}}));
    EXPECT_EQ(harness.changes(),
              (Rows{"+I(1970-01-01 00:00:07.000, 1970-01-01 00:00:00.000, 1970-01-01 00:00:10.000, "
                    "1970-01-01 00:00:09.999)",
                    "+I(1970-01-01 00:00:07.000, 1970-01-01 00:00:05.000, 1970-01-01 00:00:15.000, "
                    "1970-01-01 00:00:14.999)",
                    "+I(1969-12-31 23:59:59.999, 1969-12-31 23:59:50.000, 1970-01-01 00:00:00.000, "
                    "1969-12-31 23:59:59.999)",
                    "+I(1969-12-31 23:59:59.999, 1969-12-31 23:59:55.000, 1970-01-01 00:00:05.000, "
                    "1970-01-01 00:00:04.999)"}));
}

TEST(WindowAssigner, WindowsOverInstantsFollowTheSessionsZone) {
    const Field time{"ts", LogicalType::timestampLtz(3)};
    Configuration configuration;
    configuration.set("table.local-time-zone", "Asia/Shanghai");
    constexpr int64_t kDay = 86'400'000;
    OperatorHarness harness(std::make_shared<WindowAssigner>(Windows{WindowShape::Tumble, kDay, kDay, 0}, 0,
                                                             true, windowed(time), "test"),
                            {}, 1, {}, configuration);
    harness.process(
        batchOf(Schema({time}), {{{Value::int64(17 * 3600 * 1'000'000LL)}}}));  // 01:00 of the next day
    ASSERT_EQ(harness.output.batches.size(), 1u);
    const Batch& batch = harness.output.batches[0];
    EXPECT_EQ(batch.column(1)->textAt(0), "1970-01-02 00:00:00.000");
    EXPECT_EQ(batch.column(3)->data<int64_t>()[0],
              (40 * 3600 * 1000LL - 1) * 1000);  // its last instant, in UTC
}

}  // namespace
}  // namespace millrace
