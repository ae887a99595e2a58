// SPLIT_INDEX. Nearly always the separator is one character and the index a literal: then a text costs a mask
// of the separators among its first 64 bytes, and no branch that its content decides.
#include "functions/simple.h"
#include "functions/text_search.h"

namespace millrace {

namespace {

std::optional<std::string_view> splitIndex(const Arguments& a, size_t i, std::string_view text) {
    const std::string_view separator = a.text(1, i);
    int32_t index = a.integer(2, i);
    if (index < 0 || text.empty()) return std::nullopt;
    if (separator.empty()) return index == 0 ? std::optional(text) : std::nullopt;
    if (separator.size() == 1) return partAt(text, separator.front(), static_cast<size_t>(index));
    size_t at = 0;
    for (;; --index) {
        const size_t end = findText(text, separator, at);
        if (index == 0) return text.substr(at, end == std::string_view::npos ? end : end - at);
        if (end == std::string_view::npos) return std::nullopt;
        at = end + separator.size();
    }
}

ScalarFunction anySplitIndex() {
    return partFunction(
        {.name = "SPLIT_INDEX",
         .pattern = "ssi",
         .signature = "SPLIT_INDEX(string, separator, index)",
         .documentation = "The part at the index, counted from 0, of the string cut at the separator; "
                          "NULL if there is none.",
         .examples = {{"SPLIT_INDEX('a,b,c', ',', 1)", "b"}, {"SPLIT_INDEX('a', ',', 1)", "NULL"}}},
        splitIndex);
}

ColumnPtr partsOf(std::span<const ColumnPtr> columns, size_t rows, char separator, size_t index) {
    auto column = makeResult(LogicalType::string(), columns, rows);
    auto* const out = column->mutableData<StringView>();
    const auto* const in = columns[0]->data<StringView>();
    constexpr size_t kAhead = 16;  // the texts lie anywhere: fetched before they are looked at
    forValidRows(*column, rows, [&](size_t i) {
        if (i + kAhead < rows) {
            __builtin_prefetch(in[i + kAhead].data());
            __builtin_prefetch(in[i + kAhead].data() + 63);
        }
        const std::string_view text = in[i].view();
        if (text.empty()) return false;
        if (const std::optional<StringView> part = shortPartAt(text, separator, index)) {
            out[i] = *part;
            return true;
        }
        const std::optional<std::string_view> part = partAt(text, separator, index);
        if (part) out[i] = viewOfPart(text, *part);
        return part.has_value();
    });
    column->keepAllOf(*columns[0]);
    return column;
}

BoundScalar bindSplitIndex(std::span<const ArgumentInfo> arguments) {
    constexpr int64_t kIndexMax = 16;
    BoundScalar bound = anySplitIndex().bind(arguments);
    const std::optional<Value>& separator = arguments[1].literal;
    const std::optional<Value>& index = arguments[2].literal;
    if (!separator || separator->isNull() || !arguments[1].type.isCharacter() ||
        separator->asString().size() != 1)
        return bound;
    if (!index || index->isNull() || !arguments[2].type.isInteger()) return bound;
    if (index->asInt64() < 0 || index->asInt64() > kIndexMax) return bound;
    bound.kernel = [c = separator->asString().front(), n = static_cast<size_t>(index->asInt64())](
                       const FunctionContext&, std::span<const ColumnPtr> columns, size_t rows) {
        return partsOf(columns, rows, c, n);
    };
    return bound;
}

}  // namespace

std::vector<ScalarFunction> describeScalarSplitIndex() {
    ScalarFunction function = anySplitIndex();
    function.bind = bindSplitIndex;
    return {function};
}

}  // namespace millrace
