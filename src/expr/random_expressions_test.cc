// Random expressions of every function: over a batch, over a part of one and over rows one at a time the same
// answers; and collection functions against twins that work on single values.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <functional>
#include <map>
#include <set>

#include "expr/expression_test_support.h"

namespace millrace {
namespace {

using namespace testing_support;

uint64_t seedOf(uint64_t otherwise) {
    const char* const given = std::getenv("SEED");
    return given == nullptr ? otherwise : std::strtoull(given, nullptr, 10);
}

const std::vector<LogicalType>& columnTypes() {
    static const std::vector<LogicalType> types = [] {
        std::vector<LogicalType> all;
        for (const char* text : {"BOOLEAN",
                                 "TINYINT",
                                 "SMALLINT",
                                 "INT",
                                 "BIGINT",
                                 "FLOAT",
                                 "DOUBLE",
                                 "DECIMAL(5, 2)",
                                 "DECIMAL(38, 10)",
                                 "STRING",
                                 "STRING",
                                 "CHAR(3)",
                                 "BYTES",
                                 "DATE",
                                 "TIME(0)",
                                 "TIMESTAMP(3)",
                                 "TIMESTAMP_LTZ(6)",
                                 "TIMESTAMP(9)",
                                 "TIMESTAMP_LTZ(8)",
                                 "INTERVAL YEAR TO MONTH",
                                 "INTERVAL DAY TO SECOND",
                                 "ARRAY<INT>",
                                 "ARRAY<STRING>",
                                 "ARRAY<ARRAY<BIGINT>>",
                                 "MAP<STRING, INT>",
                                 "MAP<INT, ARRAY<STRING>>",
                                 "ROW<`a` INT, `b` STRING>"})
            all.push_back(LogicalType::parse(text));
        return all;
    }();
    return types;
}

// Of random numbers they make texts of megabytes, which take the time and find nothing.
const std::set<std::string>& longResults() {
    static const std::set<std::string> names = {"LPAD", "RPAD", "REPEAT", "PRINTF"};
    return names;
}

// Makes calls of random functions. Which arguments a function takes is found by trying, and remembered; an
// argument is then replaced by what was made before of its type, so that calls nest.
class Maker {
  public:
    explicit Maker(Random& random) : random_(random) {
        for (const auto& family : scalarFunctionFamilies()) {
            for (const ScalarFunction& function : family) {
                if (function.deterministic && function.name != "CAST" && function.name != "TRY_CAST" &&
                    !longResults().contains(function.name))
                    functions_.push_back({.name = function.name});
            }
        }
    }

    ExpressionPtr make() {
        for (;;) {
            Known& function = functions_[random_.below(functions_.size())];
            if (function.takes.size() < 6) learn(function);
            if (function.takes.empty()) continue;
            std::vector<ExpressionPtr> arguments = function.takes[random_.below(function.takes.size())];
            int height = 0;
            for (ExpressionPtr& argument : arguments)
                height = std::max(height, nest(argument));
            try {
                return keep(Expression::call(function.name, arguments), height + 1);
            } catch (const UserError&) {  // a literal was asked for
            }
        }
    }

    std::set<std::string> used;

  private:
    struct Known {
        std::string name;
        std::vector<std::vector<ExpressionPtr>> takes;
        int attempts = 0;
    };
    struct Made {
        ExpressionPtr expression;
        int height;
    };

    void learn(Known& function) {
        constexpr int kAttemptsMax = 1500;
        for (int attempt = 0; attempt < 100 && function.attempts < kAttemptsMax; ++attempt) {
            ++function.attempts;
            std::vector<ExpressionPtr> arguments;
            for (uint64_t count = random_.below(4) + (random_.chance(0.9) ? 1 : 0); count > 0; --count)
                arguments.push_back(leaf());
            try {
                Expression::call(function.name, arguments);
            } catch (const UserError&) {
                continue;
            }
            used.insert(function.name);
            function.takes.push_back(std::move(arguments));
            return;
        }
    }

