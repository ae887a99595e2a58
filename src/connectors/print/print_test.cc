#include <gtest/gtest.h>

#include "connectors/print/row_text.h"

namespace millrace {
namespace {

TEST(Print, RowsLookAsInFlink) {
    const Schema schema(
        {{"i", LogicalType::integer()},
         {"s", LogicalType::string()},
         {"d", LogicalType::doublePrecision()},
         {"n", LogicalType::decimal(10, 2)},
         {"t", LogicalType::timestamp(6)},
         {"z", LogicalType::timestampLtz(3)},
         {"c", LogicalType::of(TypeKind::Time)},
         {"b", LogicalType::of(TypeKind::Varbinary)},
         {"a", LogicalType::array(LogicalType::integer())},
         {"m", LogicalType::map(LogicalType::string(), LogicalType::boolean())},
         {"r", LogicalType::row({{"x", LogicalType::integer()}, {"y", LogicalType::string()}})}});
    BatchBuilder builder(schema);
    builder.appendRow(std::vector<Value>{Value::int64(1), Value::string("hello, you"), Value::float64(1e10),
                                         Value::int64(1250), Value::int64(0), Value::int64(1'500'000),
                                         Value::int64(45'296'000), Value::string("a\xFF"),
                                         Value::list({Value::int64(1), Value::null()}),
                                         Value::list({Value::string("k"), Value::boolean(true)}),
                                         Value::list({Value::int64(7), Value::string("q")})},
                      RowKind::UpdateAfter);
    builder.appendRow(std::vector<Value>(schema.size()), RowKind::Delete);
    const Batch batch = builder.finish();
    std::string out;
    appendRowText(batch, 0, schema, out);
    EXPECT_EQ(out,
              "+U[1, hello, you, 1.0E10, 12.50, 1970-01-01T00:00, 1970-01-01T00:00:01.500Z, 12:34:56, [97, "
              "-1], [1, null], "
              "{k=true}, +I[7, q]]");
    out.clear();
    appendRowText(batch, 1, schema, out);
    EXPECT_EQ(out, "-D[null, null, null, null, null, null, null, null, null, null, null]");
}

}  // namespace
}  // namespace millrace
