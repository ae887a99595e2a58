#include "functions/comparison.h"

#include <cstring>

#include "functions/kernels.h"
#include "types/coercion.h"

namespace millrace {

std::optional<LogicalType> comparisonType(std::string_view name, const LogicalType& a, const LogicalType& b) {
    if ((a.isNumeric() && b.isCharacter()) || (a.isCharacter() && b.isNumeric())) {
        throw UserError("sql.bad-argument",
                        fmt::format("{} between {} and {} is not supported", name,
                                    a.withNullable(true).toString(), b.withNullable(true).toString()),
                        "CAST one of them to the other's type");
    }
    const auto as_other = [](const LogicalType& text, const LogicalType& other) {
        return text.isCharacter() && (other.isTemporal() || other.kind() == TypeKind::Boolean);
    };
    if (as_other(a, b)) return b;
    if (as_other(b, a)) return a;
    const LogicalType both[] = {a, b};
    return commonType(both);
}

namespace {

template <class T, class Op>
ScalarKernel compareKernel(const LogicalType& result, Op op) {
    return binaryKernel<uint8_t, T, T>(result, [op](const T& a, const T& b) { return op(a, b); });
}

// The value with the entries of its MAPs and MULTISETs in an order of their own: two are equal whatever order
// their entries lie in.
Value inOrder(const Value& value, const LogicalType& type) {
    if (value.isNull() || !type.isNested()) return value;
    Value::List parts = value.asList();
    const bool pairs = type.kind() == TypeKind::Map || type.kind() == TypeKind::Multiset;
    for (size_t i = 0; i < parts.size(); ++i) {
        parts[i] = inOrder(parts[i], type.kind() == TypeKind::Row ? type.fields()[i].type
                                     : pairs && i % 2 == 1        ? type.mapValue()
                                                                  : type.element());
    }
    if (pairs) {
        std::vector<std::pair<Value, Value>> entries;
        for (size_t i = 0; i + 1 < parts.size(); i += 2)
            entries.emplace_back(parts[i], parts[i + 1]);
        std::sort(entries.begin(), entries.end());
        parts.clear();
        for (auto& [key, entry] : entries) {
            parts.push_back(std::move(key));
            parts.push_back(std::move(entry));
        }
    }
    return Value::list(std::move(parts));
}

bool hasEntries(const LogicalType& type) {
    switch (type.kind()) {
        case TypeKind::Map:
        case TypeKind::Multiset:
            return true;
        case TypeKind::Array:
            return hasEntries(type.element());
        case TypeKind::Row:
            return std::any_of(type.fields().begin(), type.fields().end(),
                               [](const Field& field) { return hasEntries(field.type); });
        default:
            return false;
    }
}

template <class Op>
ScalarKernel nestedKernel(const LogicalType& type, const LogicalType& result, Op op) {
    return [type, result, op, sorts = hasEntries(type)](const FunctionContext&,
                                                        std::span<const ColumnPtr> arguments, size_t rows) {
        auto column = makeResult(result, arguments, rows);
        auto* const out = column->template mutableData<uint8_t>();
        const auto at = [&](size_t argument, size_t row) {
            const Value value = arguments[argument]->valueAt(row);
            return sorts ? inOrder(value, type) : value;
        };
        for (size_t i = 0; i < rows; ++i)
            out[i] = op(at(0, i), at(1, i));
        return ColumnPtr(column);
    };
}

template <class Op>
ScalarKernel forType(const LogicalType& type, const LogicalType& result, Op op) {
    if (type.isNested()) return nestedKernel(type, result, op);
    return dispatchPhysical(type.physical(), [&]<class T>() { return compareKernel<T>(result, op); });
}

struct Less {
    template <class T>
    bool operator()(const T& a, const T& b) const {
        return a < b;
    }
};
struct LessEqual {
    template <class T>
    bool operator()(const T& a, const T& b) const {
        return a <= b;
    }
};
struct Greater {
    template <class T>
    bool operator()(const T& a, const T& b) const {
        return a > b;
    }
};
struct GreaterEqual {
    template <class T>
    bool operator()(const T& a, const T& b) const {
        return a >= b;
    }
};
struct Equal {
    template <class T>
    bool operator()(const T& a, const T& b) const {
        return a == b;
    }
    // Whether texts are equal is anybody's guess in a column: the one branch is whether both lie elsewhere
    // and look alike so far.
    bool operator()(const StringView& a, const StringView& b) const {
        uint64_t left[2], right[2];
        std::memcpy(left, &a, sizeof(left));
        std::memcpy(right, &b, sizeof(right));
        const bool alike = left[0] == right[0];  // size and first four bytes
        const bool same = alike & (left[1] == right[1]);
        if (alike & !same & !a.isInline()) return std::memcmp(a.data(), b.data(), a.size()) == 0;
        return same;
    }
};
struct NotEqual {
    template <class T>
    bool operator()(const T& a, const T& b) const {
        return !Equal()(a, b);
    }
};

BoundScalar bindComparison(const std::string& symbol, std::span<const ArgumentInfo> arguments) {
    checkArgumentCount(symbol, arguments, 2, 2, "two values of comparable types");
    const auto type = comparisonType(symbol, arguments[0].type, arguments[1].type);
    const bool ordered = symbol != "=" && symbol != "<>";
    if (!type || (ordered && (type->kind() == TypeKind::Map || type->kind() == TypeKind::Multiset ||
                              type->kind() == TypeKind::Variant))) {
        badArguments(symbol, arguments, "two values of comparable types");
    }
    BoundScalar bound;
    bound.result = LogicalType::boolean().withNullable(anyNullable(arguments));
    bound.arguments.assign(2, type->withNullable(true));
    bound.kernel = comparisonKernel(symbol, *type, bound.result);
    bound.total = true;
    return bound;
}

// NULL is a value like any other here, and the answer is never NULL.
BoundScalar bindDistinct(const std::string& name, bool negated, std::span<const ArgumentInfo> arguments) {
    checkArgumentCount(name, arguments, 2, 2, "two values of comparable types");
    const auto type = comparisonType(name, arguments[0].type, arguments[1].type);
    if (!type) badArguments(name, arguments, "two values of comparable types");
    BoundScalar bound;
    bound.result = LogicalType::boolean().withNullable(false);
    bound.arguments.assign(2, type->withNullable(true));
    bound.total = true;
    bound.kernel = [equal = comparisonKernel("=", *type, LogicalType::boolean()), negated,
                    result = bound.result](const FunctionContext& context, std::span<const ColumnPtr> columns,
                                           size_t rows) {
        const ColumnPtr compared = equal(context, columns, rows);
        auto column = std::make_shared<Column>(result, rows);
        auto* const out = column->mutableData<uint8_t>();
        const auto* const same = compared->data<uint8_t>();
        const uint8_t* const a = columns[0]->validity();
        const uint8_t* const b = columns[1]->validity();
        for (size_t i = 0; i < rows; ++i) {
            const uint8_t av = a != nullptr ? a[i] : 1;
            const uint8_t bv = b != nullptr ? b[i] : 1;
            const uint8_t distinct = (av ^ bv) | (av & bv & (same[i] ^ 1));
            out[i] = distinct ^ static_cast<uint8_t>(negated);
        }
        return ColumnPtr(column);
    };
    return bound;
}

ScalarFunction comparison(const std::string& symbol, std::string documentation,
                          std::vector<FunctionExample> examples) {
    ScalarFunction function;
    function.name = symbol;
    if (symbol == "<>") function.aliases = {"!="};
    function.signature = "value1 " + symbol + " value2";
    function.documentation = std::move(documentation);
    function.examples = std::move(examples);
    function.bind = [symbol](std::span<const ArgumentInfo> arguments) {
        return bindComparison(symbol, arguments);
    };
    return function;
}

ScalarFunction distinct(const std::string& name, bool negated, std::string documentation,
                        std::vector<FunctionExample> examples) {
    ScalarFunction function;
    function.name = name;
    function.signature = "value1 " + name + " value2";
    function.documentation = std::move(documentation);
    function.examples = std::move(examples);
    function.bind = [name, negated](std::span<const ArgumentInfo> arguments) {
        return bindDistinct(name, negated, arguments);
    };
    return function;
}

}  // namespace

ScalarKernel comparisonKernel(std::string_view symbol, const LogicalType& type, const LogicalType& result) {
    if (symbol == "=") return forType(type, result, Equal());
    if (symbol == "<>") return forType(type, result, NotEqual());
    if (symbol == "<") return forType(type, result, Less());
    if (symbol == "<=") return forType(type, result, LessEqual());
    if (symbol == ">") return forType(type, result, Greater());
    MILLRACE_CHECK(symbol == ">=", "no comparison '{}'", symbol);
    return forType(type, result, GreaterEqual());
}

std::vector<ScalarFunction> describeScalarComparison() {
    return {
        comparison("=", "TRUE if the values are equal; NULL if one is NULL.",
                   {{"1 = 1", "TRUE"}, {"'a' = 'b'", "FALSE"}}),
        comparison("<>", "TRUE if the values are not equal; NULL if one is NULL.", {{"1 <> 1.0", "FALSE"}}),
        comparison("<", "TRUE if value1 is less than value2.", {{"1 < 2", "TRUE"}}),
        comparison("<=", "TRUE if value1 is less than or equal to value2.", {{"'b' <= 'a'", "FALSE"}}),
        comparison(">", "TRUE if value1 is greater than value2.",
                   {{"DATE '2024-02-29' > DATE '2024-02-28'", "TRUE"}}),
        comparison(">=", "TRUE if value1 is greater than or equal to value2.", {{"1.5 >= 1", "TRUE"}}),
        distinct("IS DISTINCT FROM", false,
                 "TRUE if the values differ, where NULL is a value that equals itself.",
                 {{"1 IS DISTINCT FROM CAST(NULL AS INT)", "TRUE"}}),
        distinct("IS NOT DISTINCT FROM", true,
                 "TRUE if the values are the same, where NULL is a value that equals itself.",
                 {{"CAST(NULL AS INT) IS NOT DISTINCT FROM CAST(NULL AS INT)", "TRUE"}}),
    };
}

}  // namespace millrace
