// Functions whose answer for a row depends on that row alone and is NULL where an argument is: told by a
// pattern of argument kinds and one operation on a row. For the functions room only.
#pragma once

#include "functions/kernels.h"
#include "functions/text_search.h"

namespace millrace {

// pattern: a letter an argument: s character string, i INT, l BIGINT, d DOUBLE, x character or binary string,
// b BOOLEAN, t TIMESTAMP. '[' begins the optional ones; a final '*' repeats the last one.
struct SimpleSpec {
    std::string name;
    std::vector<std::string> aliases;
    std::string pattern;
    std::string signature;
    std::string documentation;
    std::vector<FunctionExample> examples;
};

// The types that the arguments are cast to; UserError "sql.bad-argument" when they do not fit the pattern.
std::vector<LogicalType> matchPattern(const SimpleSpec& spec, std::span<const ArgumentInfo> arguments);

class Arguments {
  public:
    explicit Arguments(std::span<const ColumnPtr> columns) : columns_(columns) {}
    size_t count() const { return columns_.size(); }
    std::string_view text(size_t argument, size_t row) const {
        return columns_[argument]->data<StringView>()[row].view();
    }
    int32_t integer(size_t argument, size_t row) const { return columns_[argument]->data<int32_t>()[row]; }
    int64_t bigint(size_t argument, size_t row) const { return columns_[argument]->data<int64_t>()[row]; }
    double number(size_t argument, size_t row) const { return columns_[argument]->data<double>()[row]; }
    bool isNull(size_t argument, size_t row) const { return columns_[argument]->isNull(row); }

  private:
    std::span<const ColumnPtr> columns_;
};

// op(const Arguments&, row, R& out) returns false for NULL.
template <class R, class Op>
ScalarFunction valueFunction(SimpleSpec spec, LogicalType result, Op op) {
    ScalarFunction function{.name = spec.name,
                            .aliases = spec.aliases,
                            .signature = spec.signature,
                            .documentation = spec.documentation,
                            .examples = spec.examples};
    function.bind = [spec = std::move(spec), result, op](std::span<const ArgumentInfo> arguments) {
        BoundScalar bound;
        bound.arguments = matchPattern(spec, arguments);
        bound.result = result;
        bound.kernel = [result, op](const FunctionContext&, std::span<const ColumnPtr> columns, size_t rows) {
            auto column = makeResult(result, columns, rows);
            R* const out = column->template mutableData<R>();
            const Arguments given(columns);
            std::fill_n(out, rows, R());
            forValidRows(*column, rows, [&](size_t i) { return op(given, i, out[i]); });
            return ColumnPtr(column);
        };
        return bound;
    };
    return function;
}

// op(const Arguments&, row, std::string& out) fills `out`, empty before, and returns false for NULL.
template <class Op>
ScalarFunction textFunction(SimpleSpec spec, Op op, LogicalType result = LogicalType::string()) {
    ScalarFunction function{.name = spec.name,
                            .aliases = spec.aliases,
                            .signature = spec.signature,
                            .documentation = spec.documentation,
                            .examples = spec.examples};
    function.bind = [spec = std::move(spec), result, op](std::span<const ArgumentInfo> arguments) {
        BoundScalar bound;
        bound.arguments = matchPattern(spec, arguments);
        bound.result = result;
        bound.kernel = [result, op](const FunctionContext&, std::span<const ColumnPtr> columns, size_t rows) {
            const Arguments given(columns);
            return mapToStrings(result, columns, rows,
                                [&](size_t i, std::string& out) { return op(given, i, out); });
        };
        return bound;
    };
    return function;
}

// op(const Arguments&, row) returns a part of the first argument's text, which is not copied.
template <class Op>
ScalarFunction partFunction(SimpleSpec spec, Op op) {
    ScalarFunction function{.name = spec.name,
                            .aliases = spec.aliases,
                            .signature = spec.signature,
                            .documentation = spec.documentation,
                            .examples = spec.examples};
    function.bind = [spec = std::move(spec), op](std::span<const ArgumentInfo> arguments) {
        BoundScalar bound;
        bound.arguments = matchPattern(spec, arguments);
        bound.result = LogicalType::string();
        bound.kernel = [op](const FunctionContext&, std::span<const ColumnPtr> columns, size_t rows) {
            auto column = makeResult(LogicalType::string(), columns, rows);
            auto* const out = column->mutableData<StringView>();
            const auto* const in = columns[0]->data<StringView>();
            const Arguments given(columns);
            constexpr size_t kAhead = 16;  // the texts lie anywhere: fetched before they are looked at
            forValidRows(*column, rows, [&](size_t i) {
                if (i + kAhead < rows) {
                    __builtin_prefetch(in[i + kAhead].data());
                    __builtin_prefetch(in[i + kAhead].data() + 63);
                }
                const std::optional<std::string_view> part = op(given, i, in[i].view());
                if (part) out[i] = viewOfPart(in[i].view(), *part);
                return part.has_value();
            });
            column->keepAllOf(*columns[0]);
            return ColumnPtr(column);
        };
        return bound;
    };
    return function;
}

}  // namespace millrace
