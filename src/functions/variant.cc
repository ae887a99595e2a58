// Which kinds a JSON text's values become follows Flink's BinaryVariantInternalBuilder: a whole number is
// one of 64 bits or, beyond them, a DECIMAL; a plain number of at most 38 digits is a DECIMAL; any other
// number is a DOUBLE.
#include "functions/variant.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "functions/kernels.h"
#include "functions/utf8.h"
#include "types/floating.h"

namespace millrace {

namespace {

// The digits without what does not count: "-0.0" is 0, "1.50" is 1.5. Nothing if they are too many.
bool appendExactNumber(std::string_view text, std::string& out) {
    constexpr size_t kDigitsMax = LogicalType::kMaxDecimalPrecision;
    const bool negative = text.starts_with('-');
    if (negative) text.remove_prefix(1);
    const size_t point = text.find('.');
    std::string_view whole = text.substr(0, point);
    std::string_view fraction = point == std::string_view::npos ? "" : text.substr(point + 1);
    if (whole == "0") whole.remove_prefix(1);
    size_t digits = whole.size() + fraction.size();
    if (whole.empty()) digits -= std::min(fraction.find_first_not_of('0'), fraction.size());
    if (digits > kDigitsMax || fraction.size() > kDigitsMax) return false;
    while (fraction.ends_with('0'))
        fraction.remove_suffix(1);
    if (negative && !(whole.empty() && fraction.empty())) out.push_back('-');
    out.append(whole.empty() ? "0" : whole);
    if (!fraction.empty()) out.append(".").append(fraction);
    return true;
}

bool appendNumber(std::string_view text, std::string& out) {
    if (text.find_first_of("eE") == std::string_view::npos && appendExactNumber(text, out)) return true;
    const double value = parseDouble(text).value_or(HUGE_VAL);
    if (!std::isfinite(value)) return false;
    const size_t begin = out.size();
    char digits[32];
    out.append(digits, appendDouble(digits, value));
    if (out.find('E', begin) == std::string::npos) out += "E0";
    return true;
}

// ---- Places in a canonical text: values are skipped without being understood.

size_t endOfString(std::string_view text, size_t at) {
    for (++at; text[at] != '"'; ++at)
        at += text[at] == '\\' ? 1 : 0;
    return at + 1;
}

size_t endOfValue(std::string_view text, size_t at) {
    int depth = 0;
    do {
        switch (text[at]) {
            case '"':
                at = endOfString(text, at);
                break;
            case '{':
            case '[':
                ++depth;
                ++at;
                break;
            case '}':
            case ']':
                --depth;
                ++at;
                break;
            default:
                at = std::min(text.find_first_of(",[]{}\"", at + (depth > 0 ? 1 : 0)), text.size());
        }
    } while (depth > 0);
    return at;
}

std::optional<std::string_view> elementAt(std::string_view array, int64_t number) {
    if (number < 1 || array == "[]") return std::nullopt;
    for (size_t at = 1; at < array.size();) {
        const size_t end = endOfValue(array, at);
        if (--number == 0) return array.substr(at, end - at);
        at = end + 1;  // behind the comma or the bracket
    }
    return std::nullopt;
}

std::optional<std::string_view> memberAt(std::string_view object, std::string_view quoted_key) {
    if (object == "{}") return std::nullopt;
    for (size_t at = 1; at < object.size();) {
        const size_t key_end = endOfString(object, at);
        const bool found = object.substr(at, key_end - at) == quoted_key;
        const size_t end = endOfValue(object, key_end + 1);
        if (found) return object.substr(key_end + 1, end - key_end - 1);
        at = end + 1;
    }
    return std::nullopt;
}

[[noreturn]] void wrongShape(std::string_view variant, const char* access, const char* wanted) {
    throw UserError("data.bad-variant",
                    fmt::format("{} needs {} in the VARIANT, not {}", access, wanted, variant.substr(0, 200)),
                    "a CASE on what the value is keeps such rows away");
}

template <class Find>
ScalarKernel itemKernel(const LogicalType& type, Find find) {
    return [type, find](const FunctionContext&, std::span<const ColumnPtr> columns, size_t rows) {
        auto result = makeResult(type, columns, rows);
        auto* const out = result->mutableData<StringView>();
        const auto* const in = columns[0]->data<StringView>();
        std::string scratch;
        forValidRows(*result, rows, [&](size_t i) {
            const std::optional<std::string_view> part = find(in[i].view(), *columns[1], i, scratch);
            if (part) out[i] = result->heap().add(*part);
            return part.has_value();
        });
        return ColumnPtr(result);
    };
}

}  // namespace

std::string VariantParser::parse(std::string_view json, bool allow_duplicate_keys, std::string& out) {
    if (!document_.parse(json)) return "it is not JSON";
    if (document_.hadDuplicateKeys() && !allow_duplicate_keys) return "an object has a key twice";
    problem_.clear();
    out.clear();
    write(0, out);
    return problem_;
}

bool VariantParser::write(uint32_t index, std::string& out) {
    const JsonDocument::Node& node = document_.node(index);
    switch (node.kind) {
        case JsonKind::Number:
            if (!appendNumber(node.text, out))
                problem_ = fmt::format("{} is out of the range of DOUBLE", node.text);
            return problem_.empty();
        case JsonKind::Array:
            out.push_back('[');
            for (uint32_t child = node.first; child != JsonDocument::kNone;
                 child = document_.node(child).next) {
                if (child != node.first) out.push_back(',');
                if (!write(child, out)) return false;
            }
            out.push_back(']');
            return true;
        case JsonKind::Object: {
            std::vector<uint32_t> members;
            for (uint32_t child = node.first; child != JsonDocument::kNone;
                 child = document_.node(child).next) {
                members.push_back(child);
            }
            std::sort(members.begin(), members.end(), [&](uint32_t a, uint32_t b) {
                return javaLess(document_.node(a).key, document_.node(b).key);
            });
            out.push_back('{');
            for (const uint32_t child : members) {
                if (out.back() != '{') out.push_back(',');
                writeJsonString(document_.node(child).key, out);
                out.push_back(':');
                if (!write(child, out)) return false;
            }
            out.push_back('}');
            return true;
        }
        default:
            document_.write(index, out);
            return true;
    }
}

BoundScalar bindVariantItem(std::span<const ArgumentInfo> arguments) {
    constexpr std::string_view accepted =
        "(VARIANT, the name of a field or the number of an element, from 1)";
    const LogicalType& key = arguments[1].type;
    BoundScalar bound;
    bound.result = LogicalType::of(TypeKind::Variant);
    if (key.isCharacter()) {
        bound.arguments = {arguments[0].type, LogicalType::string()};
        bound.kernel = itemKernel(
            bound.result, [](std::string_view variant, const Column& keys, size_t row, std::string& scratch) {
                if (!variant.starts_with('{')) wrongShape(variant, "a field", "an object");
                scratch.clear();
                writeJsonString(keys.data<StringView>()[row].view(), scratch);
                return memberAt(variant, scratch);
            });
    } else if (key.isInteger() || key.kind() == TypeKind::Null) {
        bound.arguments = {arguments[0].type, LogicalType::bigint()};
        bound.kernel = itemKernel(bound.result,
                                  [](std::string_view variant, const Column& keys, size_t row, std::string&) {
                                      if (!variant.starts_with('['))
                                          wrongShape(variant, "an element", "an array");
                                      return elementAt(variant, keys.data<int64_t>()[row]);
                                  });
    } else {
        badArguments("[]", arguments, accepted);
    }
    return bound;
}

}  // namespace millrace
