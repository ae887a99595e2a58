#include "operators/unnest.h"

#include <gtest/gtest.h>

#include "operators/test_harness.h"

namespace millrace {
namespace {

using testing::batchOf;
using testing::OperatorHarness;
using testing::TestRow;
using Rows = std::vector<std::string>;
using From = UnnestColumn::From;

TestRow row(int id, const Value& collection, RowKind kind = RowKind::Insert) {
    return {{Value::int64(id), collection}, kind};
}

OperatorHarness unnest(const LogicalType& collection, std::vector<UnnestColumn> columns, bool keeps_rows) {
    UnnestParameters parameters;
    parameters.collection = 1;
    parameters.columns = std::move(columns);
    parameters.keeps_rows = keeps_rows;
    std::vector<Field> fields;
    const std::vector<Field> elements = unnestedFields(collection);
    for (const UnnestColumn& column : parameters.columns) {
        const LogicalType type = column.from == From::Input || column.from == From::Ordinal
                                     ? LogicalType::integer()
                                     : elements[column.index].type.withNullable(true);
        fields.push_back({fmt::format("c{}", fields.size()), type});
    }
    parameters.output = Schema(std::move(fields));
    return OperatorHarness(std::make_shared<Unnest>(std::move(parameters)));
}

TEST(Unnest, RowsComeOnceForEachElementWithTheirKind) {
    const LogicalType type = LogicalType::array(LogicalType::string());
    const Schema schema({{"id", LogicalType::integer()}, {"a", type}});
    const Value two = Value::list({Value::string("x"), Value::null()});
    const Batch batch = batchOf(schema, {row(1, two, RowKind::UpdateBefore), row(2, Value::list({})),
                                         row(3, Value::null()), row(4, Value::list({Value::string("y")}))});
    OperatorHarness inner = unnest(type, {{From::Input, 0}, {From::Element, 0}, {From::Ordinal, 0}}, false);
    inner.process(batch);
    EXPECT_EQ(inner.changes(), (Rows{"-U(1, x, 1)", "-U(1, NULL, 2)", "+I(4, y, 1)"}));
    OperatorHarness left = unnest(type, {{From::Element, 0}, {From::Input, 0}, {From::Ordinal, 0}}, true);
    left.process(batch);
    EXPECT_EQ(left.changes(), (Rows{"-U(x, 1, 1)", "-U(NULL, 1, 2)", "+I(NULL, 2, NULL)", "+I(NULL, 3, NULL)",
                                    "+I(y, 4, 1)"}));
}

TEST(Unnest, RowsBecomeTheirFields) {
    const LogicalType element =
        LogicalType::row({{"p", LogicalType::integer()}, {"q", LogicalType::string()}});
    const LogicalType type = LogicalType::array(element);
    const Schema schema({{"id", LogicalType::integer()}, {"r", type}});
    OperatorHarness harness = unnest(type, {{From::Field, 1}, {From::Field, 0}}, false);
    const Value full = Value::list({Value::int64(7), Value::string("seven")});
    harness.process(batchOf(schema, {row(1, Value::list({full, Value::null(), full}))}));
    EXPECT_EQ(harness.changes(), (Rows{"+I(seven, 7)", "+I(NULL, NULL)", "+I(seven, 7)"}));
}

TEST(Unnest, LongCollectionsGoOutInParts) {
    const LogicalType type = LogicalType::array(LogicalType::integer());
    const Schema schema({{"id", LogicalType::integer()}, {"a", type}});
    std::vector<Value> values;
    for (int i = 0; i < 10'000; ++i)
        values.push_back(Value::int64(i));
    OperatorHarness harness = unnest(type, {{From::Element, 0}}, false);
    harness.process(batchOf(schema, {row(1, Value::list(values)), row(2, Value::list(values))}));
    size_t rows = 0;
    for (const Batch& batch : harness.output.batches) {
        EXPECT_LE(batch.rows(), 4096U);
        rows += batch.rows();
    }
    EXPECT_EQ(rows, 20'000U);
}

}  // namespace
}  // namespace millrace
