#include <gtest/gtest.h>

#include "expr/expression_test_support.h"

namespace millrace {
namespace {

using namespace testing_support;

std::string of(std::string_view function, std::vector<ExpressionPtr> arguments, const char* zone = "UTC") {
    FunctionContext context;
    context.time_zone = zone;
    try {
        return shown(call(function, std::move(arguments)), context);
    } catch (const UserError& error) {
        return error.code();
    }
}

ExpressionPtr timestamp(const char* value) { return typed("TIMESTAMP(3)", value); }
ExpressionPtr date(const char* value) { return typed("DATE", value); }
ExpressionPtr instant(int64_t seconds) { return call("TO_TIMESTAMP_LTZ", {bigint(seconds), integer(0)}); }

TEST(Time, ReadsAndWritesJavaPatterns) {
    const auto read = [](const char* value, const char* pattern) {
        return of("TO_TIMESTAMP", {text(value), text(pattern)});
    };
    EXPECT_EQ(read("2001/01/01 00:47", "yyyy/MM/dd HH:mm"), "2001-01-01 00:47:00.000");
    EXPECT_EQ(read("20240229123456789", "yyyyMMddHHmmssSSS"), "2024-02-29 12:34:56.789");
    EXPECT_EQ(read("2024-02-29T12:34:56Z", "yyyy-MM-dd'T'HH:mm:ss'Z'"), "2024-02-29 12:34:56.000");
    EXPECT_EQ(read("29 Feb 2024 3:05 pm", "dd MMM yyyy h:mm a"), "2024-02-29 15:05:00.000");
    EXPECT_EQ(read("12:30 AM", "hh:mm a"), "1970-01-01 00:30:00.000");
    EXPECT_EQ(read("Thu, 29 February 24", "EEE, dd MMMM yy"), "2024-02-29 00:00:00.000");
    EXPECT_EQ(read("2023-02-30", "yyyy-MM-dd"), "2023-02-28 00:00:00.000");  // as Java's smart resolver
    EXPECT_EQ(read("2024-060", "yyyy-DDD"), "2024-02-29 00:00:00.000");
    EXPECT_EQ(read("2024-13-01", "yyyy-MM-dd"), "NULL");
    EXPECT_EQ(read("2024-1-01", "yyyy-MM-dd"), "NULL");
    EXPECT_EQ(read("2024-1-1", "yyyy-M-d"), "2024-01-01 00:00:00.000");
    EXPECT_EQ(read("2024-01-01 x", "yyyy-MM-dd"), "NULL");
    EXPECT_EQ(read("1969-12-31 23:59:59", "yyyy-MM-dd HH:mm:ss"), "1969-12-31 23:59:59.000");
    EXPECT_EQ(read("2024", "yyyy'"), "data.bad-pattern");
    EXPECT_EQ(read("2024", "bbbb"), "data.bad-pattern");
    EXPECT_EQ(of("TO_TIMESTAMP", {text("2024-02-29 12:00:00.1239")}), "2024-02-29 12:00:00.123");
    EXPECT_EQ(of("TO_TIMESTAMP", {text("2023-02-29 12:00:00")}), "NULL");
    EXPECT_EQ(of("TO_DATE", {text("29.02.2024"), text("dd.MM.yyyy")}), "2024-02-29");
    EXPECT_EQ(of("TO_DATE", {text("nothing")}), "NULL");

    const auto write = [](const char* value, const char* pattern) {
        return of("DATE_FORMAT", {timestamp(value), text(pattern)});
    };
    EXPECT_EQ(write("2024-02-09 15:04:05.678", "yyyy-MM-dd HH:mm:ss.SSS"), "2024-02-09 15:04:05.678");
    EXPECT_EQ(write("2024-02-09 15:04:05.678", "d/M/yy h 'o''clock' a, EEEE"), "9/2/24 3 o'clock PM, Friday");
    EXPECT_EQ(write("2024-02-09 00:04:05", "hh kk KK MMM MMMM DDD Q"), "12 24 00 Feb February 040 1");
    EXPECT_EQ(of("DATE_FORMAT", {instant(0), text("yyyy-MM-dd HH:mm XXX")}, "Asia/Tokyo"),
              "1970-01-01 09:00 +09:00");
    EXPECT_EQ(of("DATE_FORMAT", {date("2024-02-29"), text("yyyyMMdd")}), "20240229");
}

TEST(Time, InstantsAndZones) {
    EXPECT_EQ(of("FROM_UNIXTIME", {bigint(44)}), "1970-01-01 00:00:44");
    EXPECT_EQ(of("FROM_UNIXTIME", {bigint(44)}, "Asia/Tokyo"), "1970-01-01 09:00:44");
    EXPECT_EQ(of("FROM_UNIXTIME", {bigint(1710054000), text("HH:mm")}, "America/New_York"), "03:00");
    EXPECT_EQ(of("FROM_UNIXTIME", {bigint(1710053999), text("HH:mm")}, "America/New_York"), "01:59");
    EXPECT_EQ(of("UNIX_TIMESTAMP", {text("1970-01-01 09:00:44")}, "Asia/Tokyo"), "44");
    EXPECT_EQ(of("UNIX_TIMESTAMP", {text("1970-01-01 00:00:44 +0100"), text("yyyy-MM-dd HH:mm:ss Z")}),
              "-3556");
    EXPECT_EQ(of("UNIX_TIMESTAMP", {text("soon")}), "-9223372036854775808");
    EXPECT_EQ(of("TO_TIMESTAMP_LTZ", {bigint(4001), integer(3)}), "1970-01-01 00:00:04.001");
    EXPECT_EQ(of("TO_TIMESTAMP_LTZ", {bigint(4), integer(9)}), "1970-01-01 00:00:00.000000004");
    EXPECT_EQ(of("TO_TIMESTAMP_LTZ", {bigint(4), integer(10)}), "data.bad-argument");
    EXPECT_EQ(of("TO_TIMESTAMP_LTZ", {bigint(253402300800), integer(0)}), "NULL");
    EXPECT_EQ(of("TO_TIMESTAMP_LTZ",
                 {text("2024-07-01 12:00:00"), text("yyyy-MM-dd HH:mm:ss"), text("Europe/Berlin")}),
              "2024-07-01 10:00:00.000");
    EXPECT_EQ(
        of("CONVERT_TZ", {text("2024-07-01 12:00:00"), text("Europe/Berlin"), text("America/New_York")}),
        "2024-07-01 06:00:00");
    EXPECT_EQ(of("EXTRACT", {text("HOUR"), instant(0)}, "Asia/Tokyo"), "9");
    EXPECT_EQ(of("EXTRACT", {text("EPOCH"), instant(77)}, "Asia/Tokyo"), "77");
    // A day that has 23 hours: its floor is midnight there.
    EXPECT_EQ(
        of("DATE_FORMAT", {call("FLOOR", {instant(1710080000), text("DAY")}), text("yyyy-MM-dd HH:mm:ss")},
           "America/New_York"),
        "2024-03-10 00:00:00");
}

TEST(Time, Parts) {
    const auto part = [](const char* unit, const char* value) {
        return of("EXTRACT", {text(unit), timestamp(value)});
    };
    EXPECT_EQ(part("YEAR", "2024-02-29 12:34:56.789"), "2024");
    EXPECT_EQ(part("QUARTER", "2024-04-01 00:00:00"), "2");
    EXPECT_EQ(part("DOY", "2024-12-31 00:00:00"), "366");
    EXPECT_EQ(part("DOW", "2024-03-03 00:00:00"), "1");
    EXPECT_EQ(part("ISODOW", "2024-03-03 00:00:00"), "7");
    EXPECT_EQ(part("WEEK", "2020-12-31 00:00:00"), "53");
    EXPECT_EQ(part("WEEK", "2024-12-30 00:00:00"), "1");
    EXPECT_EQ(part("ISOYEAR", "2024-12-30 00:00:00"), "2025");
    EXPECT_EQ(part("SECOND", "2024-02-29 12:34:56.789"), "56");
    EXPECT_EQ(part("MILLISECOND", "2024-02-29 12:34:56.789"), "789");
    EXPECT_EQ(part("HOUR", "1969-12-31 23:00:00"), "23");
    EXPECT_EQ(part("DOW", "1969-12-31 23:00:00"), "4");
    EXPECT_EQ(part("EPOCH", "1969-12-31 23:59:59.5"), "-1");
    EXPECT_EQ(part("CENTURY", "2000-01-01 00:00:00"), "20");
    EXPECT_EQ(part("CENTURY", "2001-01-01 00:00:00"), "21");
    EXPECT_EQ(part("DECADE", "2024-01-01 00:00:00"), "202");
    EXPECT_EQ(of("EXTRACT", {text("FORTNIGHT"), timestamp("2024-01-01 00:00:00")}), "sql.bad-argument");
    EXPECT_EQ(of("EXTRACT", {text("DAY"), typed("TIME(0)", "12:00:00")}), "sql.bad-argument");
    EXPECT_EQ(of("MINUTE", {typed("TIME(0)", "12:34:56")}), "34");
    EXPECT_EQ(of("YEAR", {null("DATE")}), "NULL");
}

TEST(Time, Rounding) {
    const auto floor = [](const char* unit, const char* value) {
        return of("FLOOR", {timestamp(value), text(unit)});
    };
    const auto ceil = [](const char* unit, const char* value) {
        return of("CEIL", {timestamp(value), text(unit)});
    };
    EXPECT_EQ(floor("MINUTE", "1969-12-31 23:59:59.999"), "1969-12-31 23:59:00.000");
    EXPECT_EQ(floor("WEEK", "2024-02-29 12:00:00"), "2024-02-25 00:00:00.000");
    EXPECT_EQ(floor("QUARTER", "2024-06-30 12:00:00"), "2024-04-01 00:00:00.000");
    EXPECT_EQ(floor("DECADE", "2024-06-30 12:00:00"), "2020-01-01 00:00:00.000");
    EXPECT_EQ(ceil("MONTH", "2024-01-31 00:00:01"), "2024-02-01 00:00:00.000");
    EXPECT_EQ(ceil("MONTH", "2024-02-01 00:00:00"), "2024-02-01 00:00:00.000");
    EXPECT_EQ(ceil("YEAR", "2024-02-01 00:00:00"), "2025-01-01 00:00:00.000");
    EXPECT_EQ(of("FLOOR", {date("2024-02-29"), text("YEAR")}), "2024-01-01");
    EXPECT_EQ(of("FLOOR", {typed("TIME(0)", "12:34:56"), text("HOUR")}), "12:00:00");
}

TEST(Time, Arithmetic) {
    const auto months = [](int64_t count) {
        return Expression::literal(Value::int64(count), LogicalType::of(TypeKind::IntervalYearMonth));
    };
    const auto micros = [](int64_t count) {
        return Expression::literal(Value::int64(count), LogicalType::of(TypeKind::IntervalDayTime));
    };
    constexpr int64_t kDay = 86'400'000'000;
    EXPECT_EQ(of("+", {date("2024-01-31"), months(1)}), "2024-02-29");
    EXPECT_EQ(of("-", {date("2024-02-29"), months(12)}), "2023-02-28");
    EXPECT_EQ(of("+", {micros(kDay), date("2024-02-28")}), "2024-02-29");
    EXPECT_EQ(of("-", {timestamp("2024-03-01 00:00:00"), micros(1000)}), "2024-02-29 23:59:59.999");
    EXPECT_EQ(of("+", {typed("TIME(0)", "23:00:00"), micros(kDay / 12)}), "01:00:00");
    EXPECT_EQ(of("*", {micros(1'000'000), integer(90)}), "+0 00:01:30.000");
    EXPECT_EQ(of("*", {integer(3), months(5)}), "+1-03");
    EXPECT_EQ(of("/", {months(15), integer(0)}), "data.division-by-zero");
    EXPECT_EQ(of("-", {months(15)}), "-1-03");
    EXPECT_EQ(of("<", {months(11), months(12)}), "TRUE");

    const auto add = [](const char* unit, int64_t count, ExpressionPtr to) {
        return of("TIMESTAMPADD", {text(unit), bigint(count), std::move(to)});
    };
    EXPECT_EQ(add("MONTH", 1, date("2024-01-31")), "2024-02-29");
    EXPECT_EQ(add("DAY", -1, date("2024-03-01")), "2024-02-29");
    EXPECT_EQ(add("HOUR", 1, date("2024-03-01")), "2024-03-01 01:00:00.000");
    EXPECT_EQ(add("SECOND", -1, timestamp("1970-01-01 00:00:00")), "1969-12-31 23:59:59.000");
    EXPECT_EQ(add("WEEK", 2, timestamp("2024-02-15 00:00:00")), "2024-02-29 00:00:00.000");
    const auto diff = [](const char* unit, const char* from, const char* to) {
        return of("TIMESTAMPDIFF", {text(unit), timestamp(from), timestamp(to)});
    };
    EXPECT_EQ(diff("DAY", "2003-01-02 10:00:00", "2003-01-03 09:59:59"), "0");
    EXPECT_EQ(diff("HOUR", "2003-01-02 10:00:00", "2003-01-01 09:00:00"), "-25");
    EXPECT_EQ(diff("MONTH", "2024-01-31 00:00:00", "2024-02-29 00:00:00"), "1");
    EXPECT_EQ(diff("MONTH", "2024-01-15 12:00:00", "2024-02-15 11:00:00"), "0");
    EXPECT_EQ(diff("YEAR", "2024-02-29 00:00:00", "2025-02-28 00:00:00"), "1");
    EXPECT_EQ(diff("QUARTER", "2024-10-01 00:00:00", "2024-01-01 00:00:00"), "-3");
}

TEST(Time, CurrentTimesComeFromTheContext) {
    FunctionContext context;
    context.now = ProcessingTime(1'709'210'096'789);
    context.time_zone = "Asia/Tokyo";
    EXPECT_EQ(shown(call("CURRENT_TIMESTAMP", {}), context), "2024-02-29 12:34:56.789");
    EXPECT_EQ(shown(call("LOCALTIMESTAMP", {}), context), "2024-02-29 21:34:56.789");
    EXPECT_EQ(shown(call("CURRENT_DATE", {}), context), "2024-02-29");
    EXPECT_EQ(shown(call("LOCALTIME", {}), context), "21:34:56");
    EXPECT_EQ(shown(call("UNIX_TIMESTAMP", {}), context), "1709210096");
    EXPECT_EQ(shown(call("CURRENT_WATERMARK", {timestamp("2024-01-01 00:00:00")}), context), "NULL");
    context.watermark = EventTime(1'709'210'096'000);
    EXPECT_EQ(shown(call("CURRENT_WATERMARK", {timestamp("2024-01-01 00:00:00")}), context),
              "2024-02-29 12:34:56.000");
    EXPECT_EQ(call("NOW", {})->kind(), ExpressionKind::Call);
}

}  // namespace
}  // namespace millrace
