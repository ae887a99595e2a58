#include "functions/arithmetic.h"
#include "functions/kernels.h"
#include "types/coercion.h"
#include "types/decimal.h"

namespace millrace {

namespace {

// op(a, b) gives nothing where the result does not fit, which is NULL.
template <class R, class A, class B, class Op>
ScalarKernel checkedDecimalKernel(const LogicalType& type, Op op) {
    return [type, op](const FunctionContext&, std::span<const ColumnPtr> columns, size_t rows) {
        auto result = makeResult(type, columns, rows);
        R* const out = result->template mutableData<R>();
        const A* const a = columns[0]->template data<A>();
        const B* const b = columns[1]->template data<B>();
        const uint8_t* valid = result->validity();
        for (size_t i = 0; i < rows; ++i) {
            out[i] = 0;
            if (valid != nullptr && valid[i] == 0) continue;
            const std::optional<Int128> value = op(a[i], b[i]);
            if (value) {
                out[i] = static_cast<R>(*value);
            } else {
                result->setNull(i);
                valid = result->validity();
            }
        }
        return ColumnPtr(result);
    };
}

template <class Op>
ScalarKernel forWidths(const LogicalType& type, const LogicalType& a, const LogicalType& b, Op op) {
    const auto withResult = [&]<class R>() {
        const bool a_wide = a.physical() == PhysicalType::Int128;
        const bool b_wide = b.physical() == PhysicalType::Int128;
        if (a_wide)
            return b_wide ? checkedDecimalKernel<R, Int128, Int128>(type, op)
                          : checkedDecimalKernel<R, Int128, int64_t>(type, op);
        return b_wide ? checkedDecimalKernel<R, int64_t, Int128>(type, op)
                      : checkedDecimalKernel<R, int64_t, int64_t>(type, op);
    };
    return type.physical() == PhysicalType::Int128 ? withResult.template operator()<Int128>()
                                                   : withResult.template operator()<int64_t>();
}

struct Scales {
    int a;
    int b;
    int result;
    int precision;
};

// Where no digit is lost and nothing can overflow, sums and differences are plain ones of arguments cast to
// the result.
template <class R>
ScalarKernel plainSum(const LogicalType& type, bool subtract) {
    if (subtract) return binaryKernel<R, R, R>(type, [](R a, R b) { return a - b; });
    return binaryKernel<R, R, R>(type, [](R a, R b) { return a + b; });
}

ScalarKernel sumKernel(const LogicalType& type, const LogicalType& a, const LogicalType& b, Scales scales,
                       bool subtract) {
    return forWidths(type, a, b, [scales, subtract](Int128 x, Int128 y) -> std::optional<Int128> {
        const int exact = std::max(scales.a, scales.b);
        const auto left = rescaleDecimal(x, scales.a, exact, 38);
        const auto right = rescaleDecimal(y, scales.b, exact, 38);
        if (!left || !right) return std::nullopt;
        return rescaleDecimal(subtract ? *left - *right : *left + *right, exact, scales.result,
                              scales.precision);
    });
}

ScalarKernel productKernel(const LogicalType& type, const LogicalType& a, const LogicalType& b,
                           Scales scales) {
    if (type.physical() == PhysicalType::Int64) {
        return binaryKernel<int64_t, int64_t, int64_t>(type, [](int64_t x, int64_t y) { return x * y; });
    }
    return forWidths(type, a, b, [scales](Int128 x, Int128 y) {
        return multiplyDecimal(x, y, scales.a + scales.b, scales.precision, scales.result);
    });
}

ScalarKernel quotientKernel(const LogicalType& type, const LogicalType& a, const LogicalType& b,
                            Scales scales) {
    return forWidths(type, a, b, [scales](Int128 x, Int128 y) {
        if (y == 0) divisionByZero();
        return divideDecimal(x, scales.a, y, scales.b, scales.precision, scales.result);
    });
}

ScalarKernel remainderKernel(const LogicalType& type, const LogicalType& a, const LogicalType& b,
                             Scales scales) {
    return forWidths(type, a, b, [scales](Int128 x, Int128 y) -> std::optional<Int128> {
        if (y == 0) divisionByZero();
        const int exact = std::max(scales.a, scales.b);
        const auto left = rescaleDecimal(x, scales.a, exact, 38);
        const auto right = rescaleDecimal(y, scales.b, exact, 38);
        if (!left || !right) return std::nullopt;
        return rescaleDecimal(*left % *right, exact, scales.result, scales.precision);
    });
}

}  // namespace

BoundScalar bindDecimalArithmetic(Arithmetic operation, std::span<const ArgumentInfo> arguments) {
    const LogicalType a = decimalFor(arguments[0].type);
    const LogicalType b = decimalFor(arguments[1].type);
    BoundScalar bound;
    bound.arguments = {a, b};
    bound.total = operation != Arithmetic::Divide && operation != Arithmetic::Modulo;
    switch (operation) {
        case Arithmetic::Add:
        case Arithmetic::Subtract:
            bound.result = decimalAddType(a, b);
            break;
        case Arithmetic::Multiply:
            bound.result = decimalMultiplyType(a, b);
            break;
        case Arithmetic::Divide:
            bound.result = decimalDivideType(a, b);
            break;
        case Arithmetic::Modulo:
            bound.result = decimalModuloType(a, b);
            break;
    }
    const bool may_overflow = bound.result.precision() == LogicalType::kMaxDecimalPrecision;
    if (may_overflow) bound.result = bound.result.withNullable(true);
    const Scales scales{a.scale(), b.scale(), bound.result.scale(), bound.result.precision()};
    switch (operation) {
        case Arithmetic::Add:
        case Arithmetic::Subtract: {
            const bool subtract = operation == Arithmetic::Subtract;
            if (may_overflow) {
                bound.kernel = sumKernel(bound.result, a, b, scales, subtract);
                break;
            }
            bound.arguments.assign(2, bound.result.withNullable(true));
            bound.kernel = bound.result.physical() == PhysicalType::Int64
                               ? plainSum<int64_t>(bound.result, subtract)
                               : plainSum<Int128>(bound.result, subtract);
            break;
        }
        case Arithmetic::Multiply:
            bound.kernel = productKernel(bound.result, a, b, scales);
            break;
        case Arithmetic::Divide:
            bound.kernel = quotientKernel(bound.result, a, b, scales);
            break;
        case Arithmetic::Modulo:
            bound.kernel = remainderKernel(bound.result, a, b, scales);
            break;
    }
    return bound;
}

}  // namespace millrace
