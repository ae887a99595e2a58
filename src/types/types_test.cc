#include <gtest/gtest.h>

#include <cmath>

#include "base/error.h"
#include "base/random.h"
#include "types/calendar.h"
#include "types/coercion.h"
#include "types/decimal.h"
#include "types/floating.h"
#include "types/integers.h"
#include "types/logical_type.h"
#include "types/value.h"
#include "types/variant.h"

namespace millrace {
namespace {

TEST(Calendar, DaysAndDatesAreInverse) {
    EXPECT_EQ(daysFromCivil(1970, 1, 1), 0);
    EXPECT_EQ(daysFromCivil(2000, 2, 29), 11016);
    EXPECT_EQ(daysFromCivil(1969, 12, 31), -1);
    CivilDate date{-400, 1, 1};
    for (int64_t days = daysFromCivil(-400, 1, 1); days < daysFromCivil(2500, 1, 1); ++days) {
        const CivilDate back = civilFromDays(days);
        ASSERT_EQ(back.year, date.year);
        ASSERT_EQ(back.month, date.month);
        ASSERT_EQ(back.day, date.day);
        if (++date.day > daysInMonth(date.year, date.month)) {
            date.day = 1;
            if (++date.month > 12) {
                date.month = 1;
                ++date.year;
            }
        }
    }
}

TEST(Calendar, Formats) {
    EXPECT_EQ(formatTimestamp(0), "1970-01-01 00:00:00");
    EXPECT_EQ(formatTimestamp(-1), "1969-12-31 23:59:59.999999");
    EXPECT_EQ(formatTimestamp(1'500'000), "1970-01-01 00:00:01.500");
    EXPECT_EQ(formatTimestamp(1'500'010), "1970-01-01 00:00:01.500010");
    EXPECT_EQ(formatTimestamp(1'500'010, 3), "1970-01-01 00:00:01.500");
    EXPECT_EQ(formatTimestamp(1'000'010, 3), "1970-01-01 00:00:01");
    EXPECT_EQ(formatTimestamp(1'500'010, 0), "1970-01-01 00:00:01");
    EXPECT_EQ(formatDate(11016), "2000-02-29");
    EXPECT_EQ(formatTime(86'399'007, 3), "23:59:59.007");
    EXPECT_EQ(formatTime(86'399'007), "23:59:59");
    char text[48];
    EXPECT_EQ(std::string(text, appendTimestampFixed(text, TimePoint{}, 3)), "1970-01-01 00:00:00.000");
}

TEST(Calendar, Parses) {
    EXPECT_EQ(parseTimestamp("2000-02-29 01:02:03.45"), (11016 * 86400LL + 3723) * 1000000 + 450000);
    EXPECT_EQ(parseTimestamp("2000-02-29T01:02"), (11016 * 86400LL + 3720) * 1000000);
    EXPECT_EQ(parseTimestamp("2000-02-29"), 11016 * kMicrosPerDay);
    EXPECT_EQ(parseTimestamp("1969-12-31 23:59:59.999999"), -1);
    EXPECT_EQ(parseTimestamp("1970-01-01 00:00:00.123456789"), 123456);
    EXPECT_EQ(parseDate("2000-2-9"), daysFromCivil(2000, 2, 9));
    EXPECT_EQ(parseTime("12:30"), 45'000'000);
    for (const char* bad :
         {"", "2001-02-29", "2001-13-01", "2001-01-01 24:00:00", "2001-01-01 1", "2001-01-01x",
          "2001-01-01 00:00:00Z", "abc", "2001-01-01 00:60:00", "2001/01/01"}) {
        EXPECT_FALSE(parseTimestamp(bad)) << bad;
    }
    EXPECT_EQ(parseTimePoint("0001-01-01 00:00:00.000000001"), (TimePoint{-62'135'596'800'000'000, 1}));
    EXPECT_EQ(parseTimePoint("1969-12-31 23:59:59.999999999"), (TimePoint{-1, 999}));
    EXPECT_EQ(formatTimestamp(TimePoint{-1, 999}, 9), "1969-12-31 23:59:59.999999999");
    EXPECT_EQ(formatTimestamp(TimePoint{0, 120}, 9), "1970-01-01 00:00:00.000000120");
    EXPECT_EQ(formatTimestamp(TimePoint{0, 120}, 6), "1970-01-01 00:00:00");
    EXPECT_EQ(formatTimestamp(TimePoint{1500, 0}, 9), "1970-01-01 00:00:00.001500");
    Random random(1);
    for (int i = 0; i < 10000; ++i) {
        const auto micros = static_cast<int64_t>(random.next()) >> 10;
        ASSERT_EQ(parseTimestamp(formatTimestamp(micros)), micros);
    }
}

TEST(Calendar, TimePointsAreNanosecondsOfTwoParts) {
    Random random(3);
    for (int i = 0; i < 10000; ++i) {
        const TimePoint time{static_cast<int64_t>(random.next()) >> 8,
                             static_cast<int64_t>(random.below(1000))};
        const Int128 nanos = time.inNanos();
        ASSERT_EQ(TimePoint::ofNanos(nanos), time);
        for (int precision = 0; precision <= 9; ++precision) {
            const Int128 unit = kNanosOfDigits[precision];
            const Int128 cut = nanos - (nanos % unit + unit) % unit;
            ASSERT_EQ(time.cutTo(precision), TimePoint::ofNanos(cut)) << precision;
        }
    }
    EXPECT_EQ(LogicalType::timestamp(6).physical(), PhysicalType::Int64);
    EXPECT_EQ(LogicalType::timestampLtz(7).physical(), PhysicalType::Int128);
    EXPECT_EQ(LogicalType::parse("TIMESTAMP(9) NOT NULL").toString(), "TIMESTAMP(9) NOT NULL");
}

TEST(Floating, IsJavas) {
    EXPECT_EQ(formatDouble(1), "1.0");
    EXPECT_EQ(formatDouble(-0.0), "-0.0");
    EXPECT_EQ(formatDouble(0.001), "0.001");
    EXPECT_EQ(formatDouble(0.00099), "9.9E-4");
    EXPECT_EQ(formatDouble(9999999), "9999999.0");
    EXPECT_EQ(formatDouble(1e7), "1.0E7");
    EXPECT_EQ(formatDouble(1.5e300), "1.5E300");
    EXPECT_EQ(formatDouble(std::nan("")), "NaN");
    EXPECT_EQ(formatDouble(-HUGE_VAL), "-Infinity");
    EXPECT_EQ(formatFloat(0.1F), "0.1");
    EXPECT_EQ(parseDouble("1e3"), 1000.0);
    EXPECT_EQ(parseDouble("+.5"), 0.5);
    EXPECT_EQ(parseDouble("-Infinity"), -HUGE_VAL);
    EXPECT_EQ(parseDouble("1e999"), HUGE_VAL);
    EXPECT_FALSE(parseDouble("1x"));
    EXPECT_FALSE(parseDouble("inf"));
    EXPECT_FALSE(parseDouble("--1"));
    Random random(2);
    for (int i = 0; i < 10000; ++i) {
        double value = 0;
        const uint64_t bits = random.next();
        std::memcpy(&value, &bits, 8);
        if (!std::isfinite(value)) continue;
        ASSERT_EQ(parseDouble(formatDouble(value)), value);
    }
}

TEST(Decimal, ParseAndFormat) {
    EXPECT_EQ(formatDecimal(-5, 2), "-0.05");
    EXPECT_EQ(formatDecimal(0, 0), "0");
    EXPECT_EQ(formatDecimal(powerOfTen(38) - 1, 38), "0." + std::string(38, '9'));
    EXPECT_EQ(parseDecimal("12.345", 10, 2), Int128(1235));
    EXPECT_EQ(parseDecimal("-12.345", 10, 2), Int128(-1235));
    EXPECT_EQ(parseDecimal("1.2e3", 10, 2), Int128(120000));
    EXPECT_EQ(parseDecimal("1e-3", 10, 2), Int128(0));
    EXPECT_EQ(parseDecimal("99.99", 3, 1), std::nullopt);
    EXPECT_EQ(parseDecimal("99.95", 3, 1), std::nullopt);
    EXPECT_EQ(parseDecimal(std::string(38, '9'), 38, 0), powerOfTen(38) - 1);
    EXPECT_EQ(parseDecimal(std::string(39, '9'), 38, 0), std::nullopt);
    EXPECT_EQ(parseDecimal("0." + std::string(60, '3'), 38, 2), Int128(33));
    for (const char* bad : {"", ".", "1.2.3", "1e", "1e+", "x", "1x", "--1", " 1"})
        EXPECT_FALSE(parseDecimal(bad, 10, 2)) << bad;
    EXPECT_EQ(decimalFromDouble(0.1, 20, 18), Int128(100000000000000000));
    EXPECT_EQ(decimalToDouble(12345, 2), 123.45);
}

TEST(Decimal, Arithmetic) {
    EXPECT_EQ(rescaleDecimal(125, 2, 1, 10), Int128(13));
    EXPECT_EQ(rescaleDecimal(-125, 2, 1, 10), Int128(-13));
    EXPECT_EQ(rescaleDecimal(124, 2, 1, 10), Int128(12));
    EXPECT_EQ(rescaleDecimal(powerOfTen(37), 0, 2, 38), std::nullopt);
    EXPECT_EQ(divideDecimal(1, 0, 3, 0, 38, 6), Int128(333333));
    EXPECT_EQ(divideDecimal(-2, 0, 3, 0, 38, 6), Int128(-666667));
    EXPECT_EQ(divideDecimal(powerOfTen(37), 0, powerOfTen(37), 0, 38, 6), Int128(1000000));
    EXPECT_EQ(divideDecimal(powerOfTen(37), 0, 1, 6, 38, 6), std::nullopt);
    EXPECT_EQ(multiplyDecimal(powerOfTen(30), powerOfTen(30), 40, 38, 6), powerOfTen(26));
    EXPECT_EQ(multiplyDecimal(15, 15, 2, 38, 1), Int128(23));  // 2.25 -> 2.3
    // Against long arithmetic on doubles of exactly known size.
    Random random(3);
    for (int i = 0; i < 10000; ++i) {
        const auto a = static_cast<int64_t>(random.below(1000000));
        const auto b = static_cast<int64_t>(random.below(1000000)) + 1;
        const int64_t expected = (a * 100 * 2 + b) / (b * 2);
        ASSERT_EQ(divideDecimal(a, 0, b, 0, 38, 2), Int128(expected));
        ASSERT_EQ(divideDecimal(Int128(a) * powerOfTen(30), 30, Int128(b) * powerOfTen(30), 30, 38, 2),
                  Int128(expected));
    }
}

TEST(Decimal, ResultTypes) {
    const auto d = [](int p, int s) { return LogicalType::decimal(p, s); };
    EXPECT_EQ(decimalAddType(d(10, 2), d(5, 4)), d(13, 4));
    EXPECT_EQ(decimalMultiplyType(d(10, 2), d(5, 4)), d(16, 6));
    EXPECT_EQ(decimalDivideType(d(10, 2), d(5, 4)), d(20, 8));
    EXPECT_EQ(decimalModuloType(d(10, 2), d(5, 4)), d(5, 4));
    EXPECT_EQ(decimalMultiplyType(d(38, 10), d(38, 10)), d(38, 6));
    EXPECT_EQ(decimalAddType(d(10, 2), LogicalType::integer()), d(13, 2));
    EXPECT_EQ(decimalSumType(d(10, 2)), d(38, 2));
    EXPECT_EQ(decimalAvgType(d(10, 2)), d(38, 6));
    EXPECT_EQ(decimalRoundType(d(10, 4), 2), d(9, 2));
}

TEST(Variant, DoublesAreShownWithoutTheExponentThatTellsThem) {
    EXPECT_EQ(variantToJson("1.5E0"), "1.5");
    EXPECT_EQ(variantToJson("[1,-2.0E0,1.0E10,1.5E-7]"), "[1,-2.0,1.0E10,1.5E-7]");
    EXPECT_EQ(variantToJson(R"({"1.5E0":"x\\\"E0","E0":3.0E0})"), R"({"1.5E0":"x\\\"E0","E0":3.0})");
    EXPECT_EQ(Value::string("[1.5E0]").toString(LogicalType::of(TypeKind::Variant)), "[1.5]");
}

TEST(LogicalType, ClassesOfRowsAreOtherTypes) {
    const LogicalType a = LogicalType::structured("a", {{"x", LogicalType::integer()}});
    const LogicalType b = LogicalType::structured("b", {{"x", LogicalType::integer()}});
    const LogicalType row = LogicalType::row({{"x", LogicalType::integer()}});
    EXPECT_FALSE(a.sameIgnoringNullable(b));
    EXPECT_NE(a, row);
    EXPECT_FALSE(canCastImplicitly(a, b));
    EXPECT_TRUE(canCastImplicitly(row, a));
    EXPECT_TRUE(canCastExplicitly(a, b));
    const LogicalType both[] = {a, b};
    EXPECT_FALSE(commonType(both).has_value());
}

TEST(LogicalType, TextRoundTrips) {
    for (const char* text : {"NULL",
                             "VARIANT",
                             "VARIANT NOT NULL",
                             "STRUCTURED<'com.example.It''s', `a` INT, `b ``c` ARRAY<VARIANT>> NOT NULL",
                             "ROW<`s` STRUCTURED<'x', `a` INT>>",
                             "BOOLEAN",
                             "TINYINT",
                             "SMALLINT",
                             "INT NOT NULL",
                             "BIGINT",
                             "FLOAT",
                             "DOUBLE",
                             "DECIMAL(10, 2) NOT NULL",
                             "CHAR(3)",
                             "VARCHAR(20)",
                             "STRING",
                             "BINARY(2)",
                             "VARBINARY(7)",
                             "BYTES",
                             "DATE",
                             "TIME(0)",
                             "TIMESTAMP(3)",
                             "TIMESTAMP_LTZ(6) NOT NULL",
                             "INTERVAL YEAR TO MONTH",
                             "INTERVAL DAY TO SECOND",
                             "ARRAY<INT NOT NULL>",
                             "MAP<STRING, ROW<`a` INT, `b``c` STRING>>",
                             "MULTISET<STRING>",
                             "ROW<>"}) {
        EXPECT_EQ(LogicalType::parse(text).toString(), text);
        EXPECT_EQ(LogicalType::parse(text), LogicalType::parse(LogicalType::parse(text).toString()));
    }
    for (const char* bad :
         {"", "INTO", "DECIMAL(", "ARRAY<INT", "ROW<a INT>", "INT NOT", "DECIMAL(99999999999)", "INT x"}) {
        try {
            LogicalType::parse(bad);
            FAIL() << bad;
        } catch (const UserError& error) {
            EXPECT_EQ(error.code(), "type.bad-text") << bad;
        }
    }
    EXPECT_THROW(LogicalType::decimal(39, 0), UserError);
    EXPECT_THROW(LogicalType::parse("DECIMAL(5, 6)"), UserError);
    EXPECT_NE(LogicalType::integer(), LogicalType::integer().withNullable(false));
    EXPECT_TRUE(LogicalType::parse("ARRAY<INT>")
                    .sameIgnoringNullable(LogicalType::parse("ARRAY<INT NOT NULL> NOT NULL")));
}

TEST(Coercion, CommonTypes) {
    const auto common = [](const char* a, const char* b) {
        const std::vector<LogicalType> types = {LogicalType::parse(a), LogicalType::parse(b)};
        const auto result = commonType(types);
        return result ? result->toString() : "none";
    };
    EXPECT_EQ(common("INT", "BIGINT NOT NULL"), "BIGINT");
    EXPECT_EQ(common("INT NOT NULL", "NULL"), "INT");
    EXPECT_EQ(common("INT", "FLOAT"), "FLOAT");
    EXPECT_EQ(common("DECIMAL(10, 2)", "FLOAT"), "DOUBLE");
    EXPECT_EQ(common("DECIMAL(10, 2)", "INT"), "DECIMAL(12, 2)");
    EXPECT_EQ(common("DECIMAL(38, 0)", "DECIMAL(38, 10)"), "DECIMAL(38, 0)");
    EXPECT_EQ(common("CHAR(3)", "CHAR(3)"), "CHAR(3)");
    EXPECT_EQ(common("CHAR(3)", "CHAR(5)"), "VARCHAR(5)");
    EXPECT_EQ(common("DATE", "TIMESTAMP(3)"), "TIMESTAMP(3)");
    EXPECT_EQ(common("TIMESTAMP(3)", "TIMESTAMP_LTZ(6)"), "TIMESTAMP_LTZ(6)");
    EXPECT_EQ(common("ARRAY<INT>", "ARRAY<BIGINT>"), "ARRAY<BIGINT>");
    EXPECT_EQ(common("INT", "STRING"), "none");
    EXPECT_EQ(common("TIME(0)", "DATE"), "none");
    EXPECT_TRUE(canCastExplicitly(LogicalType::string(), LogicalType::integer()));
    EXPECT_FALSE(canCastExplicitly(LogicalType::bigint(), LogicalType::timestamp(3)));
    EXPECT_FALSE(canCastImplicitly(LogicalType::bigint(), LogicalType::integer()));
    EXPECT_TRUE(canCastImplicitly(LogicalType::integer(), LogicalType::bigint()));
    EXPECT_FALSE(canCastImplicitly(LogicalType::integer(), LogicalType::bigint().withNullable(false)));
}

TEST(Integers, AreWrittenAsToCharsDoes) {
    const auto check = [](int64_t value) {
        char out[32];
        char* const end = appendInteger(out, value);
        ASSERT_LE(end - out, 20);
        ASSERT_EQ(std::string(out, end), std::to_string(value));
    };
    for (int64_t power = 1; power <= INT64_MAX / 10; power *= 10) {
        for (const int64_t near : {power - 1, power, power + 1, 9 * power, 10 * (power - 1) + 9}) {
            check(near);
            check(-near);
        }
    }
    check(INT64_MAX);
    check(INT64_MIN);
    for (int64_t value = -1000; value < 100'000; ++value)
        check(value);
    Random random(3);
    for (int i = 0; i < 100'000; ++i)
        check(static_cast<int64_t>(random.next()) >> random.below(64));
}

TEST(Value, OrderAndText) {
    const std::vector<Value> ascending = {Value::null(), Value::float64(-HUGE_VAL), Value::float64(0),
                                          Value::float64(1), Value::float64(std::nan(""))};
    for (size_t i = 0; i < ascending.size(); ++i) {
        for (size_t j = 0; j < ascending.size(); ++j)
            EXPECT_TRUE((ascending[i] <=> ascending[j]) == (i <=> j));
    }
    EXPECT_EQ(Value::float64(0.0), Value::float64(-0.0));
    EXPECT_EQ(Value::int64(5), Value::int128(5));
    EXPECT_EQ(Value::int64(-14).toString(LogicalType::of(TypeKind::IntervalYearMonth)), "-1-02");
    EXPECT_EQ(Value::int64(kMicrosPerDay + 1000).toString(LogicalType::of(TypeKind::IntervalDayTime)),
              "+1 00:00:00.001");
    EXPECT_EQ(Value::list({Value::string("a"), Value::int64(1), Value::string("b"), Value::null()})
                  .toString(LogicalType::parse("MAP<STRING, INT>")),
              "{a=1, b=NULL}");
    EXPECT_EQ(Value::list({Value::boolean(true), Value::int64(150)})
                  .toString(LogicalType::parse("ROW<`a` BOOLEAN, `b` DECIMAL(5, 2)>")),
              "(TRUE, 1.50)");
}

}  // namespace
}  // namespace millrace
