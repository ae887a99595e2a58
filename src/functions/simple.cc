#include "functions/simple.h"

namespace millrace {

namespace {

std::optional<LogicalType> typeFor(char letter, const LogicalType& given) {
    const bool null = given.kind() == TypeKind::Null;
    switch (letter) {
        case 's':
            return given.isCharacter() || null ? std::optional(LogicalType::string()) : std::nullopt;
        case 'i':
            return given.isInteger() || null ? std::optional(LogicalType::integer()) : std::nullopt;
        case 'l':
            return given.isExactNumeric() || null ? std::optional(LogicalType::bigint()) : std::nullopt;
        case 'd':
            return given.isNumeric() || null ? std::optional(LogicalType::doublePrecision()) : std::nullopt;
        case 'b':
            return given.kind() == TypeKind::Boolean || null ? std::optional(LogicalType::boolean())
                                                             : std::nullopt;
        case 'x':
            if (given.isBinary()) return LogicalType::varbinary(LogicalType::kMaxLength);
            return given.isCharacter() || null ? std::optional(LogicalType::string()) : std::nullopt;
        case 't':
            return given.isTimestamp() || given.isCharacter() || given.kind() == TypeKind::Date || null
                       ? std::optional(LogicalType::timestamp(3))
                       : std::nullopt;
        default:
            throw InternalError("a pattern has no such letter");
    }
}

}  // namespace

std::vector<LogicalType> matchPattern(const SimpleSpec& spec, std::span<const ArgumentInfo> arguments) {
    std::string letters;
    size_t least = std::string::npos;
    bool repeats = false;
    for (const char c : spec.pattern) {
        if (c == '[') {
            least = letters.size();
        } else if (c == '*') {
            repeats = true;
        } else {
            letters.push_back(c);
        }
    }
    if (least == std::string::npos) least = letters.size();
    if (arguments.size() < least || (arguments.size() > letters.size() && !repeats)) {
        badArguments(spec.name, arguments, spec.signature);
    }
    std::vector<LogicalType> types;
    for (size_t i = 0; i < arguments.size(); ++i) {
        const auto type = typeFor(i < letters.size() ? letters[i] : letters.back(), arguments[i].type);
        if (!type) badArguments(spec.name, arguments, spec.signature);
        types.push_back(*type);
    }
    return types;
}

}  // namespace millrace
