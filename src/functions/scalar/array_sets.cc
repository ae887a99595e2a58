// Functions of several ARRAYs or several MAPs.
#include "functions/lists.h"
#include "types/coercion.h"

namespace millrace {

namespace {

// The argument of every row, as elements of one column.
struct ListArguments {
    explicit ListArguments(std::span<const ColumnPtr> columns) : joined(elementsOf(columns, lists)) {}
    ElementRange at(size_t argument, size_t row) const {
        return joined.moved(lists[argument].at(row), argument);
    }

    std::vector<Lists> lists;
    JoinedElements joined;

  private:
    static std::vector<ColumnPtr> elementsOf(std::span<const ColumnPtr> columns, std::vector<Lists>& lists) {
        std::vector<ColumnPtr> parts;
        for (const ColumnPtr& column : columns)
            parts.push_back(lists.emplace_back(column).elements());
        return parts;
    }
};

// All of one type, of the kind.
BoundScalar bindLists(std::string_view name, TypeKind kind, size_t least, size_t most,
                      std::string_view accepted, std::span<const ArgumentInfo> arguments) {
    checkArgumentCount(name, arguments, least, most, accepted);
    std::vector<LogicalType> types;
    for (const ArgumentInfo& argument : arguments) {
        if (argument.type.kind() != kind) badArguments(name, arguments, accepted);
        types.push_back(argument.type);
    }
    BoundScalar bound;
    bound.result = commonElementType(name, arguments, types, accepted);
    bound.arguments.assign(arguments.size(), bound.result.withNullable(true));
    return bound;
}

// take(result, arguments, seen, row) for rows without a NULL among the arguments; `keys_of` gives what a set
// is made of.
template <class KeysOf, class Take>
ScalarKernel setKernel(LogicalType type, KeysOf keys_of, Take take) {
    return [type = std::move(type), keys_of, take](const FunctionContext&, std::span<const ColumnPtr> columns,
                                                   size_t rows) {
        const ListArguments arguments(columns);
        ElementSet seen(keys_of(arguments.joined.all()));
        ListResult result(type, columns, rows);
        for (size_t row = 0; row < rows; ++row) {
            if (!result.isNull(row)) {
                seen.clear();
                take(result, arguments, seen, row);
            }
            result.endRow();
        }
        return result.finish(arguments.joined.all());
    };
}

template <class Take>
ScalarFunction setFunction(const std::string& name, std::string documentation,
                           std::vector<FunctionExample> examples, Take take) {
    ScalarFunction function{.name = name,
                            .signature = name + "(array1, array2)",
                            .documentation = std::move(documentation),
                            .examples = std::move(examples)};
    function.bind = [name, take](std::span<const ArgumentInfo> arguments) {
        BoundScalar bound = bindLists(name, TypeKind::Array, 2, 2, "two ARRAYs of a common type", arguments);
        bound.kernel = setKernel(
            bound.result, [](const ColumnPtr& elements) { return elements; }, take);
        return bound;
    };
    return function;
}

BoundScalar bindConcat(std::span<const ArgumentInfo> arguments) {
    BoundScalar bound =
        bindLists("ARRAY_CONCAT", TypeKind::Array, 1, SIZE_MAX, "ARRAYs of a common type", arguments);
    bound.kernel = [type = bound.result](const FunctionContext&, std::span<const ColumnPtr> columns,
                                         size_t rows) {
        const ListArguments lists(columns);
        ListResult result(type, columns, rows);
        for (size_t row = 0; row < rows; ++row) {
            for (size_t i = 0; i < columns.size() && !result.isNull(row); ++i)
                result.take(lists.at(i, row));
            result.endRow();
        }
        return result.finish(lists.joined.all());
    };
    return bound;
}

BoundScalar bindMapUnion(std::span<const ArgumentInfo> arguments) {
    BoundScalar bound =
        bindLists("MAP_UNION", TypeKind::Map, 1, SIZE_MAX, "MAPs of a common type", arguments);
    bound.kernel = setKernel(
        bound.result, [](const ColumnPtr& pairs) { return pairs->children()[0]; },
        [](ListResult& result, const ListArguments& maps, ElementSet& seen, size_t row) {
            // From the last MAP on: its value of a key is the one that counts, at the key's first place.
            for (size_t i = maps.lists.size(); i-- > 0;) {
                const ElementRange range = maps.at(i, row);
                for (uint32_t pair = range.begin; pair < range.end; ++pair)
                    seen.add(pair);
            }
            std::vector<uint32_t>& chosen = result.chosen();
            const auto first = static_cast<std::ptrdiff_t>(chosen.size());
            for (size_t i = 0; i < maps.lists.size(); ++i) {
                const ElementRange range = maps.at(i, row);
                for (uint32_t pair = range.begin; pair < range.end; ++pair) {
                    const uint32_t last = seen.find(pair);
                    const bool taken =
                        i > 0 && std::find(chosen.begin() + first, chosen.end(), last) != chosen.end();
                    if (!taken) result.take(last);
                }
            }
        });
    return bound;
}

}  // namespace

std::vector<ScalarFunction> describeScalarArraySets() {
    return {
        setFunction("ARRAY_UNION", "The elements of either ARRAY, each once.",
                    {{"ARRAY_UNION(ARRAY[1, 2], ARRAY[2, 3])", "[1, 2, 3]"}},
                    [](ListResult& result, const ListArguments& arrays, ElementSet& seen, size_t row) {
                        for (size_t i = 0; i < 2; ++i) {
                            const ElementRange range = arrays.at(i, row);
                            for (uint32_t element = range.begin; element < range.end; ++element) {
                                if (seen.add(element) == element) result.take(element);
                            }
                        }
                    }),
        setFunction("ARRAY_EXCEPT", "The elements of the first ARRAY that are not in the second, each once.",
                    {{"ARRAY_EXCEPT(ARRAY[1, 2, 2, 3], ARRAY[1])", "[2, 3]"}},
                    [](ListResult& result, const ListArguments& arrays, ElementSet& seen, size_t row) {
                        const ElementRange without = arrays.at(1, row);
                        for (uint32_t element = without.begin; element < without.end; ++element)
                            seen.add(element);
                        const ElementRange range = arrays.at(0, row);
                        for (uint32_t element = range.begin; element < range.end; ++element) {
                            if (seen.add(element) == element) result.take(element);
                        }
                    }),
        setFunction(
            "ARRAY_INTERSECT", "The elements of the first ARRAY that are in the second too, each once.",
            {{"ARRAY_INTERSECT(ARRAY[3, 1, 1, 2], ARRAY[1, 3])", "[3, 1]"}},
            [](ListResult& result, const ListArguments& arrays, ElementSet& seen, size_t row) {
                const ElementRange other = arrays.at(1, row);
                for (uint32_t element = other.begin; element < other.end; ++element)
                    seen.add(element);
                const ElementRange range = arrays.at(0, row);
                std::vector<uint32_t>& chosen = result.chosen();
                const size_t first = chosen.size();
                for (uint32_t element = range.begin; element < range.end; ++element) {
                    if (seen.has(element)) result.take(element);
                }
                seen.clear();
                chosen.erase(std::remove_if(chosen.begin() + static_cast<std::ptrdiff_t>(first), chosen.end(),
                                            [&](uint32_t element) { return seen.add(element) != element; }),
                             chosen.end());
            }),
        {.name = "ARRAY_CONCAT",
         .signature = "ARRAY_CONCAT(array, ...)",
         .documentation = "The elements of all the ARRAYs, one after the other.",
         .examples = {{"ARRAY_CONCAT(ARRAY[1, 2], ARRAY[2], ARRAY[3])", "[1, 2, 2, 3]"}},
         .bind = bindConcat},
        {.name = "MAP_UNION",
         .signature = "MAP_UNION(map, ...)",
         .documentation =
             "The entries of all the MAPs; of a key that several have, the value of the last one.",
         .examples = {{"MAP_UNION(MAP['a', 1, 'b', 2], MAP['b', 3])", "{a=1, b=3}"}},
         .bind = bindMapUnion},
    };
}

}  // namespace millrace
