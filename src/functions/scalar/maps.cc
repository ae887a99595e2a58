// Functions of one MAP, and MAPs made of other things.
#include <cstring>

#include "functions/lists.h"
#include "functions/regex.h"
#include "functions/simple.h"

namespace millrace {

namespace {

// An ARRAY made of a MAP's pairs, which `part` turns into its elements; nothing is copied.
template <class Part>
ScalarKernel partsKernel(LogicalType type, Part part) {
    return [type = std::move(type), part](const FunctionContext&, std::span<const ColumnPtr> columns,
                                          size_t rows) {
        auto result = makeResult(type, columns, rows);
        std::memcpy(result->mutableData<int32_t>(), columns[0]->data<int32_t>(),
                    (rows + 1) * sizeof(int32_t));
        result->setChildren({Column::retyped(part(columns[0]->children()[0]), type.element())});
        return ColumnPtr(result);
    };
}

template <class ElementOf, class Part>
ScalarFunction partsFunction(const std::string& name, std::string documentation,
                             std::vector<FunctionExample> examples, ElementOf element_of, Part part) {
    ScalarFunction function{.name = name,
                            .signature = name + "(map)",
                            .documentation = std::move(documentation),
                            .examples = std::move(examples)};
    function.bind = [name, element_of, part](std::span<const ArgumentInfo> arguments) {
        checkArgumentCount(name, arguments, 1, 1, "a MAP");
        const LogicalType& map = arguments[0].type;
        if (map.kind() != TypeKind::Map) badArguments(name, arguments, "a MAP");
        BoundScalar bound;
        bound.arguments = {map};
        bound.result = LogicalType::array(element_of(map)).withNullable(map.nullable());
        bound.total = true;
        bound.kernel = partsKernel(bound.result, part);
        return bound;
    };
    return function;
}

BoundScalar bindFromArrays(std::span<const ArgumentInfo> arguments) {
    constexpr std::string_view accepted = "an ARRAY of keys and an ARRAY of values";
    checkArgumentCount("MAP_FROM_ARRAYS", arguments, 2, 2, accepted);
    for (const ArgumentInfo& argument : arguments) {
        if (argument.type.kind() != TypeKind::Array) badArguments("MAP_FROM_ARRAYS", arguments, accepted);
    }
    BoundScalar bound;
    bound.arguments = {arguments[0].type, arguments[1].type};
    bound.result = LogicalType::map(arguments[0].type.element(), arguments[1].type.element())
                       .withNullable(anyNullable(arguments));
    bound.kernel = [type = bound.result](const FunctionContext&, std::span<const ColumnPtr> columns,
                                         size_t rows) {
        const Lists keys(columns[0]);
        const Lists values(columns[1]);
        ElementSet seen(keys.elements());
        ListResult result(type, columns, rows);
        Selection of_values;  // beside result.chosen(), which has the keys
        for (size_t row = 0; row < rows; ++row, result.endRow()) {
            if (result.isNull(row)) continue;
            const ElementRange key_range = keys.at(row);
            const ElementRange value_range = values.at(row);
            if (key_range.size() != value_range.size()) {
                throw UserError("data.bad-map", fmt::format("MAP_FROM_ARRAYS of {} keys and {} values",
                                                            key_range.size(), value_range.size()));
            }
            seen.clear();
            const size_t first = of_values.size();
            for (uint32_t i = 0; i < key_range.size(); ++i) {
                const uint32_t known = seen.add(key_range.begin + i);
                if (known == key_range.begin + i) {
                    result.take(known);
                    of_values.push_back(value_range.begin + i);
                    continue;
                }
                for (size_t k = first; k < of_values.size(); ++k) {
                    if (result.chosen()[k] == known) of_values[k] = value_range.begin + i;
                }
            }
        }
        auto pairs = std::make_shared<Column>(listChildType(type), of_values.size());
        pairs->setChildren({chosenElements(keys.elements(), result.chosen(), type.element()),
                            chosenElements(values.elements(), of_values, type.mapValue())});
        std::vector<uint32_t>& chosen = result.chosen();
        for (size_t i = 0; i < chosen.size(); ++i)
            chosen[i] = static_cast<uint32_t>(i);
        return result.finish(pairs);
    };
    return bound;
}

// Java's String.split(): parts between matches, without the empty ones at the end, nor one before a match of
// nothing at the beginning.
bool splitByRegex(std::string_view text, std::string_view pattern, size_t parts_max,
                  std::vector<std::string_view>& parts) {
    const RE2* const regex = compiledRegex(pattern);
    if (regex == nullptr) return false;
    parts.clear();
    size_t begin = 0;
    size_t at = 0;
    re2::StringPiece match;
    while (at <= text.size() && (parts_max == 0 || parts.size() + 1 < parts_max) &&
           regex->Match(toPiece(text), at, text.size(), RE2::UNANCHORED, &match, 1)) {
        const auto found = static_cast<size_t>(match.data() - text.data());
        if (match.empty() && found >= text.size()) break;
        if (!(match.empty() && found == 0)) {
            parts.push_back(text.substr(begin, found - begin));
            begin = found + match.size();
        }
        at = found + std::max<size_t>(match.size(), 1);
    }
    parts.push_back(text.substr(begin));
    while (parts_max == 0 && parts.size() > 1 && parts.back().empty())
        parts.pop_back();
    return true;
}

BoundScalar bindStrToMap(std::span<const ArgumentInfo> arguments) {
    constexpr std::string_view accepted = "(string [, delimiter of pairs, delimiter of key and value])";
    if (arguments.size() != 1 && arguments.size() != 3) badArguments("STR_TO_MAP", arguments, accepted);
    BoundScalar bound;
    bound.arguments = matchPattern(
        {.name = "STR_TO_MAP", .pattern = "s[ss", .signature = std::string(accepted)}, arguments);
    bound.result =
        LogicalType::map(LogicalType::string(), LogicalType::string()).withNullable(anyNullable(arguments));
    bound.kernel = [type = bound.result](const FunctionContext&, std::span<const ColumnPtr> columns,
                                         size_t rows) {
        const Arguments given(columns);
        ColumnBuilder maps(type, rows);
        ColumnBuilder& pairs = maps.child(0);
        std::vector<std::string_view> parts;
        std::vector<std::string_view> both;
        std::vector<std::pair<std::string_view, std::optional<std::string_view>>> entries;
        for (size_t row = 0; row < rows; ++row) {
            bool null = false;
            for (size_t i = 0; i < columns.size(); ++i)
                null |= columns[i]->isNull(row);
            if (null) {
                maps.appendNull();
                continue;
            }
            const std::string_view text = given.text(0, row);
            const std::string_view between_pairs = given.count() > 1 ? given.text(1, row) : ",";
            const std::string_view in_pair = given.count() > 2 ? given.text(2, row) : "=";
            entries.clear();
            if (!text.empty() && !splitByRegex(text, between_pairs, 0, parts))
                throw UserError("data.bad-pattern",
                                fmt::format("'{}' is not a regular expression", between_pairs));
            for (size_t i = 0; !text.empty() && i < parts.size(); ++i) {
                if (!splitByRegex(parts[i], in_pair, 2, both))
                    throw UserError("data.bad-pattern",
                                    fmt::format("'{}' is not a regular expression", in_pair));
                std::optional<std::string_view> value;
                if (both.size() > 1) value = both[1];
                const auto known = std::find_if(entries.begin(), entries.end(),
                                                [&](const auto& entry) { return entry.first == both[0]; });
                if (known != entries.end()) {
                    known->second = value;
                } else {
                    entries.emplace_back(both[0], value);
                }
            }
            for (const auto& [key, value] : entries) {
                pairs.child(0).appendString(key);
                value ? pairs.child(1).appendString(*value) : pairs.child(1).appendNull();
                pairs.endStruct();
            }
            maps.endList();
        }
        return maps.finish();
    };
    return bound;
}

}  // namespace

std::vector<ScalarFunction> describeScalarMaps() {
    return {
        partsFunction(
            "MAP_KEYS", "The keys as an ARRAY.", {{"MAP_KEYS(MAP['a', 1, 'b', 2])", "[a, b]"}},
            [](const LogicalType& map) { return map.element(); },
            [](const ColumnPtr& pairs) { return pairs->children()[0]; }),
        partsFunction(
            "MAP_VALUES", "The values as an ARRAY.", {{"MAP_VALUES(MAP['a', 1, 'b', 2])", "[1, 2]"}},
            [](const LogicalType& map) { return map.mapValue(); },
            [](const ColumnPtr& pairs) { return pairs->children()[1]; }),
        partsFunction(
            "MAP_ENTRIES", "The entries as an ARRAY of ROWs of `key` and `value`.",
            {{"MAP_ENTRIES(MAP['a', 1, 'b', 2])", "[(a, 1), (b, 2)]"},
             {"MAP_ENTRIES(MAP['a', 1])[1].`value`", "1"}},
            [](const LogicalType& map) {
                return LogicalType::row({{"key", map.element()}, {"value", map.mapValue()}})
                    .withNullable(false);
            },
            [](const ColumnPtr& pairs) { return pairs; }),
        {.name = "MAP_FROM_ARRAYS",
         .signature = "MAP_FROM_ARRAYS(keys, values)",
         .documentation = "A MAP of the keys of one ARRAY and the values of another, as long one.",
         .examples = {{"MAP_FROM_ARRAYS(ARRAY['a', 'b'], ARRAY[1, 2])", "{a=1, b=2}"}},
         .bind = bindFromArrays},
        {.name = "STR_TO_MAP",
         .signature = "STR_TO_MAP(string [, pair_delimiter, key_value_delimiter])",
         .documentation =
             "The pairs of the text as a MAP. The delimiters are regular expressions, ',' and '=' "
             "without any; a key without a value has NULL.",
         .examples = {{"STR_TO_MAP('k1=v1,k2=v2')", "{k1=v1, k2=v2}"},
                      {"STR_TO_MAP('k1:v1;k2: v2', ';', ':')", "{k1=v1, k2= v2}"}},
         .bind = bindStrToMap},
    };
}

}  // namespace millrace
