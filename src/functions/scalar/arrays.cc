// Functions of one ARRAY, and of one and a value or a text.
#include "functions/lists.h"
#include "functions/text_search.h"
#include "functions/utf8.h"
#include "types/coercion.h"

namespace millrace {

namespace {

struct Help {
    std::string name;
    std::string signature;
    std::string documentation;
    std::vector<FunctionExample> examples;
};

template <class Bind>
ScalarFunction described(Help help, Bind bind) {
    ScalarFunction function{.name = help.name,
                            .signature = help.signature,
                            .documentation = std::move(help.documentation),
                            .examples = std::move(help.examples)};
    function.bind = [name = std::move(help.name), accepted = std::move(help.signature), bind](
                        std::span<const ArgumentInfo> arguments) { return bind(name, accepted, arguments); };
    return function;
}

const LogicalType& arrayAt(std::string_view name, std::string_view accepted,
                           std::span<const ArgumentInfo> arguments, size_t index) {
    if (index >= arguments.size() || arguments[index].type.kind() != TypeKind::Array)
        badArguments(name, arguments, accepted);
    return arguments[index].type;
}

// NULL where an argument is: each(result, range, row) takes the row's elements.
template <class Each>
ScalarKernel elementsKernel(LogicalType type, Each each) {
    return [type = std::move(type), each](const FunctionContext&, std::span<const ColumnPtr> columns,
                                          size_t rows) {
        const Lists lists(columns[0]);
        ListResult result(type, columns, rows);
        auto take = each(columns, lists);
        for (size_t row = 0; row < rows; ++row) {
            if (!result.isNull(row)) take(result, lists.at(row), row);
            result.endRow();
        }
        return result.finish(lists.elements());
    };
}

ScalarFunction reverseFunction() {
    return described(
        {"ARRAY_REVERSE",
         "ARRAY_REVERSE(array)",
         "The elements from last to first.",
         {{"ARRAY_REVERSE(ARRAY[1, 2, 3])", "[3, 2, 1]"}}},
        [](std::string_view name, std::string_view accepted, std::span<const ArgumentInfo> arguments) {
            checkArgumentCount(name, arguments, 1, 1, accepted);
            BoundScalar bound;
            bound.result = arrayAt(name, accepted, arguments, 0);
            bound.arguments = {bound.result};
            bound.kernel = elementsKernel(bound.result, [](auto, const Lists&) {
                return [](ListResult& result, ElementRange range, size_t) {
                    for (uint32_t element = range.end; element-- > range.begin;)
                        result.take(element);
                };
            });
            return bound;
        });
}

ScalarFunction sliceFunction() {
    return described(
        {"ARRAY_SLICE",
         "ARRAY_SLICE(array, start [, end])",
         "The elements from `start` to `end`, both included, or to the last one. Counted from 1, from the "
         "end "
         "when negative; 0 is the first.",
         {{"ARRAY_SLICE(ARRAY[1, 2, 3, 4], 2, 3)", "[2, 3]"}, {"ARRAY_SLICE(ARRAY[1, 2, 3], -2)", "[2, 3]"}}},
        [](std::string_view name, std::string_view accepted, std::span<const ArgumentInfo> arguments) {
            checkArgumentCount(name, arguments, 2, 3, accepted);
            BoundScalar bound;
            bound.result = arrayAt(name, accepted, arguments, 0).withNullable(anyNullable(arguments));
            bound.arguments = {arguments[0].type};
            for (const ArgumentInfo& offset : arguments.subspan(1)) {
                if (!offset.type.isInteger() && offset.type.kind() != TypeKind::Null)
                    badArguments(name, arguments, accepted);
                bound.arguments.push_back(LogicalType::bigint());
            }
            bound.kernel = elementsKernel(bound.result, [](std::span<const ColumnPtr> columns, const Lists&) {
                const auto* const starts = columns[1]->data<int64_t>();
                const auto* const ends = columns.size() > 2 ? columns[2]->data<int64_t>() : nullptr;
                return [=](ListResult& result, ElementRange range, size_t row) {
                    const int64_t size = range.size();
                    int64_t start = starts[row];
                    int64_t end = ends != nullptr ? ends[row] : size;
                    if (start < 0) start += size + 1;
                    if (end < 0) end += size + 1;
                    start = std::max<int64_t>(start, 1);
                    end = end == 0 ? 1 : std::min(end, size);
                    for (int64_t i = start; i <= end && i <= size; ++i)
                        result.take(range.begin + static_cast<uint32_t>(i - 1));
                };
            });
            return bound;
        });
}

ScalarFunction sortFunction() {
    return described(
        {"ARRAY_SORT",
         "ARRAY_SORT(array [, ascending [, nulls_first]])",
         "The elements in ascending order with NULLs first; in descending order with NULLs last if "
         "`ascending` "
         "is FALSE.",
         {{"ARRAY_SORT(ARRAY[3, 1, CAST(NULL AS INT), 2])", "[NULL, 1, 2, 3]"},
          {"ARRAY_SORT(ARRAY[3, 1, 2], FALSE)", "[3, 2, 1]"}}},
        [](std::string_view name, std::string_view accepted, std::span<const ArgumentInfo> arguments) {
            checkArgumentCount(name, arguments, 1, 3, accepted);
            BoundScalar bound;
            bound.result = arrayAt(name, accepted, arguments, 0).withNullable(anyNullable(arguments));
            if (!isOrderable(bound.result.element())) badArguments(name, arguments, accepted);
            bound.arguments = {arguments[0].type};
            for (const ArgumentInfo& flag : arguments.subspan(1)) {
                if (flag.type.kind() != TypeKind::Boolean && flag.type.kind() != TypeKind::Null)
                    badArguments(name, arguments, accepted);
                bound.arguments.push_back(LogicalType::boolean());
            }
            bound.kernel =
                elementsKernel(bound.result, [](std::span<const ColumnPtr> columns, const Lists& lists) {
                    return [columns, &lists, comparer = ElementComparer(*lists.elements())](
                               ListResult& result, ElementRange range, size_t row) {
                        const bool ascending = columns.size() < 2 || columns[1]->data<uint8_t>()[row] != 0;
                        const bool nulls_first =
                            columns.size() < 3 ? ascending : columns[2]->data<uint8_t>()[row] != 0;
                        std::vector<uint32_t>& chosen = result.chosen();
                        const auto first = static_cast<std::ptrdiff_t>(chosen.size());
                        result.take(range);
                        const auto is_first = [&](uint32_t element) {
                            return lists.elements()->isNull(element) == nulls_first;
                        };
                        auto middle = std::stable_partition(chosen.begin() + first, chosen.end(), is_first);
                        auto from = nulls_first ? middle : chosen.begin() + first;
                        auto to = nulls_first ? chosen.end() : middle;
                        std::stable_sort(from, to, [&](uint32_t a, uint32_t b) {
                            return ascending ? comparer.less(a, b) : comparer.less(b, a);
                        });
                    };
                });
            return bound;
        });
}

ScalarFunction distinctFunction() {
    return described(
        {"ARRAY_DISTINCT",
         "ARRAY_DISTINCT(array)",
         "The elements without those that were there before.",
         {{"ARRAY_DISTINCT(ARRAY[1, 2, 1, 3, 2])", "[1, 2, 3]"}}},
        [](std::string_view name, std::string_view accepted, std::span<const ArgumentInfo> arguments) {
            checkArgumentCount(name, arguments, 1, 1, accepted);
            BoundScalar bound;
            bound.result = arrayAt(name, accepted, arguments, 0);
            bound.arguments = {bound.result};
            bound.kernel = elementsKernel(bound.result, [](auto, const Lists& lists) {
                return [seen = ElementSet(lists.elements())](ListResult& result, ElementRange range,
                                                             size_t) mutable {
                    seen.clear();
                    for (uint32_t element = range.begin; element < range.end; ++element) {
                        if (seen.add(element) == element) result.take(element);
                    }
                };
            });
            return bound;
        });
}

// An ARRAY and a value that may be one of its elements, brought to one type.
BoundScalar withElement(std::string_view name, std::string_view accepted,
                        std::span<const ArgumentInfo> arguments) {
    checkArgumentCount(name, arguments, 2, 2, accepted);
    const LogicalType& array = arrayAt(name, accepted, arguments, 0);
    const LogicalType types[] = {array.element(), arguments[1].type};
    const LogicalType element = commonElementType(name, arguments, types, accepted);
    BoundScalar bound;
    bound.arguments = {LogicalType::array(element).withNullable(array.nullable()), element};
    return bound;
}

// The elements of an ARRAY and, behind them, the values of a column.
struct Haystack {
    explicit Haystack(std::span<const ColumnPtr> columns)
        : lists(columns[0]), parts{lists.elements(), columns[1]}, joined(parts), comparer(*joined.all()) {}
    uint32_t needle(size_t row) const { return joined.base(1) + static_cast<uint32_t>(row); }
    // The place of the row's value among the row's elements, from 1; 0 if it is not there.
    uint32_t find(size_t row) const {
        const ElementRange range = lists.at(row);
        for (uint32_t element = range.begin; element < range.end; ++element) {
            if (comparer.equal(element, needle(row))) return element - range.begin + 1;
        }
        return 0;
    }

