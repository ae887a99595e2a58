#include "functions/kernels.h"

namespace millrace {

void badArguments(std::string_view name, std::span<const ArgumentInfo> arguments, std::string_view accepted) {
    std::string given;
    for (const ArgumentInfo& argument : arguments) {
        if (!given.empty()) given += ", ";
        given += argument.type.withNullable(true).toString();
    }
    throw UserError("sql.bad-argument", fmt::format("{} cannot be applied to ({})", name, given),
                    fmt::format("it takes {}", accepted));
}

void checkArgumentCount(std::string_view name, std::span<const ArgumentInfo> arguments, size_t least,
                        size_t most, std::string_view accepted) {
    if (arguments.size() < least || arguments.size() > most) badArguments(name, arguments, accepted);
}

std::string literalText(std::string_view name, std::span<const ArgumentInfo> arguments, size_t index,
                        std::string_view accepted) {
    const ArgumentInfo& argument = arguments[index];
    if (!argument.literal || argument.literal->isNull() || !argument.type.isCharacter()) {
        badArguments(name, arguments, accepted);
    }
    return argument.literal->asString();
}

std::vector<LogicalType> typesOf(std::span<const ArgumentInfo> arguments) {
    std::vector<LogicalType> types;
    types.reserve(arguments.size());
    for (const ArgumentInfo& argument : arguments)
        types.push_back(argument.type);
    return types;
}

void intersectValidity(uint8_t* into, const uint8_t* from, size_t rows) {
    for (size_t i = 0; i < rows; ++i)
        into[i] &= from[i];
}

std::shared_ptr<Column> makeResult(const LogicalType& type, std::span<const ColumnPtr> arguments,
                                   size_t rows) {
    auto result = std::make_shared<Column>(type, rows);
    uint8_t* valid = nullptr;
    for (const ColumnPtr& argument : arguments) {
        if (argument->validity() == nullptr) continue;
        if (valid == nullptr) {
            valid = result->mutableValidity();
            std::copy_n(argument->validity(), rows, valid);
        } else {
            intersectValidity(valid, argument->validity(), rows);
        }
    }
    return result;
}

}  // namespace millrace
