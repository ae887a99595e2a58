// The cast kernels' families; each returns nothing for pairs that are not its own.
#pragma once

#include "functions/kernels.h"

namespace millrace::cast {

struct Request {
    LogicalType from;
    LogicalType to;
    bool or_null = false;
};

struct Found {
    ScalarKernel kernel;
    bool total = false;
    bool context_free = true;
    bool may_be_null = false;  // NULL for some values that are not
};

std::optional<Found> numeric(const Request& request);   // numbers, BOOLEAN, intervals
std::optional<Found> toText(const Request& request);    // anything to CHAR, VARCHAR, BINARY, VARBINARY
std::optional<Found> fromText(const Request& request);  // character strings to anything flat
std::optional<Found> temporal(const Request& request);  // dates and times
std::optional<Found> nested(const Request& request);    // ARRAY, MAP, MULTISET, ROW, part by part
std::optional<Found> fromVariant(const Request& request);

// "cannot cast 'abc' to INT"
[[noreturn]] void fail(const Request& request, const Column& column, size_t row);

// out[i] = op(in[i]), where op(value, R& out) returns false for a value that cannot be converted.
template <class R, class A, class Op>
ScalarKernel checkedKernel(const Request& request, Op op) {
    return [request, op](const FunctionContext& context, std::span<const ColumnPtr> arguments, size_t rows) {
        auto result = makeResult(request.to, arguments, rows);
        R* const out = result->template mutableData<R>();
        const A* const in = arguments[0]->template data<A>();
        auto convert = op(context);
        const uint8_t* const valid = arguments[0]->validity();
        for (size_t i = 0; i < rows; ++i) {
            if (valid != nullptr && valid[i] == 0) {
                out[i] = R();
                continue;
            }
            if (!convert(in[i], out[i])) [[unlikely]] {
                if (!request.or_null) fail(request, *arguments[0], i);
                out[i] = R();
                result->setNull(i);
            }
        }
        return ColumnPtr(result);
    };
}

}  // namespace millrace::cast
