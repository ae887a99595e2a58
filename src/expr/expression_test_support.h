// For tests of functions: literals from text, and evaluation to text.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "base/random.h"
#include "expr/executor.h"
#include "types/calendar.h"

namespace millrace::testing_support {

inline ExpressionPtr null(const char* type) {
    return Expression::literal(Value::null(), LogicalType::parse(type));
}
inline ExpressionPtr integer(int64_t value) {
    return Expression::literal(Value::int64(value), LogicalType::integer());
}
inline ExpressionPtr bigint(int64_t value) {
    return Expression::literal(Value::int64(value), LogicalType::bigint());
}
inline ExpressionPtr number(double value) {
    return Expression::literal(Value::float64(value), LogicalType::doublePrecision());
}
inline ExpressionPtr boolean(bool value) {
    return Expression::literal(Value::boolean(value), LogicalType::boolean());
}
inline ExpressionPtr text(std::string value) {
    return Expression::literal(Value::string(std::move(value)), LogicalType::string());
}
// Anything, through CAST from text.
inline ExpressionPtr typed(const char* type, const char* value) {
    return Expression::cast(text(value), LogicalType::parse(type));
}
inline ExpressionPtr call(std::string_view name, std::vector<ExpressionPtr> arguments) {
    return Expression::call(name, std::move(arguments));
}

inline std::string shown(const ExpressionPtr& expression, const FunctionContext& context = {}) {
    return evaluateConstant(expression, context).toString(expression->type());
}

// The code of the UserError that binding or evaluating gives.
template <class Make>
std::string errorCode(Make make) {
    try {
        return "no error: " + shown(make());
    } catch (const UserError& error) {
        return error.code();
    }
}

// A column of random values, some NULL, with the edges of the type among them.
inline std::vector<Value> randomColumn(const LogicalType& type, size_t rows, Random& random,
                                       double null_chance = 0.2) {
    std::vector<Value> values;
    for (size_t i = 0; i < rows; ++i) {
        if (random.chance(null_chance)) {
            values.push_back(Value::null());
            continue;
        }
        const bool small = random.chance(0.5);
        const auto any = static_cast<int64_t>(random.next());
        switch (type.kind()) {
            case TypeKind::Boolean:
                values.push_back(Value::boolean(random.chance(0.5)));
                break;
            case TypeKind::TinyInt:
                values.push_back(Value::int64(static_cast<int8_t>(any)));
                break;
            case TypeKind::SmallInt:
                values.push_back(Value::int64(static_cast<int16_t>(any)));
                break;
            case TypeKind::Integer:
                values.push_back(Value::int64(small                ? any % 8
                                              : random.chance(0.1) ? INT32_MIN
                                                                   : static_cast<int32_t>(any)));
                break;
            case TypeKind::BigInt:
                values.push_back(Value::int64(small ? any % 8 : random.chance(0.1) ? INT64_MIN : any));
                break;
            case TypeKind::Date:
                values.push_back(Value::int64(any % 200000));
                break;
            case TypeKind::IntervalYearMonth:
                values.push_back(Value::int64(any % 1000));
                break;
            case TypeKind::IntervalDayTime:
                values.push_back(Value::int64(any % 100'000'000'000'000));
                break;
            case TypeKind::Array:
                values.push_back(Value::list(randomColumn(type.element(), random.below(5), random)));
                break;
            case TypeKind::Map: {  // whose keys differ, as a map's do
                Value::List pairs;
                for (Value& key : randomColumn(type.element(), random.below(4), random, 0)) {
                    bool known = false;
                    for (size_t at = 0; at < pairs.size(); at += 2)
                        known |= pairs[at] == key;
                    if (known) continue;
                    pairs.push_back(std::move(key));
                    pairs.push_back(randomColumn(type.mapValue(), 1, random).front());
                }
                values.push_back(Value::list(std::move(pairs)));
                break;
            }
            case TypeKind::Row: {
                Value::List fields;
                for (const Field& field : type.fields())
                    fields.push_back(randomColumn(field.type, 1, random).front());
                values.push_back(Value::list(std::move(fields)));
                break;
            }
            case TypeKind::Time:
                values.push_back(Value::int64(static_cast<int64_t>(random.below(86'400'000))));
                break;
            case TypeKind::Timestamp:
            case TypeKind::TimestampLtz:
                values.push_back(timeValue(
                    TimePoint{any % 8'000'000'000'000'000, static_cast<int64_t>(random.below(1000))}.cutTo(
                        type.precision()),
                    type));
                break;
            case TypeKind::Decimal: {
                Int128 bound = 1;
                for (int digit = 0; digit < type.precision(); ++digit)
                    bound *= 10;
                const Int128 wide = (static_cast<Int128>(any) << 62) ^ static_cast<Int128>(random.next());
                values.push_back(Value::int128(small ? wide % 1000 : wide % bound));
                break;
            }
            case TypeKind::Float:
            case TypeKind::Double:
                values.push_back(
                    Value::float64(small ? static_cast<double>(any % 8) : (random.unit() - 0.5) * 1e6));
                break;
            default: {
                std::string word;
                for (uint64_t length = random.below(small ? 4 : 30); length > 0; --length) {
                    static const char* const kLetters[] = {"a", "b", "C", " ", "%", "é", "€", "😀"};
                    word += kLetters[random.below(8)];
                }
                values.push_back(Value::string(std::move(word)));
                break;
            }
        }
    }
    return values;
}

}  // namespace millrace::testing_support
