// ARRAYs and MAPs: made of values, and what is in them.
#include "functions/lists.h"
#include "functions/variant.h"
#include "types/coercion.h"

namespace millrace {

namespace {

BoundScalar bindArray(std::span<const ArgumentInfo> arguments) {
    constexpr std::string_view accepted = "one or more values of a common type; CAST a NULL";
    checkArgumentCount("ARRAY", arguments, 1, SIZE_MAX, accepted);
    const LogicalType element = commonElementType("ARRAY", arguments, typesOf(arguments), accepted);
    BoundScalar bound;
    bound.result = LogicalType::array(element).withNullable(false);
    bound.arguments.assign(arguments.size(), element);
    bound.kernel = [type = bound.result](const FunctionContext&, std::span<const ColumnPtr> columns,
                                         size_t rows) {
        const JoinedElements elements(columns);
        ListResult result(type, {}, rows);
        for (size_t row = 0; row < rows; ++row) {
            for (size_t i = 0; i < columns.size(); ++i)
                result.take(elements.base(i) + static_cast<uint32_t>(row));
            result.endRow();
        }
        return result.finish(elements.all());
    };
    return bound;
}

// A later value of a key replaces an earlier one.
BoundScalar bindMap(std::span<const ArgumentInfo> arguments) {
    constexpr std::string_view accepted = "keys of a common type and values of a common type, in turn";
    checkArgumentCount("MAP", arguments, 2, SIZE_MAX, accepted);
    if (arguments.size() % 2 != 0) badArguments("MAP", arguments, accepted);
    std::vector<LogicalType> types[2];
    for (size_t i = 0; i < arguments.size(); ++i)
        types[i % 2].push_back(arguments[i].type);
    const LogicalType key = commonElementType("MAP", arguments, types[0], accepted);
    const LogicalType value = commonElementType("MAP", arguments, types[1], accepted);
    BoundScalar bound;
    bound.result = LogicalType::map(key, value).withNullable(false);
    for (size_t i = 0; i < arguments.size(); ++i)
        bound.arguments.push_back(i % 2 == 0 ? key : value);
    bound.kernel = [type = bound.result](const FunctionContext&, std::span<const ColumnPtr> columns,
                                         size_t rows) {
        std::vector<ColumnPtr> parts[2];
        for (size_t i = 0; i < columns.size(); ++i)
            parts[i % 2].push_back(columns[i]);
        const ColumnPtr keys = Column::concat(parts[0]);
        auto pairs = std::make_shared<Column>(listChildType(type), keys->size());
        pairs->setChildren({keys, Column::concat(parts[1])});
        ElementSet seen(keys);
        ListResult result(type, {}, rows);
        for (size_t row = 0; row < rows; ++row) {
            seen.clear();
            const size_t first = result.chosen().size();
            for (size_t i = 0; i < parts[0].size(); ++i) {
                const auto pair = static_cast<uint32_t>(i * rows + row);
                const uint32_t known = seen.add(pair);
                if (known == pair) {
                    result.take(pair);
                    continue;
                }
                for (size_t k = first; k < result.chosen().size(); ++k) {
                    const uint32_t taken = result.chosen()[k];
                    if (seen.find(taken) == known) result.chosen()[k] = pair;
                }
            }
            result.endRow();
        }
        return result.finish(pairs);
    };
    return bound;
}

BoundScalar bindArrayItem(std::span<const ArgumentInfo> arguments) {
    const LogicalType& array = arguments[0].type;
    if (!arguments[1].type.isInteger() && arguments[1].type.kind() != TypeKind::Null)
        badArguments("[]", arguments, "(ARRAY, number of an element, from 1)");
    if (arguments[1].literal && !arguments[1].literal->isNull() && arguments[1].literal->asInt64() < 1) {
        throw UserError("sql.bad-argument",
                        fmt::format("elements of an ARRAY are counted from 1, not from {}",
                                    arguments[1].literal->asInt64()));
    }
    BoundScalar bound;
    bound.result = array.element().withNullable(true);
    bound.arguments = {array, LogicalType::bigint()};
    bound.total = true;
    bound.kernel = [type = bound.result](const FunctionContext&, std::span<const ColumnPtr> columns,
                                         size_t rows) {
        const Lists lists(columns[0]);
        const auto* const indexes = columns[1]->data<int64_t>();
        Selection chosen(rows, kNoElement);
        for (size_t row = 0; row < rows; ++row) {
            const ElementRange range = lists.at(row);
            if (columns[1]->isNull(row) || indexes[row] < 1 || indexes[row] > range.size()) continue;
            chosen[row] = range.begin + static_cast<uint32_t>(indexes[row] - 1);
        }
        return chosenElements(lists.elements(), chosen, type);
    };
    return bound;
}

BoundScalar bindMapItem(std::span<const ArgumentInfo> arguments) {
    const LogicalType& map = arguments[0].type;
    const LogicalType both[] = {map.element().withNullable(true), arguments[1].type.withNullable(true)};
    const auto key = commonType(both);
    if (!key) badArguments("[]", arguments, "(MAP, one of its keys)");
    BoundScalar bound;
    bound.result = map.mapValue().withNullable(true);
    bound.arguments = {LogicalType::map(*key, map.mapValue()).withNullable(map.nullable()), *key};
    bound.total = true;
    bound.kernel = [type = bound.result](const FunctionContext&, std::span<const ColumnPtr> columns,
                                         size_t rows) {
        const Lists maps(columns[0]);
        const ColumnPtr parts[] = {maps.elements()->children()[0], columns[1]};
        const JoinedElements keys(parts);
        const ElementComparer comparer(*keys.all());
        Selection chosen(rows, kNoElement);
        for (size_t row = 0; row < rows; ++row) {
            const ElementRange range = maps.at(row);
            const uint32_t wanted = keys.base(1) + static_cast<uint32_t>(row);
            for (uint32_t pair = range.begin; pair < range.end && chosen[row] == kNoElement; ++pair) {
                if (comparer.equal(pair, wanted)) chosen[row] = pair;
            }
        }
        return chosenElements(maps.elements()->children()[1], chosen, type);
    };
    return bound;
}

// A ROW's field by its number, from 1, or its name.
BoundScalar bindRowItem(std::span<const ArgumentInfo> arguments) {
    constexpr std::string_view accepted = "(ROW, the number or the name of a field, as a literal)";
    const LogicalType& row = arguments[0].type;
    const auto& literal = arguments[1].literal;
    if (!literal || literal->isNull()) badArguments("[]", arguments, accepted);
    size_t field = row.fields().size();
    if (arguments[1].type.isInteger()) {
        field = static_cast<size_t>(literal->asInt64() - 1);
    } else if (arguments[1].type.isCharacter()) {
        for (size_t i = row.fields().size(); i-- > 0;) {
            if (row.fields()[i].name == literal->asString()) field = i;
        }
    }
    if (field >= row.fields().size()) badArguments("[]", arguments, accepted);
    BoundScalar bound;
    const LogicalType& type = row.fields()[field].type;
    bound.result = type.withNullable(type.nullable() || row.nullable());
    bound.arguments = {row, arguments[1].type};
    bound.total = true;
    bound.kernel = [type = bound.result, field](const FunctionContext&, std::span<const ColumnPtr> columns,
                                                size_t rows) {
        const ColumnPtr& values = columns[0]->children()[field];
        if (columns[0]->validity() == nullptr) return Column::retyped(values, type);
        Selection chosen(rows);
        for (size_t i = 0; i < rows; ++i)
            chosen[i] = columns[0]->isNull(i) ? kNoElement : static_cast<uint32_t>(i);
        return chosenElements(values, chosen, type);
    };
    return bound;
}

BoundScalar bindItem(std::span<const ArgumentInfo> arguments) {
    constexpr std::string_view accepted = "an ARRAY, a MAP, a ROW or a VARIANT before the brackets";
    checkArgumentCount("[]", arguments, 2, 2, accepted);
    switch (arguments[0].type.kind()) {
        case TypeKind::Array:
            return bindArrayItem(arguments);
        case TypeKind::Map:
            return bindMapItem(arguments);
        case TypeKind::Row:
            return bindRowItem(arguments);
        case TypeKind::Variant:
            return bindVariantItem(arguments);
        default:
            badArguments("[]", arguments, accepted);
    }
}

BoundScalar bindCardinality(std::span<const ArgumentInfo> arguments) {
    constexpr std::string_view accepted = "an ARRAY, a MAP or a MULTISET";
    checkArgumentCount("CARDINALITY", arguments, 1, 1, accepted);
    const LogicalType& type = arguments[0].type;
    if (!type.isNested() || type.kind() == TypeKind::Row) badArguments("CARDINALITY", arguments, accepted);
    BoundScalar bound;
    bound.result = LogicalType::integer().withNullable(type.nullable());
    bound.arguments = {type};
    bound.total = true;
    const bool multiset = type.kind() == TypeKind::Multiset;
    bound.kernel = [type = bound.result, multiset](const FunctionContext&, std::span<const ColumnPtr> columns,
                                                   size_t rows) {
        auto result = makeResult(type, columns, rows);
        auto* const out = result->mutableData<int32_t>();
        const auto* const offsets = columns[0]->data<int32_t>();
        for (size_t row = 0; row < rows; ++row)
            out[row] = offsets[row + 1] - offsets[row];
        if (multiset) {
            const Lists lists(columns[0]);
            const auto* const counts = lists.elements()->children()[1]->data<int32_t>();
            for (size_t row = 0; row < rows; ++row) {
                const ElementRange range = lists.at(row);
                out[row] = 0;
                for (uint32_t element = range.begin; element < range.end; ++element)
                    out[row] += counts[element];
            }
        }
        return ColumnPtr(result);
    };
    return bound;
}

BoundScalar bindElement(std::span<const ArgumentInfo> arguments) {
    constexpr std::string_view accepted = "an ARRAY or a MULTISET of one element";
    checkArgumentCount("ELEMENT", arguments, 1, 1, accepted);
    const LogicalType& type = arguments[0].type;
    const bool multiset = type.kind() == TypeKind::Multiset;
    if (!multiset && type.kind() != TypeKind::Array) badArguments("ELEMENT", arguments, accepted);
    BoundScalar bound;
    bound.result = type.element().withNullable(true);
    bound.arguments = {type};
    bound.kernel = [type = bound.result, multiset](const FunctionContext&, std::span<const ColumnPtr> columns,
                                                   size_t rows) {
        const Lists lists(columns[0]);
        const ColumnPtr& elements = multiset ? lists.elements()->children()[0] : lists.elements();
        Selection chosen(rows, kNoElement);
        for (size_t row = 0; row < rows; ++row) {
            const ElementRange range = lists.at(row);
            const bool repeated = multiset && range.size() == 1 &&
                                  lists.elements()->children()[1]->data<int32_t>()[range.begin] > 1;
            if (range.size() > 1 || repeated) {
                throw UserError("data.more-than-one-element",
                                fmt::format("ELEMENT takes a collection of at most one element, not {}",
                                            columns[0]->textAt(row)));
            }
            if (range.size() == 1) chosen[row] = range.begin;
        }
        return chosenElements(elements, chosen, type);
    };
    return bound;
}

}  // namespace

std::vector<ScalarFunction> describeScalarCollections() {
    return {
        {.name = "ARRAY",
         .signature = "ARRAY[value, ...]",
         .documentation = "An ARRAY of the values, which must have a common type.",
         .examples = {{"ARRAY[1, 2, 3]", "[1, 2, 3]"}, {"ARRAY['a', CAST(NULL AS STRING)]", "[a, NULL]"}},
         .bind = bindArray},
        {.name = "MAP",
         .signature = "MAP[key, value, ...]",
         .documentation = "A MAP of keys and values, in turn. The last value of a key counts.",
         .examples = {{"MAP['a', 1, 'b', 2]", "{a=1, b=2}"}, {"MAP['a', 1, 'a', 2]", "{a=2}"}},
         .bind = bindMap},
        {.name = "ITEM",
         .signature = "array[number], map[key], row[number], variant[key]",
         .documentation =
             "The element of an ARRAY, counted from 1, or the value of a MAP's key; NULL if there "
             "is none. Of a ROW the field, by its number or name. Of a VARIANT that is an array the element, "
             "of "
             "one that is an object the field of the name, as VARIANTs.",
         .examples = {{"ARRAY['a', 'b'][2]", "b"},
                      {"ARRAY['a', 'b'][3]", "NULL"},
                      {"MAP['a', 1]['a']", "1"},
                      {"MAP['a', 1]['b']", "NULL"},
                      {"ROW(1, 'x')[2]", "x"},
                      {"PARSE_JSON('{\"a\": [1, 2]}')['a'][2]", "2"}},
         .bind = bindItem},
        {.name = "CARDINALITY",
         .signature = "CARDINALITY(collection)",
         .documentation = "The number of elements of an ARRAY or a MULTISET, of entries of a MAP.",
         .examples = {{"CARDINALITY(ARRAY[1, 2, 3])", "3"}, {"CARDINALITY(MAP['a', 1])", "1"}},
         .bind = bindCardinality},
        {.name = "ELEMENT",
         .signature = "ELEMENT(array)",
         .documentation = "The only element; NULL if there is none. More than one element fails the job.",
         .examples = {{"ELEMENT(ARRAY[42])", "42"}},
         .bind = bindElement},
    };
}

}  // namespace millrace