    // How high the argument has become.
    int nest(ExpressionPtr& argument) {
        constexpr int kHeightMax = 3;
        if (argument->kind() != ExpressionKind::Column || random_.chance(0.3)) return 0;
        const std::vector<Made>& made = made_[argument->type().withNullable(true).toString()];
        if (made.empty()) return 0;
        const Made& one = made[random_.below(made.size())];
        if (one.height > kHeightMax) return 0;
        argument = one.expression;
        return one.height;
    }

    ExpressionPtr keep(ExpressionPtr expression, int height) {
        const LogicalType& cast_to = columnTypes()[random_.below(columnTypes().size())];
        if (random_.chance(0.2)) {
            try {
                expression = Expression::tryCast(expression, cast_to);
            } catch (const UserError&) {  // there is no such cast
            }
        }
        made_[expression->type().withNullable(true).toString()].push_back({expression, height});
        return expression;
    }

    ExpressionPtr leaf() {
        if (random_.chance(0.75)) {
            const size_t index = random_.below(columnTypes().size());
            return Expression::column(index, columnTypes()[index], "c" + std::to_string(index));
        }
        static const char* const kTexts[] = {"YEAR",
                                             "DAY",
                                             "HOUR",
                                             "a",
                                             "",
                                             "%a_",
                                             "[ab]+",
                                             "yyyy-MM-dd HH:mm:ss",
                                             "UTF-8",
                                             "$.a",
                                             "{\"a\": [1]}",
                                             "UTC",
                                             "2024-02-29 10:11:12",
                                             "LEADING",
                                             "b",
                                             "256",
                                             "NULL ON NULL"};
        if (random_.chance(0.5)) return text(kTexts[random_.below(std::size(kTexts))]);
        return random_.chance(0.8) ? integer(static_cast<int64_t>(random_.below(12)) - 3)
                                   : boolean(random_.chance(0.5));
    }