    Lists lists;
    ColumnPtr parts[2];
    JoinedElements joined;
    ElementComparer comparer;
};

ScalarFunction containsFunction() {
    return described(
        {"ARRAY_CONTAINS",
         "ARRAY_CONTAINS(array, value)",
         "TRUE if the value is an element, as NULL can be too.",
         {{"ARRAY_CONTAINS(ARRAY[1, 2], 2)", "TRUE"}, {"ARRAY_CONTAINS(ARRAY['a'], 'b')", "FALSE"}}},
        [](std::string_view name, std::string_view accepted, std::span<const ArgumentInfo> arguments) {
            BoundScalar bound = withElement(name, accepted, arguments);
            bound.result = LogicalType::boolean().withNullable(arguments[0].type.nullable());
            bound.kernel = [type = bound.result](const FunctionContext&, std::span<const ColumnPtr> columns,
                                                 size_t rows) {
                const Haystack haystack(columns);
                auto result = makeResult(type, columns.first(1), rows);
                for (size_t row = 0; row < rows; ++row)
                    result->mutableData<uint8_t>()[row] = static_cast<uint8_t>(haystack.find(row) != 0);
                return ColumnPtr(result);
            };
            return bound;
        });
}

ScalarFunction positionFunction() {
    return described(
        {"ARRAY_POSITION",
         "ARRAY_POSITION(array, value)",
         "The place of the first element that equals the value, counted from 1; 0 if there is none.",
         {{"ARRAY_POSITION(ARRAY['a', 'b', 'b'], 'b')", "2"}, {"ARRAY_POSITION(ARRAY[1], 7)", "0"}}},
        [](std::string_view name, std::string_view accepted, std::span<const ArgumentInfo> arguments) {
            BoundScalar bound = withElement(name, accepted, arguments);
            bound.result = LogicalType::integer().withNullable(anyNullable(arguments));
            bound.kernel = [type = bound.result](const FunctionContext&, std::span<const ColumnPtr> columns,
                                                 size_t rows) {
                const Haystack haystack(columns);
                auto result = makeResult(type, columns, rows);
                for (size_t row = 0; row < rows; ++row)
                    result->mutableData<int32_t>()[row] = static_cast<int32_t>(haystack.find(row));
                return ColumnPtr(result);
            };
            return bound;
        });
}

// take(result, haystack, range, row) for rows whose ARRAY is not NULL; the value may be NULL.
template <class Take>
ScalarKernel haystackKernel(LogicalType type, Take take) {
    return [type = std::move(type), take](const FunctionContext&, std::span<const ColumnPtr> columns,
                                          size_t rows) {
        const Haystack haystack(columns);
        ListResult result(type, columns.first(1), rows);
        for (size_t row = 0; row < rows; ++row) {
            if (!result.isNull(row)) take(result, haystack, haystack.lists.at(row), row);
            result.endRow();
        }
        return result.finish(haystack.joined.all());
    };
}

template <class Take>
ScalarFunction haystackFunction(Help help, Take take) {
    return described(std::move(help), [take](std::string_view name, std::string_view accepted,
                                             std::span<const ArgumentInfo> arguments) {
        BoundScalar bound = withElement(name, accepted, arguments);
        bound.result = bound.arguments[0];
        bound.kernel = haystackKernel(bound.result, take);
        return bound;
    });
}

ScalarFunction joinFunction() {
    return described(
        {"ARRAY_JOIN",
         "ARRAY_JOIN(array, delimiter [, null_replacement])",
         "The strings with the delimiter between them. NULLs are left out, or replaced.",
         {{"ARRAY_JOIN(ARRAY['a', 'b'], '-')", "a-b"},
          {"ARRAY_JOIN(ARRAY['a', CAST(NULL AS STRING)], '-', '?')", "a-?"}}},
        [](std::string_view name, std::string_view accepted, std::span<const ArgumentInfo> arguments) {
            checkArgumentCount(name, arguments, 2, 3, accepted);
            if (!arrayAt(name, accepted, arguments, 0).element().isCharacter())
                badArguments(name, arguments, accepted);
            BoundScalar bound;
            bound.arguments = {arguments[0].type};
            for (const ArgumentInfo& text : arguments.subspan(1)) {
                if (!text.type.isCharacter() && text.type.kind() != TypeKind::Null)
                    badArguments(name, arguments, accepted);
                bound.arguments.push_back(LogicalType::string());
            }
            bound.result = LogicalType::string().withNullable(anyNullable(arguments));
            bound.kernel = [type = bound.result](const FunctionContext&, std::span<const ColumnPtr> columns,
                                                 size_t rows) {
                const Lists lists(columns[0]);
                const auto* const texts = lists.elements()->data<StringView>();
                const auto* const delimiters = columns[1]->data<StringView>();
                return mapToStrings(type, columns, rows, [&](size_t row, std::string& out) {
                    const ElementRange range = lists.at(row);
                    bool first = true;
                    for (uint32_t element = range.begin; element < range.end; ++element) {
                        const bool null = lists.elements()->isNull(element);
                        if (null && columns.size() < 3) continue;
                        if (!first) out += delimiters[row].view();
                        first = false;
                        out += null ? columns[2]->data<StringView>()[row].view() : texts[element].view();
                    }
                    return true;
                });
            };
            return bound;
        });
}

template <bool kGreatest>
ScalarFunction extremeFunction(Help help) {
    return described(std::move(help), [](std::string_view name, std::string_view accepted,
                                         std::span<const ArgumentInfo> arguments) {
        checkArgumentCount(name, arguments, 1, 1, accepted);
        const LogicalType& array = arrayAt(name, accepted, arguments, 0);
        if (!isOrderable(array.element())) badArguments(name, arguments, accepted);
        BoundScalar bound;
        bound.arguments = {array};
        bound.result = array.element().withNullable(true);
        bound.kernel = [type = bound.result](const FunctionContext&, std::span<const ColumnPtr> columns,
                                             size_t rows) {
            const Lists lists(columns[0]);
            const ElementComparer comparer(*lists.elements());
            Selection chosen(rows, kNoElement);
            for (size_t row = 0; row < rows; ++row) {
                const ElementRange range = lists.at(row);
                uint32_t best = kNoElement;
                for (uint32_t element = range.begin; element < range.end; ++element) {
                    if (lists.elements()->isNull(element)) continue;
                    const bool better = best == kNoElement || (kGreatest ? comparer.less(best, element)
                                                                         : comparer.less(element, best));
                    if (better) best = element;
                }
                chosen[row] = best;
            }
            return chosenElements(lists.elements(), chosen, type);
        };
        return bound;
    });
}

ScalarFunction splitFunction() {
    return described(
        {"SPLIT",
         "SPLIT(string, delimiter)",
         "The parts between the delimiters as an ARRAY; every character if the delimiter is empty.",
         {{"SPLIT('a,b,,c', ',')", "[a, b, , c]"}, {"SPLIT('añ', '')", "[a, ñ]"}, {"SPLIT('', ',')", "[]"}}},
        [](std::string_view name, std::string_view accepted, std::span<const ArgumentInfo> arguments) {
            checkArgumentCount(name, arguments, 2, 2, accepted);
            for (const ArgumentInfo& text : arguments) {
                if (!text.type.isCharacter() && text.type.kind() != TypeKind::Null)
                    badArguments(name, arguments, accepted);
            }
            BoundScalar bound;
            bound.arguments.assign(2, LogicalType::string());
            bound.result = LogicalType::array(LogicalType::string()).withNullable(anyNullable(arguments));
            bound.kernel = [type = bound.result](const FunctionContext&, std::span<const ColumnPtr> columns,
                                                 size_t rows) {
                ListResult result(type, columns, rows);
                std::vector<StringView> parts;
                const auto take = [&](std::string_view text, std::string_view part) {
                    result.take(static_cast<uint32_t>(parts.size()));
                    parts.push_back(viewOfPart(text, part));
                };
                for (size_t row = 0; row < rows; ++row, result.endRow()) {
                    if (result.isNull(row)) continue;
                    const std::string_view text = columns[0]->data<StringView>()[row].view();
                    const std::string_view delimiter = columns[1]->data<StringView>()[row].view();
                    if (text.empty()) continue;
                    for (size_t at = 0; delimiter.empty() && at < text.size();) {
                        const size_t size = characterOffset(text.substr(at), 1);
                        take(text, text.substr(at, size));
                        at += size;
                    }
                    for (size_t at = 0; !delimiter.empty() && at != std::string_view::npos;) {
                        const size_t end = findText(text, delimiter, at);
                        take(text, text.substr(at, end == std::string_view::npos ? end : end - at));
                        at = end == std::string_view::npos ? end : end + delimiter.size();
                    }
                }
                auto elements = std::make_shared<Column>(LogicalType::string(), parts.size());
                std::copy(parts.begin(), parts.end(), elements->mutableData<StringView>());
                elements->keepAllOf(*columns[0]);
                elements->keep(columns[0]);
                return result.finish(elements);
            };
            return bound;
        });
}

}  // namespace

std::vector<ScalarFunction> describeScalarArrays() {
    return {
        containsFunction(),
        positionFunction(),
        distinctFunction(),
        reverseFunction(),
        sliceFunction(),
        sortFunction(),
        joinFunction(),
        extremeFunction<true>({"ARRAY_MAX",
                               "ARRAY_MAX(array)",
                               "The greatest element that is not NULL.",
                               {{"ARRAY_MAX(ARRAY[1, 3, 2])", "3"}}}),
        extremeFunction<false>({"ARRAY_MIN",
                                "ARRAY_MIN(array)",
                                "The least element that is not NULL.",
                                {{"ARRAY_MIN(ARRAY['b', 'a'])", "a"}}}),
        haystackFunction({"ARRAY_REMOVE",
                          "ARRAY_REMOVE(array, value)",
                          "The elements without those that equal the value.",
                          {{"ARRAY_REMOVE(ARRAY[1, 2, 1], 1)", "[2]"}}},
                         [](ListResult& result, const Haystack& haystack, ElementRange range, size_t row) {
                             for (uint32_t element = range.begin; element < range.end; ++element) {
                                 if (!haystack.comparer.equal(element, haystack.needle(row)))
                                     result.take(element);
                             }
                         }),
        haystackFunction({"ARRAY_APPEND",
                          "ARRAY_APPEND(array, value)",
                          "The elements and, behind them, the value.",
                          {{"ARRAY_APPEND(ARRAY[1, 2], 3)", "[1, 2, 3]"}}},
                         [](ListResult& result, const Haystack& haystack, ElementRange range, size_t row) {
                             result.take(range);
                             result.take(haystack.needle(row));
                         }),
        haystackFunction({"ARRAY_PREPEND",
                          "ARRAY_PREPEND(array, value)",
                          "The value and, behind it, the elements.",
                          {{"ARRAY_PREPEND(ARRAY[2, 3], 1)", "[1, 2, 3]"}}},
                         [](ListResult& result, const Haystack& haystack, ElementRange range, size_t row) {
                             result.take(haystack.needle(row));
                             result.take(range);
                         }),
        splitFunction(),
    };
}

}  // namespace millrace
