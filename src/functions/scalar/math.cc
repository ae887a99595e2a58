#include <cmath>
#include <numbers>

#include "base/random.h"
#include "functions/kernels.h"
#include "types/coercion.h"

namespace millrace {

namespace {

constexpr double kDegreesPerRadian = 180.0 / std::numbers::pi;

// DOUBLE functions of DOUBLE arguments: flat loops without a test in them.
template <class Op>
ScalarFunction unary(const std::string& name, std::string documentation,
                     std::vector<FunctionExample> examples, Op op) {
    ScalarFunction function{.name = name,
                            .signature = name + "(number)",
                            .documentation = std::move(documentation),
                            .examples = std::move(examples)};
    function.bind = [name, op](std::span<const ArgumentInfo> arguments) {
        checkArgumentCount(name, arguments, 1, 1, "a number");
        if (!arguments[0].type.isNumeric() && arguments[0].type.kind() != TypeKind::Null)
            badArguments(name, arguments, "a number");
        BoundScalar bound;
        bound.result = LogicalType::doublePrecision().withNullable(anyNullable(arguments));
        bound.arguments = {LogicalType::doublePrecision()};
        bound.kernel = unaryKernel<double, double>(bound.result, op);
        bound.total = true;
        return bound;
    };
    return function;
}

template <class Op>
BoundScalar bindTwo(std::string_view name, std::span<const ArgumentInfo> arguments, Op op) {
    checkArgumentCount(name, arguments, 2, 2, "two numbers");
    for (const ArgumentInfo& argument : arguments) {
        if (!argument.type.isNumeric() && argument.type.kind() != TypeKind::Null)
            badArguments(name, arguments, "two numbers");
    }
    BoundScalar bound;
    bound.result = LogicalType::doublePrecision().withNullable(anyNullable(arguments));
    bound.arguments.assign(2, LogicalType::doublePrecision());
    bound.kernel = binaryKernel<double, double, double>(bound.result, op);
    bound.total = true;
    return bound;
}

template <class Op>
ScalarFunction binary(std::string name, std::vector<std::string> aliases, std::string documentation,
                      std::vector<FunctionExample> examples, Op op) {
    ScalarFunction function{.name = name,
                            .aliases = std::move(aliases),
                            .signature = name + "(number1, number2)",
                            .documentation = std::move(documentation),
                            .examples = std::move(examples)};
    function.bind = [name, op](std::span<const ArgumentInfo> arguments) {
        return bindTwo(name, arguments, op);
    };
    return function;
}

ScalarFunction constant(const std::string& name, double value, std::string documentation, std::string shown) {
    return {.name = name,
            .signature = name + "()",
            .documentation = std::move(documentation),
            .examples = {{name + "()", std::move(shown)}},
            .bind = [name, value](std::span<const ArgumentInfo> arguments) {
                checkArgumentCount(name, arguments, 0, 0, "no argument");
                BoundScalar bound;
                bound.result = LogicalType::doublePrecision().withNullable(false);
                bound.total = true;
                bound.kernel = [value, result = bound.result](const FunctionContext&,
                                                              std::span<const ColumnPtr>, size_t rows) {
                    return Column::constant(result, Value::float64(value), rows);
                };
                return bound;
            }};
}

// ABS and SIGN keep the argument's type.
template <bool kSign>
BoundScalar bindSame(std::string_view name, std::span<const ArgumentInfo> arguments) {
    checkArgumentCount(name, arguments, 1, 1, "a number");
    const LogicalType type =
        arguments[0].type.kind() == TypeKind::Null ? LogicalType::integer() : arguments[0].type;
    if (!type.isNumeric()) badArguments(name, arguments, "a number");
    Int128 one = 1;
    for (int digit = 0; type.kind() == TypeKind::Decimal && digit < type.scale(); ++digit)
        one *= 10;
    BoundScalar bound;
    bound.result = type;
    bound.arguments = {type};
    bound.total = true;
    bound.kernel = dispatchPhysical(type.physical(), [&]<class T>() -> ScalarKernel {
        if constexpr (std::is_same_v<T, StringView>) {
            throw InternalError("not a number");
        } else if constexpr (kSign) {
            return unaryKernel<T, T>(type, [unit = static_cast<T>(one)](T v) -> T {
                if constexpr (std::is_floating_point_v<T>) {
                    if (std::isnan(v)) return v;
                }
                return v > 0 ? unit : v < 0 ? static_cast<T>(-unit) : static_cast<T>(0);
            });
        } else if constexpr (std::is_floating_point_v<T>) {
            return unaryKernel<T, T>(type, [](T v) { return std::fabs(v); });
        } else {
            // The least value of a type has no opposite in it, and stays what it is.
            if (type.kind() == TypeKind::TinyInt)
                return unaryKernel<T, T>(type, [](T v) { return static_cast<int8_t>(v < 0 ? -v : v); });
            if (type.kind() == TypeKind::SmallInt)
                return unaryKernel<T, T>(type, [](T v) { return static_cast<int16_t>(v < 0 ? -v : v); });
            return unaryKernel<T, T>(type, [](T v) {
                T opposite = 0;
                __builtin_sub_overflow(T{0}, v, &opposite);
                return v < 0 ? opposite : v;
            });
        }
    });
    return bound;
}

ScalarFunction logarithm() {
    return {.name = "LOG",
            .signature = "LOG(number), LOG(base, number)",
            .documentation = "The natural logarithm, or the one to the base.",
            .examples = {{"LOG(2, 8)", "3.0"}, {"LOG(1)", "0.0"}},
            .bind = [](std::span<const ArgumentInfo> arguments) {
                checkArgumentCount("LOG", arguments, 1, 2, "a number, or a base and a number");
                if (arguments.size() == 2) {
                    return bindTwo("LOG", arguments,
                                   [](double base, double x) { return std::log(x) / std::log(base); });
                }
                const ArgumentInfo both[] = {arguments[0], arguments[0]};
                BoundScalar bound = bindTwo("LOG", both, [](double, double x) { return std::log(x); });
                bound.arguments.resize(1);
                bound.kernel =
                    unaryKernel<double, double>(bound.result, [](double x) { return std::log(x); });
                return bound;
            }};
}

// RAND and RAND_INTEGER: without a seed another sequence in every run; with one, the same sequence in each
// subtask.
BoundScalar bindRandom(std::string_view name, bool integer, std::span<const ArgumentInfo> arguments) {
    const size_t most = integer ? 2 : 1;
    checkArgumentCount(name, arguments, most - 1, most,
                       integer ? "a bound, or a seed and a bound" : "nothing, or a seed");
    for (const ArgumentInfo& argument : arguments) {
        if (!argument.type.isInteger()) badArguments(name, arguments, "INT arguments");
    }
    BoundScalar bound;
    bound.arguments.assign(arguments.size(), LogicalType::integer());
    bound.result = (integer ? LogicalType::integer() : LogicalType::doublePrecision())
                       .withNullable(anyNullable(arguments));
    const bool seeded = arguments.size() == most;
    auto generator = std::make_shared<std::optional<Random>>();
    bound.kernel = [integer, seeded, generator, result = bound.result](
                       const FunctionContext&, std::span<const ColumnPtr> columns, size_t rows) {
        // The seeded generator belongs to the expression; expressions are shared between subtasks, hence by
        // thread.
        thread_local std::optional<Random> unseeded;
        thread_local std::vector<std::pair<std::weak_ptr<void>, Random>> by_call;
        auto column = makeResult(result, columns, rows);
        if (rows == 0) return ColumnPtr(column);
        Random* random = nullptr;
        if (!seeded) {
            if (!unseeded) unseeded.emplace(entropySeed());
            random = &*unseeded;
        } else {
            std::erase_if(by_call, [](const auto& entry) { return entry.first.expired(); });
            for (auto& [owner, own] : by_call) {
                if (owner.lock() == generator) random = &own;
            }
            if (random == nullptr) {
                const int32_t seed = columns[0]->isNull(0) ? 0 : columns[0]->data<int32_t>()[0];
                random = &by_call.emplace_back(generator, Random(static_cast<uint64_t>(seed))).second;
            }
        }
        if (!integer) {
            for (size_t i = 0; i < rows; ++i)
                column->mutableData<double>()[i] = random->unit();
            return ColumnPtr(column);
        }
        const auto* bounds = columns.back()->data<int32_t>();
        forValidRows(*column, rows, [&](size_t i) {
            if (bounds[i] <= 0)
                throw UserError("data.bad-argument",
                                fmt::format("RAND_INTEGER's bound must be positive, not {}", bounds[i]));
            column->mutableData<int32_t>()[i] =
                static_cast<int32_t>(random->below(static_cast<uint64_t>(bounds[i])));
            return true;
        });
        return ColumnPtr(column);
    };
    return bound;
}

}  // namespace

std::vector<ScalarFunction> describeScalarMath() {
    return {
        {.name = "ABS",
         .signature = "ABS(number)",
         .documentation = "The absolute value.",
         .examples = {{"ABS(-3)", "3"}, {"ABS(-1.50)", "1.50"}},
         .bind = [](std::span<const ArgumentInfo> arguments) { return bindSame<false>("ABS", arguments); }},
        {.name = "SIGN",
         .signature = "SIGN(number)",
         .documentation = "-1, 0 or 1, of the number's type.",
         .examples = {{"SIGN(-7)", "-1"}, {"SIGN(1.5)", "1.0"}},
         .bind = [](std::span<const ArgumentInfo> arguments) { return bindSame<true>("SIGN", arguments); }},
        binary("POWER", {}, "number1 to the power of number2.", {{"POWER(2, 10)", "1024.0"}},
               [](double a, double b) { return std::pow(a, b); }),
        binary("ATAN2", {}, "The angle of the point (number2, number1).", {{"ATAN2(0, 1)", "0.0"}},
               [](double a, double b) { return std::atan2(a, b); }),
        unary("SQRT", "The square root.", {{"SQRT(16)", "4.0"}}, [](double v) { return std::sqrt(v); }),
        unary("LN", "The natural logarithm.", {{"LN(1)", "0.0"}}, [](double v) { return std::log(v); }),
        unary("LOG10", "The logarithm to base 10.", {{"LOG10(1000)", "3.0"}},
              [](double v) { return std::log10(v); }),
        unary("LOG2", "The logarithm to base 2.", {{"LOG2(8)", "3.0"}},
              [](double v) { return std::log2(v); }),
        logarithm(),
        unary("EXP", "e to the power of the number.", {{"EXP(0)", "1.0"}},
              [](double v) { return std::exp(v); }),
        unary("SIN", "The sine.", {{"SIN(0)", "0.0"}}, [](double v) { return std::sin(v); }),
        unary("COS", "The cosine.", {{"COS(0)", "1.0"}}, [](double v) { return std::cos(v); }),
        unary("TAN", "The tangent.", {{"TAN(0)", "0.0"}}, [](double v) { return std::tan(v); }),
        unary("COT", "The cotangent.", {{"COT(0)", "Infinity"}}, [](double v) { return 1.0 / std::tan(v); }),
        unary("ASIN", "The arc sine.", {{"ASIN(0)", "0.0"}}, [](double v) { return std::asin(v); }),
        unary("ACOS", "The arc cosine.", {{"ACOS(1)", "0.0"}}, [](double v) { return std::acos(v); }),
        unary("ATAN", "The arc tangent.", {{"ATAN(0)", "0.0"}}, [](double v) { return std::atan(v); }),
        unary("SINH", "The hyperbolic sine.", {{"SINH(0)", "0.0"}}, [](double v) { return std::sinh(v); }),
        unary("COSH", "The hyperbolic cosine.", {{"COSH(0)", "1.0"}}, [](double v) { return std::cosh(v); }),
        unary("TANH", "The hyperbolic tangent.", {{"TANH(0)", "0.0"}}, [](double v) { return std::tanh(v); }),
        unary("DEGREES", "The angle in degrees.", {{"DEGREES(PI())", "180.0"}},
              [](double v) { return v * kDegreesPerRadian; }),
        unary("RADIANS", "The angle in radians.", {{"RADIANS(180)", "3.141592653589793"}},
              [](double v) { return v / 180.0 * std::numbers::pi; }),
        constant("PI", std::numbers::pi, "The number pi.", "3.141592653589793"),
        constant("E", std::numbers::e, "The number e.", "2.718281828459045"),
        {.name = "RAND",
         .signature = "RAND([seed])",
         .documentation = "A random number in [0, 1), another one for every row.",
         .examples = {{"RAND() < 1", "TRUE"}},
         .deterministic = false,
         .bind =
             [](std::span<const ArgumentInfo> arguments) { return bindRandom("RAND", false, arguments); }},
        {.name = "RAND_INTEGER",
         .signature = "RAND_INTEGER([seed,] bound)",
         .documentation = "A random integer in [0, bound), another one for every row.",
         .examples = {{"RAND_INTEGER(1)", "0"}},
         .deterministic = false,
         .bind =
             [](std::span<const ArgumentInfo> arguments) {
                 return bindRandom("RAND_INTEGER", true, arguments);
             }},
    };
}

}  // namespace millrace
