#include "formats/json/json_shape.h"

#include <algorithm>

#include "formats/json/json_fault.h"

namespace millrace {
namespace {

using json::Step;
using Kind = Step::Kind;

bool isSpace(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

}  // namespace

JsonShape::JsonShape(const JsonTargets& targets, const JsonOptions& options, json::Kernel kernel)
    : targets_(targets),
      options_(options),
      kernel_(kernel),
      steps_{.types = targets.types, .standard = options.standard} {}

Step& JsonShape::addLiteral(std::string_view literal, Kind kind) {
    while (true) {
        Step& step = steps_.steps.emplace_back();
        step.literal_size = static_cast<uint32_t>(std::min(literal.size(), Step::kLiteralMax));
        literal.copy(step.literal.data(), step.literal_size);
        step.mask = static_cast<uint32_t>((uint64_t{1} << step.literal_size) - 1);
        literal.remove_prefix(step.literal_size);
        step.kind = literal.empty() ? kind : Kind::Literal;
        if (literal.empty()) return step;
    }
}

bool JsonShape::addStep(std::string_view literal, const JsonTarget* target, char first) {
    Step& step = addLiteral(literal, Kind::Skip);
    if (target == nullptr) return true;
    const LogicalType& type = target->type;
    step.column = static_cast<uint16_t>(*target->column);
    step.nullable = type.nullable();
    switch (type.kind()) {
        case TypeKind::Boolean:
            step.kind = Kind::Bool;
            break;
        case TypeKind::Integer:
            step.kind = Kind::Int32;
            break;
        case TypeKind::BigInt:
            step.kind = Kind::Int64;
            break;
        case TypeKind::Double:
            step.kind = Kind::Double;
            break;
        case TypeKind::Char:
        case TypeKind::Varchar:
            if (first == '{' || first == '[') return false;
            step.kind = Kind::String;
            break;
        case TypeKind::Decimal:
            step.kind = type.physical() == PhysicalType::Int64 ? Kind::Decimal64 : Kind::Number;
            step.scale = static_cast<int8_t>(type.scale());
            break;
        case TypeKind::TinyInt:
        case TypeKind::SmallInt:
        case TypeKind::Float:
        case TypeKind::IntervalYearMonth:
        case TypeKind::IntervalDayTime:
            step.kind = Kind::Number;
            break;
        case TypeKind::Timestamp:
            step.kind = options_.standard == text::TimestampStandard::Sql && !type.isNanos() ? Kind::Timestamp
                                                                                             : Kind::Text;
            step.scale = static_cast<int8_t>(type.precision());
            break;
        case TypeKind::TimestampLtz:
        case TypeKind::Date:
        case TypeKind::Time:
        case TypeKind::Binary:
        case TypeKind::Varbinary:
            step.kind = Kind::Text;
            break;
        default:
            return false;
    }
    return true;
}

struct JsonShape::Learning {
    const char* at;
    const char* end;
    const char* literal;     // what is not part of a step yet starts here
    std::vector<bool> seen;  // targets, by number

    void space() {
        while (at != end && isSpace(*at))
            ++at;
    }
    bool take(char c) {
        space();
        if (at == end || *at != c) return false;
        ++at;
        return true;
    }
};

bool JsonShape::learn(std::string_view record) {
    while (!record.empty() && record.back() == '\r')
        record.remove_suffix(1);
    Learning learning{record.data(), record.data() + record.size(), record.data(),
                      std::vector<bool>(targets_.count)};
    if (!learnObject(targets_.fields, learning)) return false;
    addLiteral({learning.literal, learning.end}, Kind::Line);
    return true;
}

bool JsonShape::learnObject(const std::vector<JsonTarget>& targets, Learning& learning) {
    if (!learning.take('{')) return false;
    do {
        if (!learning.take('"')) return false;
        const char* const name = learning.at;
        while (learning.at != learning.end && *learning.at != '"' && *learning.at != '\\')
            ++learning.at;
        if (learning.at == learning.end || *learning.at == '\\') return false;
        const std::string_view key(name, static_cast<size_t>(learning.at - name));
        ++learning.at;
        if (!learning.take(':')) return false;
        learning.space();
        if (learning.at == learning.end) return false;
        const auto found = std::find_if(targets.begin(), targets.end(),
                                        [&](const JsonTarget& target) { return target.name == key; });
        if (!learnField(found == targets.end() ? nullptr : &*found, learning)) return false;
    } while (learning.take(','));
    if (!learning.take('}')) return false;
    for (const JsonTarget& target : targets) {
        if (learning.seen[target.number]) continue;
        if (options_.fail_on_missing_field || !target.type.nullable()) return false;
        target.forEachColumn([&](size_t column) { steps_.absent.push_back(static_cast<uint16_t>(column)); });
    }
    return true;
}

bool JsonShape::learnField(const JsonTarget* target, Learning& learning) {
    if (target != nullptr) {
        if (learning.seen[target->number])
            return false;  // the last one wins, which is the plain way's business
        learning.seen[target->number] = true;
    }
    if (target != nullptr && !target->fields.empty()) {
        if (target->column) return false;
        if (*learning.at == '{') return learnObject(target->fields, learning);
        constexpr std::string_view kNull = "null";
        if (!std::string_view(learning.at, learning.end).starts_with(kNull) || !target->type.nullable())
            return false;
        learning.at += kNull.size();  // part of the literal: a record with an object here has another shape
        target->forEachColumn([&](size_t column) { steps_.absent.push_back(static_cast<uint16_t>(column)); });
        return true;
    }
    const std::string_view literal(learning.literal, static_cast<size_t>(learning.at - learning.literal));
    if (!addStep(literal, target, *learning.at)) return false;
    bool non_ascii = false;
    learning.at = json::skipValue(learning.at, learning.end, non_ascii);
    learning.literal = learning.at;
    return learning.at != nullptr;
}

}  // namespace millrace
