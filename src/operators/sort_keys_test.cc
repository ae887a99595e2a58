// Encoded keys order rows as their values do.
#include "operators/sort_keys.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace millrace {
namespace {

// Compares the encoding of every pair with the order by Value.
void expectOrder(const LogicalType& type, const std::vector<Value>& values) {
    const std::vector<ColumnPtr> columns = {Column::of(type, values)};
    for (const bool descending : {false, true}) {
        for (const bool nulls_first : {false, true}) {
            const std::vector<SortOrder> order = {{0, descending, nulls_first}};
            SortKeys keys;
            keys.encode(columns, order, values.size());
            EXPECT_EQ(keys.areLong(), SortKeys::areLong({&type, 1}));
            for (size_t i = 0; i < values.size(); ++i) {
                for (size_t k = 0; k < values.size(); ++k) {
                    bool less = false;
                    if (values[i].isNull() || values[k].isNull()) {
                        less = values[i].isNull() != values[k].isNull() && values[i].isNull() == nulls_first;
                    } else {
                        less = descending ? values[k] < values[i] : values[i] < values[k];
                    }
                    EXPECT_EQ(keys.less(i, keys, k), less)
                        << type.toString() << " " << values[i].toString(type) << " "
                        << values[k].toString(type) << (descending ? " desc" : "");
                    if (less) {
                        EXPECT_LE(keys.prefix(i), keys.prefix(k));
                    } else if (!keys.areLong()) {
                        EXPECT_GE(keys.prefix(i), keys.prefix(k));
                    }
                    EXPECT_TRUE(!less || keys.areLong() || keys.prefix(i) != keys.prefix(k));
                    const SortKey one(keys, i), other(keys, k);
                    EXPECT_EQ(one < other, less);
                    EXPECT_EQ(one == other, !less && !keys.less(k, keys, i));
                    EXPECT_EQ(SortKey(one), one);
                }
            }
        }
    }
}

TEST(SortKeys, OrderIsThatOfTheValues) {
    expectOrder(LogicalType::bigint(), {Value::int64(0), Value::int64(-1), Value::int64(1), Value::null(),
                                        Value::int64(256), Value::int64(std::numeric_limits<int64_t>::min()),
                                        Value::int64(std::numeric_limits<int64_t>::max()), Value::int64(1)});
    expectOrder(LogicalType::integer(), {Value::int64(-70000), Value::int64(70000), Value::int64(0)});
    expectOrder(LogicalType::boolean(), {Value::boolean(true), Value::null(), Value::boolean(false)});
    expectOrder(LogicalType::doublePrecision(),
                {Value::float64(0.0), Value::float64(-0.0), Value::float64(-1.5), Value::float64(1e300),
                 Value::float64(-1e300), Value::float64(std::nan("")), Value::float64(-std::nan("")),
                 Value::float64(std::numeric_limits<double>::infinity()), Value::null()});
    expectOrder(LogicalType::decimal(38, 2), {Value::int128(0), Value::int128(-5), Value::null(),
                                              Value::int128(static_cast<Int128>(1) << 100),
                                              Value::int128(-(static_cast<Int128>(1) << 100))});
    expectOrder(LogicalType::string(),
                {Value::string(""), Value::string("a"), Value::string("ab"), Value::string("b"),
                 Value::string(std::string("a\0b", 3)), Value::string(std::string("a\0", 2)),
                 Value::string("\xC3\xA4"), Value::string("a string that is not inline"), Value::null()});
}

TEST(SortKeys, AKeyByItselfTellsItsFirstTime) {
    const std::vector<int64_t> times = {0,
                                        -1,
                                        1,
                                        1'700'000'000'000,
                                        std::numeric_limits<int64_t>::min(),
                                        std::numeric_limits<int64_t>::max()};
    std::vector<Value> first, second;
    for (const int64_t time : times) {
        first.push_back(Value::int64(time));
        second.push_back(Value::boolean(time > 0));
    }
    SortKeys keys;
    keys.encode(
        std::vector{Column::of(LogicalType::bigint(), first), Column::of(LogicalType::boolean(), second)},
        std::vector<SortOrder>{{0, false, true}, {1, false, true}}, times.size());
    for (size_t i = 0; i < times.size(); ++i) {
        EXPECT_EQ(SortKey(keys, i).int64(), times[i]);
        EXPECT_EQ(SortKey(keys, i).byte(10), times[i] > 0 ? 1 : 0);
        EXPECT_LE(SortKey(), SortKey(keys, i));
    }
}

// Short keys are made as words, long ones as bytes.
TEST(SortKeys, AShortKeyIsTheBeginningOfALongOne) {
    const std::vector<std::pair<LogicalType, std::vector<Value>>> all = {
        {LogicalType::bigint(), {Value::int64(-3), Value::null(), Value::int64(1L << 40)}},
        {LogicalType::boolean(), {Value::boolean(true), Value::boolean(false), Value::null()}},
        {LogicalType::integer(), {Value::null(), Value::int64(-70000), Value::int64(7)}},
        {LogicalType::doublePrecision(), {Value::float64(-0.5), Value::float64(0), Value::null()}},
        {LogicalType::decimal(38, 2), {Value::int128(-5), Value::null(), Value::int128(Int128{1} << 100)}},
    };
    const std::vector<Value> nulls(3, Value::null());
    for (size_t first = 0; first < all.size(); ++first) {
        for (size_t second = 0; second < all.size(); ++second) {
            std::vector<ColumnPtr> columns = {Column::of(all[first].first, all[first].second),
                                              Column::of(all[second].first, all[second].second)};
            const std::vector<SortOrder> order = {{0, true, false}, {1, false, false}, {2, false, true}};
            SortKeys keys, longer;
            keys.encode(columns, std::span(order).first(2), 3);
            if (keys.areLong()) continue;
            columns.push_back(Column::of(LogicalType::string(), nulls));
            longer.encode(columns, order, 3);
            for (size_t row = 0; row < 3; ++row) {
                ASSERT_EQ(keys.size(row) + 1, longer.size(row));
                for (size_t at = 0; at < keys.size(row); ++at)
                    EXPECT_EQ(SortKey(keys, row).byte(at), static_cast<uint8_t>(longer.at(row)[at]));
            }
        }
    }
}

TEST(SortKeys, LaterColumnsDecideWhereEarlierOnesDoNot) {
    const std::vector<Value> first = {Value::string("a"), Value::string("ab"), Value::string("a"),
                                      Value::null()};
    const std::vector<Value> second = {Value::int64(2), Value::int64(0), Value::int64(1), Value::int64(9)};
    const std::vector<ColumnPtr> columns = {Column::of(LogicalType::string(), first),
                                            Column::of(LogicalType::bigint(), second)};
    const std::vector<SortOrder> order = {{0, true, false}, {1, false, true}};
    SortKeys keys;
    keys.encode(columns, order, first.size());
    EXPECT_LT(keys.at(1), keys.at(2));  // "ab" before "a"
    EXPECT_LT(keys.at(2), keys.at(0));  // of equal ones, the smaller number
    EXPECT_LT(keys.at(0), keys.at(3));  // NULL last
}

}  // namespace
}  // namespace millrace
