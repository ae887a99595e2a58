#include "expr/executor.h"

#include <gtest/gtest.h>

#include <cmath>

#include "expr/expression_test_support.h"

namespace millrace {
namespace {

using namespace testing_support;

// Checks that a call over random columns, whole and over a selection, agrees with its scalar twin row by row.
template <class Twin>
void agrees(const char* function, std::vector<const char*> types, Twin twin) {
    Random random(std::hash<std::string>()(function) + types.size());
    constexpr size_t kRows = 500;
    std::vector<ColumnPtr> columns;
    std::vector<ExpressionPtr> arguments;
    for (const char* name : types) {
        const LogicalType type = LogicalType::parse(name);
        columns.push_back(Column::of(type, randomColumn(type, kRows, random)));
        arguments.push_back(Expression::column(arguments.size(), type, name));
    }
    const ExpressionPtr expression = Expression::call(function, arguments);
    ExpressionExecutor executor({expression});
    const Batch batch(kRows, columns);
    const ColumnPtr all = executor.evaluate({}, batch)[0];
    ASSERT_EQ(all->type(), expression->type());
    for (size_t i = 0; i < kRows; ++i) {
        std::vector<Value> row;
        for (const auto& column : columns)
            row.push_back(column->valueAt(i));
        ASSERT_EQ(all->valueAt(i), twin(row)) << function << " row " << i << ": " << all->textAt(i);
        ASSERT_TRUE(expression->type().nullable() || !all->isNull(i)) << function;
    }
    const Selection selection = {0, 3, 77, 499};
    const ColumnPtr some = executor.evaluate({}, batch, selection)[0];
    for (size_t k = 0; k < selection.size(); ++k)
        ASSERT_EQ(some->valueAt(k), all->valueAt(selection[k]));
}

// NULL in, NULL out.
template <class F>
auto strict(F f) {
    return [f](const std::vector<Value>& row) {
        for (const Value& value : row) {
            if (value.isNull()) return Value::null();
        }
        return f(row);
    };
}

TEST(Comparison, AgreesWithScalarTwins) {
    for (const char* type : {"BOOLEAN", "INT", "BIGINT", "DECIMAL(10, 2)", "DECIMAL(30, 2)", "FLOAT",
                             "DOUBLE", "STRING", "DATE", "TIMESTAMP(3)"}) {
        agrees("=", {type, type}, strict([](auto& r) { return Value::boolean(r[0] == r[1]); }));
        agrees("<>", {type, type}, strict([](auto& r) { return Value::boolean(r[0] != r[1]); }));
        agrees("<", {type, type}, strict([](auto& r) { return Value::boolean(r[0] < r[1]); }));
        agrees("<=", {type, type}, strict([](auto& r) { return Value::boolean(r[0] <= r[1]); }));
        agrees(">", {type, type}, strict([](auto& r) { return Value::boolean(r[0] > r[1]); }));
        agrees(">=", {type, type}, strict([](auto& r) { return Value::boolean(r[0] >= r[1]); }));
        agrees("IS DISTINCT FROM", {type, type}, [](auto& r) { return Value::boolean(r[0] != r[1]); });
        agrees("IS NOT DISTINCT FROM", {type, type}, [](auto& r) { return Value::boolean(r[0] == r[1]); });
        agrees("GREATEST", {type, type}, strict([](auto& r) { return std::max(r[0], r[1]); }));
        agrees("LEAST", {type, type}, strict([](auto& r) { return std::min(r[0], r[1]); }));
        agrees("COALESCE", {type, type}, [](auto& r) { return r[0].isNull() ? r[1] : r[0]; });
        agrees("NULLIF", {type, type},
               [](auto& r) { return !r[0].isNull() && r[0] == r[1] ? Value::null() : r[0]; });
        agrees("IS NULL", {type}, [](auto& r) { return Value::boolean(r[0].isNull()); });
        agrees("IS NOT NULL", {type}, [](auto& r) { return Value::boolean(!r[0].isNull()); });
        agrees("IF", {"BOOLEAN", type, type},
               [](auto& r) { return !r[0].isNull() && r[0].asBool() ? r[1] : r[2]; });
    }
    agrees("<", {"INT", "BIGINT"},
           strict([](auto& r) { return Value::boolean(r[0].asInt64() < r[1].asInt64()); }));
    EXPECT_EQ(shown(call("=", {number(std::nan("")), number(std::nan(""))})), "FALSE");
    EXPECT_EQ(shown(call("<", {typed("DATE", "2024-02-29"), text("2024-03-01")})), "TRUE");
    EXPECT_EQ(shown(call("=", {integer(1), typed("DECIMAL(5, 2)", "1.00")})), "TRUE");
    EXPECT_EQ(errorCode([] { return call("=", {integer(1), text("1")}); }), "sql.bad-argument");
    EXPECT_EQ(errorCode([] {
                  return call("=", {integer(1), typed("DATE", "2024-01-01")});
              }),
              "sql.bad-argument");
}

TEST(Arithmetic, AgreesWithScalarTwins) {
    const auto wrap64 = [](Int128 value) { return Value::int64(static_cast<int64_t>(value)); };
    const auto wrap32 = [](int64_t value) { return Value::int64(static_cast<int32_t>(value)); };
    agrees("+", {"BIGINT", "BIGINT"},
           strict([&](auto& r) { return wrap64(r[0].asInt128() + r[1].asInt128()); }));
    agrees("-", {"BIGINT", "INT"},
           strict([&](auto& r) { return wrap64(r[0].asInt128() - r[1].asInt128()); }));
    agrees("*", {"INT", "INT"}, strict([&](auto& r) { return wrap32(r[0].asInt64() * r[1].asInt64()); }));
    agrees("+", {"INT", "INT"}, strict([&](auto& r) { return wrap32(r[0].asInt64() + r[1].asInt64()); }));
    agrees("-", {"TINYINT", "TINYINT"}, strict([&](auto& r) {
               return Value::int64(static_cast<int8_t>(r[0].asInt64() - r[1].asInt64()));
           }));
    agrees("*", {"SMALLINT", "TINYINT"}, strict([&](auto& r) {
               return Value::int64(static_cast<int16_t>(r[0].asInt64() * r[1].asInt64()));
           }));
    agrees("-", {"BIGINT"}, strict([&](auto& r) { return wrap64(-r[0].asInt128()); }));
    agrees("+", {"DOUBLE", "INT"}, strict([](auto& r) {
               return Value::float64(r[0].asDouble() + static_cast<double>(r[1].asInt64()));
           }));
    agrees("/", {"DOUBLE", "DOUBLE"},
           strict([](auto& r) { return Value::float64(r[0].asDouble() / r[1].asDouble()); }));
    agrees("+", {"DECIMAL(10, 2)", "DECIMAL(12, 4)"},
           strict([](auto& r) { return Value::int128(r[0].asInt128() * 100 + r[1].asInt128()); }));
    agrees("-", {"DECIMAL(20, 2)", "INT"},
           strict([](auto& r) { return Value::int128(r[0].asInt128() - r[1].asInt128() * 100); }));
    agrees("*", {"DECIMAL(8, 2)", "DECIMAL(8, 3)"},
           strict([](auto& r) { return Value::int128(r[0].asInt128() * r[1].asInt128()); }));
    agrees("*", {"DECIMAL(15, 2)", "DECIMAL(15, 3)"},
           strict([](auto& r) { return Value::int128(r[0].asInt128() * r[1].asInt128()); }));
    agrees("NOT", {"BOOLEAN"}, strict([](auto& r) { return Value::boolean(!r[0].asBool()); }));
}

TEST(Arithmetic, DivisionByALiteralIsDivision) {
    Random random(13);
    std::vector<Value> values;
    for (const int64_t edge : {INT64_MIN, INT64_MIN + 1, INT64_MAX, INT64_MAX - 1, int64_t(0), int64_t(-1)})
        values.push_back(Value::int64(edge));
    while (values.size() < 300)
        values.push_back(Value::int64(static_cast<int64_t>(random.next()) >> random.below(64)));
    const Batch batch(values.size(), {Column::of(LogicalType::bigint(), values)});
    const auto column = Expression::column(0, LogicalType::bigint(), "c");
    std::vector<int64_t> divisors = {
        1, -1, 2, -2, 3, 7, 10, -10, 123, 1000000007, INT64_MAX, INT64_MIN, INT64_MIN + 1, int64_t(1) << 40};
    while (divisors.size() < 200)
        divisors.push_back((static_cast<int64_t>(random.next()) >> random.below(62)) | 1);
    for (const int64_t divisor : divisors) {
        ExpressionExecutor executor(
            {call("/", {column, bigint(divisor)}), call("%", {column, bigint(divisor)})});
        const auto columns = executor.evaluate({}, batch);
        for (size_t i = 0; i < values.size(); ++i) {
            const Int128 value = values[i].asInt64();
            ASSERT_EQ(columns[0]->valueAt(i), Value::int64(static_cast<int64_t>(value / divisor)))
                << int64_t(value) << " / " << divisor;
            ASSERT_EQ(columns[1]->valueAt(i), Value::int64(static_cast<int64_t>(value % divisor)))
                << int64_t(value) << " % " << divisor;
        }
    }
    EXPECT_EQ(shown(call("/", {integer(INT32_MIN), integer(3)})), "-715827882");
}

TEST(Arithmetic, Edges) {
    EXPECT_EQ(shown(call("+", {integer(INT32_MAX), integer(1)})), "-2147483648");
    EXPECT_EQ(shown(call("/", {integer(INT32_MIN), integer(-1)})), "-2147483648");
    EXPECT_EQ(shown(call("%", {bigint(INT64_MIN), bigint(-1)})), "0");
    EXPECT_EQ(shown(call("/", {integer(-7), integer(2)})), "-3");
    EXPECT_EQ(shown(call("MOD", {integer(-7), integer(3)})), "-1");
    EXPECT_EQ(call("MOD", {bigint(7), integer(3)})->type().kind(), TypeKind::Integer);
    EXPECT_EQ(shown(call("/", {number(1), number(0)})), "Infinity");
    EXPECT_EQ(shown(call("/", {null("INT"), integer(0)})), "NULL");
    EXPECT_EQ(errorCode([] { return call("/", {integer(1), integer(0)}); }), "data.division-by-zero");
    EXPECT_EQ(errorCode([] {
                  return call("%", {typed("DECIMAL(5, 2)", "1"), integer(0)});
              }),
              "data.division-by-zero");
    EXPECT_EQ(shown(call("/", {typed("DECIMAL(5, 2)", "1"), integer(3)})), "0.3333333333333");
    EXPECT_EQ(
        shown(call("*", {typed("DECIMAL(38, 0)", "99999999999999999999999999999999999999"), integer(10)})),
        "NULL");
    EXPECT_EQ(shown(call("%", {typed("DECIMAL(5, 2)", "-7.50"), integer(2)})), "-1.50");
    EXPECT_EQ(shown(call("+", {null("NULL"), integer(2)})), "NULL");
    EXPECT_EQ(errorCode([] { return call("+", {text("1"), integer(2)}); }), "sql.bad-argument");
    EXPECT_EQ(errorCode([] { return call("UPPPER", {text("1")}); }), "sql.unknown-function");
}

// WHERE x <> 0: what the projection computes is not computed for the other rows, and what the condition
// computed is not computed again.
TEST(Filter, GivesTheOtherExpressionsOfTheRowsItChooses) {
    const std::vector<Value> numbers = {Value::int64(0), Value::int64(2), Value::null(), Value::int64(20),
                                        Value::int64(0)};
    const Batch batch(5, {Column::of(LogicalType::integer(), numbers)});
    const auto n = Expression::column(0, LogicalType::integer(), "n");
    const auto quotient = call("/", {integer(10), n});
    const auto twice = call("+", {n, n});
    ExpressionExecutor executor(
        {call("<>", {twice, integer(0)}), quotient, twice, n,
         Expression::caseWhen({call(">", {twice, integer(5)}), twice, integer(0)}, LogicalType::integer())});
    Selection selected;
    const auto columns = executor.filter({}, batch, selected);
    EXPECT_EQ(selected, Selection({1, 3}));
    ASSERT_EQ(columns.size(), 4u);
    const std::vector<std::vector<std::string>> expected = {
        {"5", "0"}, {"4", "40"}, {"2", "20"}, {"0", "40"}};
    for (size_t i = 0; i < expected.size(); ++i) {
        ASSERT_EQ(columns[i]->size(), 2u) << i;
        for (size_t row = 0; row < 2; ++row)
            EXPECT_EQ(columns[i]->textAt(row), expected[i][row]) << i;
    }
    const Batch none(
        2, {Column::of(LogicalType::integer(), std::vector<Value>{Value::int64(0), Value::null()})});
    executor.filter({}, none, selected);
    EXPECT_TRUE(selected.empty());
    const Batch all(1, {Column::of(LogicalType::integer(), std::vector<Value>{Value::int64(5)})});
    EXPECT_EQ(executor.filter({}, all, selected)[0]->textAt(0), "2");
    EXPECT_EQ(selected, Selection({0}));
}

TEST(Logic, IsThreeValuedAndEvaluatesOnlyWhatItMust) {
    const std::vector<Value> kinds = {Value::boolean(true), Value::boolean(false), Value::null()};
    const LogicalType type = LogicalType::boolean();
    std::vector<Value> a;
    std::vector<Value> b;
    for (const Value& x : kinds) {
        for (const Value& y : kinds) {
            a.push_back(x);
            b.push_back(y);
        }
    }
    const Batch batch(9, {Column::of(type, a), Column::of(type, b)});
    const auto x = Expression::column(0, type, "x");
    const auto y = Expression::column(1, type, "y");
    ExpressionExecutor executor({Expression::logicalAnd({x, y}), Expression::logicalOr({x, y})});
    const auto results = executor.evaluate({}, batch);
    const auto row = [&](size_t column) {
        std::string all;
        for (size_t i = 0; i < 9; ++i)
            all += results[column]->textAt(i)[0];
        return all;
    };
    EXPECT_EQ(row(0), "TFNFFFNFN");
    EXPECT_EQ(row(1), "TTTTFNTNN");

    // x <> 0 AND 10 / x > 1: the division runs only where x is not 0.
    const std::vector<Value> numbers = {Value::int64(0), Value::int64(2), Value::null(), Value::int64(20),
                                        Value::int64(0)};
    const Batch divisors(5, {Column::of(LogicalType::integer(), numbers)});
    const auto n = Expression::column(0, LogicalType::integer(), "n");
    const auto guard = call("<>", {n, integer(0)});
    const auto quotient = call("/", {integer(10), n});
    ExpressionExecutor guarded({Expression::logicalAnd({guard, call(">", {quotient, integer(1)})})});
    Selection selected;
    guarded.select({}, divisors, selected);
    EXPECT_EQ(selected, Selection({1}));
    ExpressionExecutor either(
        {Expression::logicalOr({call("=", {n, integer(0)}), call(">", {quotient, integer(1)})})});
    either.select({}, divisors, selected);
    EXPECT_EQ(selected, Selection({0, 1, 4}));
    ExpressionExecutor chosen(
        {Expression::caseWhen({call("=", {n, integer(0)}), integer(-1), quotient}, LogicalType::integer()),
         call("IF", {guard, quotient, integer(-2)})});
    const auto columns = chosen.evaluate({}, divisors);
    EXPECT_EQ(columns[0]->valueAt(0), Value::int64(-1));
    EXPECT_EQ(columns[0]->valueAt(1), Value::int64(5));
    EXPECT_TRUE(columns[0]->isNull(2));
    EXPECT_EQ(columns[0]->valueAt(3), Value::int64(0));
    EXPECT_EQ(columns[1]->valueAt(4), Value::int64(-2));
    EXPECT_EQ(columns[1]->valueAt(2), Value::int64(-2));
}

TEST(Executor, LazyAndEagerCaseAgree) {
    Random random(4);
    const LogicalType integers = LogicalType::integer();
    const Batch batch(1000,
                      {Column::of(integers, randomColumn(integers, 1000, random)),
                       Column::of(LogicalType::string(), randomColumn(LogicalType::string(), 1000, random))});
    const auto n = Expression::column(0, integers, "n");
    const auto s = Expression::column(1, LogicalType::string(), "s");
    const auto eager = Expression::caseWhen(
        {call("<", {n, integer(0)}), s, call("<", {n, integer(4)}), text("small"), text("a large number")},
        LogicalType::string());
    // The same with a condition that can fail, hence lazily.
    const auto one = call("/", {integer(7), integer(7)});
    const auto lazy_zero =
        call("-", {call("/", {n, call("GREATEST", {integer(1), call("*", {n, integer(0)})})}), n});
    const auto lazy = Expression::caseWhen(
        {call("<", {call("+", {n, lazy_zero}), integer(0)}), s, call("<", {n, call("*", {integer(4), one})}),
         text("small"), text("a large number")},
        LogicalType::string());
    ExpressionExecutor executor({eager, lazy});
    for (const size_t rows : {1000, 10, 0, 500}) {
        const auto columns = executor.evaluate({}, batch.slice(0, rows));
        for (size_t i = 0; i < rows; ++i)
            ASSERT_EQ(columns[0]->valueAt(i), columns[1]->valueAt(i)) << i;
    }
}

TEST(Expression, CanonicalTextAndRewriting) {
    const auto a = Expression::column(0, LogicalType::integer(), "a");
    const auto b = Expression::column(1, LogicalType::bigint(), "b");
    EXPECT_EQ(call(">", {a, b})->canonical(), call("<", {b, a})->canonical());
    EXPECT_EQ(call("+", {a, b})->canonical(), call("+", {b, a})->canonical());
    EXPECT_NE(call("-", {a, b})->canonical(), call("-", {b, a})->canonical());
    EXPECT_NE(call("=", {a, integer(1)})->canonical(), call("=", {a, integer(2)})->canonical());
    EXPECT_EQ(call("+", {a, integer(1)})->toString(), "a + 1");
    EXPECT_EQ(Expression::cast(a, LogicalType::string())->toString(), "CAST(a AS STRING)");
    std::vector<bool> used;
    call("+", {b, b})->collectColumns(used);
    EXPECT_EQ(used, std::vector<bool>({false, true}));
    const std::vector<ExpressionPtr> replacements = {integer(4), bigint(5)};
    EXPECT_EQ(shown(Expression::rewriteColumns(call("*", {a, b}), replacements)), "20");
    EXPECT_EQ(call("+", {integer(1), integer(2)})->kind(), ExpressionKind::Literal);
    EXPECT_EQ(call("/", {integer(1), integer(0)})->kind(), ExpressionKind::Call);
    EXPECT_FALSE(call("IS NULL", {a})->type().nullable());
    EXPECT_FALSE(call("COALESCE", {a, integer(0)})->type().nullable());
}

TEST(Expression, SimplifyDropsWhatDecidesNothing) {
    const auto a = Expression::column(0, LogicalType::boolean(), "a");
    const auto b = Expression::column(1, LogicalType::boolean(), "b");
    const auto n = Expression::column(2, LogicalType::integer(), "n");
    const auto simplified = [](const ExpressionPtr& expression) {
        return Expression::simplify(expression)->toString();
    };
    const auto yes = boolean(true), no = boolean(false), unknown = null("BOOLEAN");
    EXPECT_EQ(simplified(Expression::logicalAnd({yes, a, yes, b})), "a AND b");
    EXPECT_EQ(simplified(Expression::logicalAnd({yes, a})), "a");
    EXPECT_EQ(simplified(Expression::logicalAnd({a, no, b})), "a AND FALSE");  // a may still fail
    EXPECT_EQ(simplified(Expression::logicalAnd({no, a})), "FALSE");
    EXPECT_EQ(simplified(Expression::logicalAnd({a, unknown})), "a AND NULL");
    EXPECT_EQ(simplified(Expression::logicalOr({no, a, b})), "a OR b");
    EXPECT_EQ(simplified(Expression::logicalOr({yes, a})), "TRUE");
    const auto type = LogicalType::integer();
    const auto chosen = [&](const ExpressionPtr& first, const ExpressionPtr& second) {
        return simplified(Expression::caseWhen({first, n, second, integer(2), integer(3)}, type));
    };
    EXPECT_EQ(chosen(no, unknown), "3");
    EXPECT_EQ(chosen(yes, a), "n");
    EXPECT_EQ(chosen(no, a), "CASE WHEN a THEN 2 ELSE 3 END");
    EXPECT_EQ(chosen(a, yes), "CASE WHEN a THEN n ELSE 2 END");
    // Inside of others, and only after a column is known.
    const auto kind = Expression::column(0, LogicalType::integer(), "kind");
    const auto time = Expression::caseWhen(
        {call("=", {kind, integer(0)}), n, call("=", {kind, integer(1)}), kind, integer(9)}, type);
    const std::vector<ExpressionPtr> known = {integer(1), nullptr, n};
    EXPECT_EQ(simplified(Expression::rewriteColumns(call("+", {time, n}), known)), "1 + n");
}

TEST(Functions, EveryDescriptorIsComplete) {
    for (const auto& family : scalarFunctionFamilies()) {
        for (const ScalarFunction& function : family) {
            EXPECT_FALSE(function.name.empty());
            EXPECT_FALSE(function.signature.empty()) << function.name;
            EXPECT_FALSE(function.documentation.empty()) << function.name;
            EXPECT_FALSE(function.examples.empty()) << function.name;
            EXPECT_TRUE(function.bind) << function.name;
            EXPECT_EQ(findScalarFunction(function.name), &function);
            // No function accepts nine hundred arguments of an odd type, or crashes on it.
            const std::vector<ArgumentInfo> odd(
                2, ArgumentInfo{LogicalType::parse("MULTISET<INT>"), std::nullopt});
            try {
                function.bind(odd);
            } catch (const UserError& error) {
                EXPECT_EQ(error.code().substr(0, 4), "sql.") << function.name;
            }
        }
    }
    EXPECT_NE(findAggregateFunction("count"), nullptr);
    EXPECT_EQ(findScalarFunction("no such"), nullptr);
}

}  // namespace
}  // namespace millrace
