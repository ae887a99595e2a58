#include <gtest/gtest.h>

#include <cmath>

#include "expr/expression_test_support.h"
#include "types/coercion.h"

namespace millrace {
namespace {

using namespace testing_support;

std::string cast(const char* from, const char* value, const char* to, const char* zone = "UTC") {
    FunctionContext context;
    context.time_zone = zone;
    const ExpressionPtr source = typed(from, value);
    try {
        return shown(Expression::cast(source, LogicalType::parse(to)), context);
    } catch (const UserError& error) {
        return error.code();
    }
}

TEST(Cast, FromText) {
    EXPECT_EQ(cast("STRING", " 42 ", "INT"), "42");
    EXPECT_EQ(cast("STRING", "1.9", "INT"), "1");
    EXPECT_EQ(cast("STRING", "-128", "TINYINT"), "-128");
    EXPECT_EQ(cast("STRING", "128", "TINYINT"), "data.bad-cast");
    EXPECT_EQ(cast("STRING", "9223372036854775808", "BIGINT"), "data.bad-cast");
    EXPECT_EQ(cast("STRING", "", "INT"), "data.bad-cast");
    EXPECT_EQ(cast("STRING", "1x", "DOUBLE"), "data.bad-cast");
    EXPECT_EQ(cast("STRING", "1e3", "DOUBLE"), "1000.0");
    EXPECT_EQ(cast("STRING", "12.345", "DECIMAL(5, 2)"), "12.35");
    EXPECT_EQ(cast("STRING", "Yes", "BOOLEAN"), "TRUE");
    EXPECT_EQ(cast("STRING", "0", "BOOLEAN"), "FALSE");
    EXPECT_EQ(cast("STRING", "maybe", "BOOLEAN"), "data.bad-cast");
    EXPECT_EQ(cast("STRING", "2024-02-29", "DATE"), "2024-02-29");
    EXPECT_EQ(cast("STRING", "2023-02-29", "DATE"), "data.bad-cast");
    EXPECT_EQ(cast("STRING", "1969-12-31 12:00:00", "DATE"), "1969-12-31");
    EXPECT_EQ(cast("STRING", "2024-02-29 12:34:56.789123", "TIMESTAMP(3)"), "2024-02-29 12:34:56.789");
    EXPECT_EQ(cast("STRING", "12:34:56", "TIME(0)"), "12:34:56");
    EXPECT_EQ(cast("STRING", "naïve😀text", "VARCHAR(6)"), "naïve😀");
    EXPECT_EQ(cast("STRING", "ab", "CHAR(4)"), "ab  ");
    EXPECT_EQ(cast("STRING", "abcdef", "CHAR(4)"), "abcd");
}

TEST(Cast, Numbers) {
    EXPECT_EQ(cast("BIGINT", "4294967297", "INT"), "1");
    EXPECT_EQ(cast("INT", "300", "TINYINT"), "44");
    EXPECT_EQ(cast("DOUBLE", "1e20", "BIGINT"), "9223372036854775807");
    EXPECT_EQ(cast("DOUBLE", "1e20", "INT"), "2147483647");
    EXPECT_EQ(cast("DOUBLE", "-1.9", "INT"), "-1");
    EXPECT_EQ(cast("DOUBLE", "NaN", "INT"), "0");
    EXPECT_EQ(cast("DOUBLE", "0.1", "DECIMAL(3, 2)"), "0.10");
    EXPECT_EQ(cast("DOUBLE", "NaN", "DECIMAL(3, 2)"), "NULL");
    EXPECT_EQ(cast("DECIMAL(10, 2)", "99999.99", "DECIMAL(5, 1)"), "NULL");
    EXPECT_EQ(cast("DECIMAL(10, 2)", "-2.55", "DECIMAL(5, 1)"), "-2.6");
    EXPECT_EQ(cast("DECIMAL(10, 2)", "-2.55", "INT"), "-2");
    EXPECT_EQ(cast("DECIMAL(10, 2)", "2.55", "DOUBLE"), "2.55");
    EXPECT_EQ(cast("INT", "5", "DECIMAL(20, 2)"), "5.00");
    EXPECT_EQ(cast("INT", "500", "DECIMAL(4, 2)"), "NULL");
    EXPECT_EQ(cast("BOOLEAN", "true", "INT"), "1");
    EXPECT_EQ(cast("INT", "-3", "BOOLEAN"), "TRUE");
    EXPECT_EQ(cast("BOOLEAN", "false", "STRING"), "FALSE");
    EXPECT_EQ(cast("FLOAT", "0.1", "STRING"), "0.1");
    EXPECT_EQ(cast("DECIMAL(30, 5)", "-0.5", "STRING"), "-0.50000");
}

TEST(Cast, Times) {
    EXPECT_EQ(cast("TIMESTAMP(3)", "1969-12-31 23:59:59.999", "DATE"), "1969-12-31");
    EXPECT_EQ(cast("TIMESTAMP(3)", "1969-12-31 23:59:59.999", "TIME(3)"), "23:59:59.999");
    EXPECT_EQ(cast("TIMESTAMP(6)", "1969-12-31 23:59:59.999999", "TIMESTAMP(0)"), "1969-12-31 23:59:59");
    EXPECT_EQ(cast("DATE", "2024-02-29", "TIMESTAMP(3)"), "2024-02-29 00:00:00.000");
    EXPECT_EQ(cast("DATE", "2024-02-29", "STRING"), "2024-02-29");
    EXPECT_EQ(cast("TIMESTAMP(3)", "2024-02-29 01:02:03", "STRING"), "2024-02-29 01:02:03.000");
    EXPECT_EQ(errorCode([] { return Expression::cast(integer(1), LogicalType::timestamp(3)); }),
              "sql.bad-cast");
}

TEST(Cast, SessionTimeZone) {
    const auto instantIn = [](const char* local, const char* zone) {
        return cast("TIMESTAMP(3)", local, "TIMESTAMP_LTZ(3)", zone);
    };
    EXPECT_EQ(instantIn("2024-01-15 12:00:00", "Europe/Berlin"), "2024-01-15 11:00:00.000");
    EXPECT_EQ(instantIn("2024-07-15 12:00:00", "Europe/Berlin"), "2024-07-15 10:00:00.000");
    EXPECT_EQ(instantIn("2024-07-15 12:00:00", "GMT+08:00"), "2024-07-15 04:00:00.000");
    // Skipped: 02:30 becomes 03:30 summer time. Twice: the first, still summer time.
    EXPECT_EQ(instantIn("2024-03-31 02:30:00", "Europe/Berlin"), "2024-03-31 01:30:00.000");
    EXPECT_EQ(instantIn("2024-10-27 02:30:00", "Europe/Berlin"), "2024-10-27 00:30:00.000");
    EXPECT_EQ(instantIn("2024-07-15 12:00:00", "Mars/Olympus"), "config.bad-time-zone");

    // A whole year of instants, there and back, in both orders, so that the remembered stretch is left and
    // entered.
    const auto column = Expression::column(0, LogicalType::timestampLtz(3), "t");
    const auto local = Expression::cast(column, LogicalType::timestamp(3));
    ExpressionExecutor executor({local, Expression::cast(local, LogicalType::timestampLtz(3)),
                                 Expression::cast(column, LogicalType::string())});
    std::vector<Value> instants;
    for (int64_t hour = 0; hour < 366 * 24; ++hour)
        instants.push_back(Value::int64((1704067200 + hour * 3600) * 1000000));
    for (const bool reversed : {false, true}) {
        if (reversed) std::reverse(instants.begin(), instants.end());
        FunctionContext context;
        context.time_zone = "America/New_York";
        const Batch batch(instants.size(), {Column::of(LogicalType::timestampLtz(3), instants)});
        const auto columns = executor.evaluate(context, batch);
        size_t different = 0;
        for (size_t i = 0; i < instants.size(); ++i) {
            const int64_t offset = (columns[0]->valueAt(i).asInt64() - instants[i].asInt64()) / 3'600'000'000;
            const bool summer =
                instants[i].asInt64() >= 1710054000000000 && instants[i].asInt64() < 1730613600000000;
            ASSERT_EQ(offset, summer ? -4 : -5) << instants[i].asInt64();
            different += columns[1]->valueAt(i) != instants[i];
        }
        EXPECT_EQ(different, 1U);  // the hour that occurs twice
        EXPECT_EQ(columns[2]->textAt(reversed ? 366 * 24 - 1 : 0), "2023-12-31 19:00:00.000");
    }
}

TEST(Cast, TryGivesNull) {
    const auto tried = [](const char* value, const char* to) {
        return shown(Expression::tryCast(text(value), LogicalType::parse(to)));
    };
    EXPECT_EQ(tried("x", "INT"), "NULL");
    EXPECT_EQ(tried("7", "INT"), "7");
    EXPECT_EQ(tried("2023-02-29", "TIMESTAMP(3)"), "2023-02-28 00:00:00.000");  // as Flink does
    EXPECT_EQ(tried("2023-02-32", "TIMESTAMP(3)"), "NULL");
    EXPECT_TRUE(Expression::tryCast(text("7"), LogicalType::integer())->kind() == ExpressionKind::Literal);
}

TEST(Cast, EveryAllowedPairOfFlatTypesRunsAndGoesThere) {
    const char* const types[] = {"BOOLEAN",
                                 "TINYINT",
                                 "SMALLINT",
                                 "INT",
                                 "BIGINT",
                                 "FLOAT",
                                 "DOUBLE",
                                 "DECIMAL(10, 2)",
                                 "DECIMAL(30, 5)",
                                 "CHAR(5)",
                                 "VARCHAR(9)",
                                 "STRING",
                                 "BINARY(3)",
                                 "BYTES",
                                 "DATE",
                                 "TIME(0)",
                                 "TIMESTAMP(3)",
                                 "TIMESTAMP(6)",
                                 "TIMESTAMP_LTZ(3)",
                                 "INTERVAL YEAR TO MONTH",
                                 "INTERVAL DAY TO SECOND"};
    Random random(6);
    size_t pairs = 0;
    for (const char* from_name : types) {
        for (const char* to_name : types) {
            const LogicalType from = LogicalType::parse(from_name);
            const LogicalType to = LogicalType::parse(to_name);
            if (!canCastExplicitly(from, to)) continue;
            const auto column =
                Column::of(from, from.isInterval() ? std::vector<Value>{Value::int64(13), Value::null()}
                                                   : randomColumn(from, 50, random));
            ExpressionExecutor executor({Expression::tryCast(Expression::column(0, from, "c"), to)});
            const auto result = executor.evaluate({}, Batch(column->size(), {column}))[0];
            ASSERT_TRUE(result->type().sameIgnoringNullable(to)) << from_name << " to " << to_name;
            for (size_t i = 0; i < column->size(); ++i) {
                ASSERT_TRUE(!column->isNull(i) || result->isNull(i)) << from_name << " to " << to_name;
            }
            ++pairs;
        }
    }
    EXPECT_GT(pairs, 200U);
}

TEST(Cast, NestedPartByPart) {
    const LogicalType from = LogicalType::parse("ROW<`a` INT, `b` ARRAY<STRING>>");
    const LogicalType to = LogicalType::parse("ROW<`x` STRING, `y` ARRAY<INT>>");
    const Value row =
        Value::list({Value::int64(7), Value::list({Value::string("1"), Value::null(), Value::string("22")})});
    EXPECT_EQ(shown(Expression::cast(Expression::literal(row, from), to)), "(7, [1, NULL, 22])");
    EXPECT_EQ(shown(Expression::cast(Expression::literal(row, from), LogicalType::string())),
              "(7, [1, NULL, 22])");
}

}  // namespace
}  // namespace millrace
