#include "functions/kernels.h"

namespace millrace {

namespace {

ScalarFunction special(const std::string& name, std::string documentation,
                       std::vector<FunctionExample> examples) {
    return {.name = name,
            .signature = name + "(value AS type)",
            .documentation = std::move(documentation),
            .examples = std::move(examples),
            .bind = [name](std::span<const ArgumentInfo> arguments) -> BoundScalar {
                badArguments(name, arguments, "a value and a type: " + name + "(value AS type)");
            }};
}

}  // namespace

std::vector<ScalarFunction> describeScalarCast() {
    return {
        special("CAST", "Converts the value to the type. A value that cannot be converted fails the job.",
                {{"CAST('42' AS INT)", "42"},
                 {"CAST(1.55 AS DECIMAL(3, 1))", "1.6"},
                 {"CAST(TRUE AS STRING)", "TRUE"}}),
        special("TRY_CAST", "Converts the value to the type, to NULL where it cannot be converted.",
                {{"TRY_CAST('x' AS INT)", "NULL"}, {"TRY_CAST('2024-02-30' AS DATE)", "NULL"}}),
    };
}

}  // namespace millrace