    Random& random_;
    std::vector<Known> functions_;
    std::map<std::string, std::vector<Made>> made_;
};

// The values by row, or the code of the error that a row of them gives.
struct Answers {
    std::vector<Value> values;
    std::string error;
};

Answers answersOver(const ExpressionPtr& expression, const Batch& batch,
                    std::span<const uint32_t> selection) {
    Answers answers;
    FunctionContext context;
    context.time_zone = "Europe/Berlin";
    try {
        ExpressionExecutor executor({expression});
        const ColumnPtr column = executor.evaluate(context, batch, selection)[0];
        for (size_t row = 0; row < selection.size(); ++row)
            answers.values.push_back(column->valueAt(row));
    } catch (const UserError& error) {
        answers.error = error.code();
    }
    return answers;
}

Selection someRows(size_t rows, Random& random, double share) {
    Selection selection;
    for (size_t row = 0; row < rows; ++row) {
        if (random.chance(share)) selection.push_back(static_cast<uint32_t>(row));
    }
    return selection;
}

TEST(RandomExpressions, BatchesAgreeWithSingleRows) {
    const uint64_t seed = seedOf(11);
    Random random(seed);
    Maker maker(random);
    constexpr size_t kRows = 24;
    for (int round = 0; round < 1000; ++round) {
        std::vector<ColumnPtr> columns;
        for (const LogicalType& type : columnTypes())
            columns.push_back(Column::of(type, randomColumn(type, kRows, random)));
        const Batch batch(kRows, std::move(columns));
        const ExpressionPtr expression = maker.make();
        SCOPED_TRACE(fmt::format("seed {}, round {}: {}", seed, round, expression->toString()));
        const Selection rows = someRows(kRows, random, random.chance(0.3) ? 1 : 0.6);
        const Answers together = answersOver(expression, batch, rows);
        Answers alone;
        for (size_t i = 0; i < rows.size() && alone.error.empty(); ++i) {
            const Answers one = answersOver(expression, batch, std::span(rows).subspan(i, 1));
            alone.error = one.error;
            if (one.error.empty()) alone.values.push_back(one.values.front());
        }
        ASSERT_EQ(together.error.empty(), alone.error.empty()) << together.error << " or " << alone.error;
        if (!alone.error.empty()) continue;
        for (size_t i = 0; i < rows.size(); ++i) {
            ASSERT_EQ(together.values[i].toString(expression->type()),
                      alone.values[i].toString(expression->type()))
                << "row " << rows[i];
            ASSERT_TRUE(expression->type().nullable() || !alone.values[i].isNull()) << "row " << rows[i];
        }
    }
    EXPECT_GT(maker.used.size(), 150U);
}

// ---- twins

using List = Value::List;

bool has(const List& list, const Value& value) {
    return std::find(list.begin(), list.end(), value) != list.end();
}

List once(const List& list) {
    List result;
    for (const Value& value : list) {
        if (!has(result, value)) result.push_back(value);
    }
    return result;
}

Value extreme(const List& list, bool greatest) {
    Value best;
    for (const Value& value : list) {
        if (value.isNull()) continue;
        if (best.isNull() || (greatest ? best < value : value < best)) best = value;
    }
    return best;
}

Value sliced(const List& list, int64_t start, int64_t end) {
    const auto size = static_cast<int64_t>(list.size());
    if (size == 0) return Value::list({});
    start = std::max<int64_t>(1, start < 0 ? start + size + 1 : start);
    end = end < 0 ? end + size + 1 : end;
    end = end == 0 ? 1 : std::min(end, size);
    List result;
    for (int64_t at = start; at <= end; ++at)
        result.push_back(list[static_cast<size_t>(at - 1)]);
    return Value::list(result);
}

List filtered(const List& list, const std::function<bool(const Value&)>& keep) {
    List result;
    std::copy_if(list.begin(), list.end(), std::back_inserter(result), keep);
    return result;
}

// The arguments of a row: two ARRAYs, an element and two numbers.
struct Row {
    List a;
    List b;
    Value element;
    int64_t i = 0;
    int64_t j = 0;
};

struct Twin {
    const char* name;
    std::vector<int> columns;
    bool null_element;  // whether the element may be NULL
    std::function<Value(const Row&)> answer;
};

const std::vector<Twin>& twins() {
    const auto list = [](List values) { return Value::list(std::move(values)); };
    static const std::vector<Twin> all = {
        {"ARRAY_CONTAINS", {0, 2}, true, [](const Row& r) { return Value::boolean(has(r.a, r.element)); }},
        {"ARRAY_POSITION",
         {0, 2},
         false,
         [](const Row& r) {
             const auto found = std::find(r.a.begin(), r.a.end(), r.element);
             return Value::int64(found == r.a.end() ? 0 : found - r.a.begin() + 1);
         }},
        {"ARRAY_DISTINCT", {0}, true, [list](const Row& r) { return list(once(r.a)); }},
        {"ARRAY_REVERSE", {0}, true, [list](const Row& r) { return list(List(r.a.rbegin(), r.a.rend())); }},
        {"ARRAY_SLICE", {0, 3, 4}, true, [](const Row& r) { return sliced(r.a, r.i, r.j); }},
        {"ARRAY_SORT",
         {0},
         true,
         [list](const Row& r) {
             List sorted = r.a;  // NULL is the least Value
             std::stable_sort(sorted.begin(), sorted.end());
             return list(sorted);
         }},
        {"ARRAY_MAX", {0}, true, [](const Row& r) { return extreme(r.a, true); }},
        {"ARRAY_MIN", {0}, true, [](const Row& r) { return extreme(r.a, false); }},
        {"ARRAY_REMOVE",
         {0, 2},
         true,
         [list](const Row& r) {
             return list(filtered(r.a, [&](const Value& v) { return v != r.element; }));
         }},
        {"ARRAY_APPEND",
         {0, 2},
         true,
         [list](const Row& r) {
             List result = r.a;
             result.push_back(r.element);
             return list(result);
         }},
        {"ARRAY_PREPEND",
         {0, 2},
         true,
         [list](const Row& r) {
             List result = {r.element};
             result.insert(result.end(), r.a.begin(), r.a.end());
             return list(result);
         }},
        {"ARRAY_CONCAT",
         {0, 1, 0},
         true,
         [list](const Row& r) {
             List result = r.a;
             result.insert(result.end(), r.b.begin(), r.b.end());
             result.insert(result.end(), r.a.begin(), r.a.end());
             return list(result);
         }},
        {"ARRAY_UNION",
         {0, 1},
         true,
         [list](const Row& r) {
             List result = r.a;
             result.insert(result.end(), r.b.begin(), r.b.end());
             return list(once(result));
         }},
        {"ARRAY_EXCEPT",
         {0, 1},
         true,
         [list](const Row& r) {
             return list(once(filtered(r.a, [&](const Value& v) { return !has(r.b, v); })));
         }},
        {"ARRAY_INTERSECT",
         {0, 1},
         true,
         [list](const Row& r) {
             return list(once(filtered(r.a, [&](const Value& v) { return has(r.b, v); })));
         }},
        {"CARDINALITY",
         {0},
         true,
         [](const Row& r) { return Value::int64(static_cast<int64_t>(r.a.size())); }},
        {"ITEM",
         {0, 3},
         true,
         [](const Row& r) {
             const bool there = r.i >= 1 && r.i <= static_cast<int64_t>(r.a.size());
             return there ? r.a[static_cast<size_t>(r.i - 1)] : Value::null();
         }},
    };
    return all;
}

TEST(RandomExpressions, CollectionFunctionsAgreeWithScalarTwins) {
    const uint64_t seed = seedOf(12);
    Random random(seed);
    constexpr size_t kRows = 300;
    for (const char* text : {"INT", "STRING", "DOUBLE", "DECIMAL(30, 2)", "ARRAY<INT>", "BOOLEAN"}) {
        const LogicalType element = LogicalType::parse(text);
        const LogicalType array = LogicalType::array(element);
        const std::vector<LogicalType> types = {array, array, element, LogicalType::bigint(),
                                                LogicalType::bigint()};
        std::vector<std::vector<Value>> values;
        for (const LogicalType& type : types)
            values.push_back(randomColumn(type, kRows, random));
        for (size_t row = 0; row < kRows; ++row) {  // numbers that lead somewhere, elements that are there
            values[3][row] = Value::int64(static_cast<int64_t>(random.below(13)) - 6);
            values[4][row] = Value::int64(static_cast<int64_t>(random.below(13)) - 6);
            if (!values[0][row].isNull() && !values[0][row].asList().empty() && random.chance(0.5))
                values[2][row] = values[0][row].asList().back();
        }
        std::vector<ColumnPtr> columns;
        for (size_t i = 0; i < types.size(); ++i)
            columns.push_back(Column::of(types[i], values[i]));
        const Batch batch(kRows, columns);
        for (const Twin& twin : twins()) {
            std::vector<ExpressionPtr> arguments;
            for (const int column : twin.columns)
                arguments.push_back(Expression::column(static_cast<size_t>(column),
                                                       types[static_cast<size_t>(column)],
                                                       "c" + std::to_string(column)));
            ExpressionExecutor executor({call(twin.name, arguments)});
            const ColumnPtr result = executor.evaluate({}, batch)[0];
            for (size_t row = 0; row < kRows; ++row) {
                bool null = false;
                for (const int column : twin.columns) {
                    const bool may = column == 2 && twin.null_element;
                    null |= !may && values[static_cast<size_t>(column)][row].isNull();
                }
                Value expected;
                if (!null) {
                    Row arguments_of_row;
                    if (!values[0][row].isNull()) arguments_of_row.a = values[0][row].asList();
                    if (!values[1][row].isNull()) arguments_of_row.b = values[1][row].asList();
                    arguments_of_row.element = values[2][row];
                    arguments_of_row.i = values[3][row].asInt64();
                    arguments_of_row.j = values[4][row].asInt64();
                    expected = twin.answer(arguments_of_row);
                }
                ASSERT_EQ(result->valueAt(row).toString(result->type()), expected.toString(result->type()))
                    << "seed " << seed << ": " << twin.name << " of " << text << ", row " << row;
            }
        }
    }
}

}  // namespace
}  // namespace millrace
