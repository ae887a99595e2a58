// What kernels are made of: results with the arguments' validity, flat loops, and the errors of binding. For
// the functions room only.
#pragma once

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "batch/column.h"
#include "functions/function.h"

namespace millrace {

// UserError "sql.bad-argument": "UPPER takes (string), not (INT)".
[[noreturn]] void badArguments(std::string_view name, std::span<const ArgumentInfo> arguments,
                               std::string_view accepted);
void checkArgumentCount(std::string_view name, std::span<const ArgumentInfo> arguments, size_t least,
                        size_t most, std::string_view accepted);
// The literal text of an argument that must be one ("DAY" of EXTRACT).
std::string literalText(std::string_view name, std::span<const ArgumentInfo> arguments, size_t index,
                        std::string_view accepted);

std::vector<LogicalType> typesOf(std::span<const ArgumentInfo> arguments);  // as they are

inline bool anyNullable(std::span<const ArgumentInfo> arguments) {
    return std::any_of(arguments.begin(), arguments.end(),
                       [](const ArgumentInfo& a) { return a.type.nullable(); });
}

// A column of `rows` values, NULL where an argument is.
std::shared_ptr<Column> makeResult(const LogicalType& type, std::span<const ColumnPtr> arguments,
                                   size_t rows);
// into[i] &= from[i]
void intersectValidity(uint8_t* into, const uint8_t* from, size_t rows);

template <class R, class A, class Op>
ColumnPtr mapUnary(const LogicalType& type, std::span<const ColumnPtr> arguments, size_t rows, Op op) {
    auto result = makeResult(type, arguments, rows);
    R* const out = result->template mutableData<R>();
    const A* const a = arguments[0]->template data<A>();
    for (size_t i = 0; i < rows; ++i)
        out[i] = static_cast<R>(op(a[i]));
    return result;
}

template <class R, class A, class B, class Op>
ColumnPtr mapBinary(const LogicalType& type, std::span<const ColumnPtr> arguments, size_t rows, Op op) {
    auto result = makeResult(type, arguments, rows);
    R* const out = result->template mutableData<R>();
    const A* const a = arguments[0]->template data<A>();
    const B* const b = arguments[1]->template data<B>();
    for (size_t i = 0; i < rows; ++i)
        out[i] = static_cast<R>(op(a[i], b[i]));
    return result;
}

// Kernels over whole rows at once, for what is NULL wherever an argument is.
template <class R, class A, class Op>
ScalarKernel unaryKernel(LogicalType type, Op op) {
    return [type = std::move(type), op](const FunctionContext&, std::span<const ColumnPtr> arguments,
                                        size_t rows) { return mapUnary<R, A>(type, arguments, rows, op); };
}

template <class R, class A, class B, class Op>
ScalarKernel binaryKernel(LogicalType type, Op op) {
    return
        [type = std::move(type), op](const FunctionContext&, std::span<const ColumnPtr> arguments,
                                     size_t rows) { return mapBinary<R, A, B>(type, arguments, rows, op); };
}

// Calls op(row) where the result is not NULL so far; op returns false to make it NULL.
template <class Op>
void forValidRows(Column& result, size_t rows, Op op) {
    const uint8_t* valid = result.validity();
    for (size_t i = 0; i < rows; ++i) {
        if (valid != nullptr && valid[i] == 0) continue;
        if (!op(i)) {
            result.setNull(i);
            valid = result.validity();
        }
    }
}

// A STRING per row: op(row, std::string& out) fills `out` (empty before), or returns false for NULL.
template <class Op>
ColumnPtr mapToStrings(const LogicalType& type, std::span<const ColumnPtr> arguments, size_t rows, Op op) {
    auto result = makeResult(type, arguments, rows);
    StringView* const out = result->template mutableData<StringView>();
    StringHeap& heap = result->heap();
    std::string text;
    forValidRows(*result, rows, [&](size_t i) {
        text.clear();
        if (!op(i, text)) return false;
        out[i] = heap.add(text);
        return true;
    });
    return result;
}

}  // namespace millrace
