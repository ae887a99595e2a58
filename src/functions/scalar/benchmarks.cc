// Functions that benchmarks define by a Java class and that are built in here, so that their SQL runs as it
// is.
#include "base/error.h"
#include "functions/kernels.h"

namespace millrace {

namespace {

BoundScalar bindCountChar(std::span<const ArgumentInfo> arguments) {
    constexpr std::string_view kAccepted = "(string, string)";
    checkArgumentCount("COUNT_CHAR", arguments, 2, 2, kAccepted);
    for (const ArgumentInfo& argument : arguments) {
        if (!argument.type.isCharacter() && argument.type.kind() != TypeKind::Null)
            badArguments("COUNT_CHAR", arguments, kAccepted);
    }
    BoundScalar bound;
    bound.result = LogicalType::bigint().withNullable(false);
    bound.arguments = {LogicalType::string(), LogicalType::string()};
    bound.kernel = [type = bound.result](const FunctionContext&, std::span<const ColumnPtr> columns,
                                         size_t rows) {
        auto result = std::make_shared<Column>(type, rows);
        auto* const out = result->mutableData<int64_t>();
        const auto* const texts = columns[0]->data<StringView>();
        const auto* const characters = columns[1]->data<StringView>();
        for (size_t i = 0; i < rows; ++i) {
            out[i] = 0;
            if (columns[0]->isNull(i)) continue;
            if (columns[1]->isNull(i) || characters[i].size() == 0)
                throw UserError("data.bad-argument", "COUNT_CHAR has no character to count");
            const std::string_view text = texts[i].view();
            out[i] = std::count(text.begin(), text.end(), characters[i].view().front());
        }
        return ColumnPtr(result);
    };
    return bound;
}

}  // namespace

std::vector<ScalarFunction> describeScalarBenchmarks() {
    return {{.name = "COUNT_CHAR",
             .class_names = {"com.github.nexmark.flink.udf.CountChar"},
             .signature = "COUNT_CHAR(string, character)",
             .documentation =
                 "How often the first byte of `character` occurs in `string`; 0 if `string` is NULL.",
             .examples = {{"COUNT_CHAR('abcabc', 'c')", "2"}, {"COUNT_CHAR(CAST(NULL AS STRING), 'c')", "0"}},
             .bind = bindCountChar}};
}

}  // namespace millrace
