// Rooms: functions
// A text becomes a VARIANT or not; one that did is read again as itself, its parts are VARIANTs, too, and
// every cast gives a value or fails as it should.
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "base/error.h"
#include "functions/cast.h"
#include "functions/variant.h"
#include "types/variant.h"

namespace millrace {
namespace {

void require(bool condition, std::string_view left, std::string_view right) {
    if (condition) return;
    std::fprintf(stderr, "left:  %.*s\nright: %.*s\n", static_cast<int>(left.size()), left.data(),
                 static_cast<int>(right.size()), right.data());
    std::abort();
}

ColumnPtr variantColumn(const std::string& text) {
    return Column::constant(LogicalType::of(TypeKind::Variant), Value::string(text), 1);
}

void readAgain(const std::string& variant) {
    std::string again;
    const std::string problem = VariantParser().parse(variant, false, again);
    require(problem.empty(), variant, problem);
    require(again == variant, variant, again);
    const std::string json = variantToJson(variant);
    require(VariantParser().parse(json, false, again).empty(), json, "is not JSON");
}

void takeApart(const std::string& variant, std::string_view key) {
    const Value keys[] = {Value::string(std::string(key)), Value::int64(static_cast<int64_t>(key.size()))};
    const LogicalType types[] = {LogicalType::string(), LogicalType::bigint()};
    for (size_t i = 0; i < 2; ++i) {
        const ArgumentInfo arguments[] = {{LogicalType::of(TypeKind::Variant), {}}, {types[i], {}}};
        const ColumnPtr columns[] = {variantColumn(variant), Column::constant(types[i], keys[i], 1)};
        try {
            const ColumnPtr part = bindVariantItem(arguments).kernel({}, columns, 1);
            if (!part->isNull(0)) readAgain(std::string(part->data<StringView>()[0].view()));
        } catch (const UserError& error) {
            require(error.code() == "data.bad-variant", error.code(), variant);
        }
    }
}

void castAll(const std::string& variant) {
    for (const char* type : {"BOOLEAN", "TINYINT", "BIGINT", "FLOAT", "DOUBLE", "DECIMAL(7, 2)",
                             "DECIMAL(38, 10)", "STRING", "CHAR(3)", "BYTES", "DATE", "ARRAY<VARIANT>",
                             "MAP<STRING, ARRAY<INT>>", "ROW<`a` INT, `b` VARIANT>"}) {
        const ColumnPtr columns[] = {variantColumn(variant)};
        const LogicalType to = LogicalType::parse(type);
        const ColumnPtr tried = bindCast(columns[0]->type(), to, true).kernel({}, columns, 1);
        require(tried->size() == 1, variant, type);
        try {
            const ColumnPtr cast = bindCast(columns[0]->type(), to, false).kernel({}, columns, 1);
            require(cast->textAt(0) == tried->textAt(0), variant, type);
        } catch (const UserError& error) {
            require(error.code() == "data.bad-cast" && tried->isNull(0), error.code(), variant);
        }
    }
}

}  // namespace
}  // namespace millrace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    using namespace millrace;
    const std::string_view all(reinterpret_cast<const char*>(data), size);
    const size_t line = std::min(all.find('\n'), all.size());
    const std::string_view json = all.substr(std::min(line + 1, all.size()));
    std::string variant;
    if (!VariantParser().parse(json, line % 2 == 1, variant).empty()) return 0;
    readAgain(variant);
    takeApart(variant, all.substr(0, line));
    castAll(variant);
    return 0;
}
