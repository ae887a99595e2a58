#include "service/shape.h"

#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "service/api_error.h"

namespace millrace {

namespace {

using Json = nlohmann::json;

bool isNameCharacter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '.' || c == '-';
}

bool isTokenCharacter(char c) { return isNameCharacter(c) || c == '+' || c == '/' || c == '='; }

bool isClock(const std::string& text) {
    const auto digit = [&](size_t i) { return text[i] >= '0' && text[i] <= '9'; };
    return text.size() == 5 && digit(0) && digit(1) && text[2] == ':' && digit(3) && digit(4) &&
           text.compare(0, 2, "24") < 0 && text[3] < '6';
}

// The model counts Unicode code points.
int64_t lengthOf(const std::string& text) {
    int64_t length = 0;
    for (const char c : text)
        length += (static_cast<unsigned char>(c) & 0xC0) != 0x80;
    return length;
}

std::string shown(const std::string& text) {
    if (text.size() <= 200) return text;
    size_t end = 200;
    while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80)
        --end;
    return text.substr(0, end) + "…";
}

// 'ApplicationName' in the request is 'applicationName' in messages, as AWS has it.
std::string below(const std::string& path, std::string member) {
    if (!member.empty() && member[0] >= 'A' && member[0] <= 'Z')
        member[0] = static_cast<char>(member[0] - 'A' + 'a');
    return path.empty() ? member : path + "." + member;
}

const char* nameOf(Shape::Kind kind) {
    constexpr const char* kNames[] = {"string", "integer", "boolean", "timestamp",
                                      "blob",   "list",    "map",     "structure"};
    return kNames[static_cast<int>(kind)];
}

bool hasType(const Json& value, Shape::Kind kind) {
    switch (kind) {
        case Shape::Kind::String:
        case Shape::Kind::Blob:
            return value.is_string();
        case Shape::Kind::Integer:
            return value.is_number_integer() &&
                   (!value.is_number_unsigned() || value.get<uint64_t>() <= INT64_MAX);
        case Shape::Kind::Boolean:
            return value.is_boolean();
        case Shape::Kind::Timestamp:
            return value.is_number() && std::isfinite(value.get<double>());
        case Shape::Kind::List:
            return value.is_array();
        case Shape::Kind::Map:
        case Shape::Kind::Structure:
            return value.is_object();
    }
    return false;
}

constexpr std::string_view kBase64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

}  // namespace

Shape Shape::string(int64_t length_min, int64_t length_max) {
    Shape shape(Kind::String);
    shape.min_ = length_min;
    shape.max_ = length_max;
    return shape;
}
Shape Shape::integer(int64_t min, int64_t max) {
    Shape shape(Kind::Integer);
    shape.min_ = min;
    shape.max_ = max;
    return shape;
}
Shape Shape::boolean() { return Shape(Kind::Boolean); }
Shape Shape::timestamp() { return Shape(Kind::Timestamp); }
Shape Shape::blob(int64_t bytes_max) {
    Shape shape(Kind::Blob);
    shape.max_ = bytes_max;
    return shape;
}
Shape Shape::list(Shape element, int64_t min, int64_t max) {
    Shape shape(Kind::List);
    shape.parts_.push_back(std::move(element));
    shape.min_ = min;
    shape.max_ = max;
    return shape;
}
Shape Shape::map(Shape key, Shape value, int64_t min, int64_t max) {
    Shape shape(Kind::Map);
    shape.parts_.push_back(std::move(key));
    shape.parts_.push_back(std::move(value));
    shape.min_ = min;
    shape.max_ = max;
    return shape;
}
Shape Shape::structure() { return Shape(Kind::Structure); }
Shape Shape::oneOf(std::vector<std::string> values) {
    Shape shape(Kind::String);
    shape.values_ = std::move(values);
    return shape;
}
Shape Shape::name() && {
    pattern_ = Pattern::Name;
    return std::move(*this);
}
Shape Shape::arn() && {
    pattern_ = Pattern::Arn;
    return std::move(*this);
}
Shape Shape::token() && {
    pattern_ = Pattern::Token;
    return std::move(*this);
}
Shape Shape::clock() && {
    pattern_ = Pattern::Clock;
    return std::move(*this);
}
Shape Shape::secret() && {
    secret_ = true;
    return std::move(*this);
}
Shape Shape::required(std::string member, Shape shape) && {
    names_.push_back(std::move(member));
    parts_.push_back(std::move(shape));
    required_.push_back(true);
    return std::move(*this);
}
Shape Shape::optional(std::string member, Shape shape) && {
    names_.push_back(std::move(member));
    parts_.push_back(std::move(shape));
    required_.push_back(false);
    return std::move(*this);
}

void Shape::validate(const Json& input) const {
    std::vector<std::string> violations;
    check(input, "", violations);
    if (violations.empty()) return;
    constexpr size_t kShownMax = 10;
    std::string message =
        fmt::format("{} validation error{} detected: ", violations.size(), violations.size() == 1 ? "" : "s");
    for (size_t i = 0; i < violations.size() && i < kShownMax; ++i)
        message += (i ? "; " : "") + violations[i];
    throw invalidArgument(message);
}

void Shape::check(const Json& value, const std::string& path, std::vector<std::string>& violations) const {
    if (!hasType(value, kind_))
        throw serializationError(
            path.empty()
                ? fmt::format("The request's body must be a JSON object, not {}", value.type_name())
                : fmt::format("'{}' must be of type {}, not {}", path, nameOf(kind_), value.type_name()));
    const auto violate = [&](const std::string& constraint) {
        std::string given;
        if (!secret_ && value.is_string())
            given = fmt::format(" '{}'", shown(value.get_ref<const std::string&>()));
        if (!secret_ && value.is_number()) given = fmt::format(" '{}'", value.dump());
        violations.push_back(fmt::format("Value{} at '{}' failed to satisfy constraint: Member must {}",
                                         given, path, constraint));
    };
    const auto check_length = [&](int64_t length, const char* what) {
        if (length < min_) violate(fmt::format("have {} greater than or equal to {}", what, min_));
        if (length > max_) violate(fmt::format("have {} less than or equal to {}", what, max_));
    };
    switch (kind_) {
        case Kind::String: {
            const auto& text = value.get_ref<const std::string&>();
            if (!values_.empty()) {
                if (std::find(values_.begin(), values_.end(), text) == values_.end())
                    violate(fmt::format("satisfy enum value set: [{}]", fmt::join(values_, ", ")));
                break;
            }
            check_length(lengthOf(text), "length");
            if (pattern_ == Pattern::Name && !std::all_of(text.begin(), text.end(), isNameCharacter))
                violate("satisfy regular expression pattern: [a-zA-Z0-9_.-]+");
            if (pattern_ == Pattern::Arn && !text.starts_with("arn:"))
                violate("satisfy regular expression pattern: arn:.*");
            if (pattern_ == Pattern::Token && !std::all_of(text.begin(), text.end(), isTokenCharacter))
                violate("satisfy regular expression pattern: [a-zA-Z0-9-_+/=]+");
            if (pattern_ == Pattern::Clock && !isClock(text))
                violate("satisfy regular expression pattern: ([01][0-9]|2[0-3]):[0-5][0-9]");
            break;
        }
        case Kind::Integer: {
            const int64_t number = value.get<int64_t>();
            if (number < min_) violate(fmt::format("have value greater than or equal to {}", min_));
            if (number > max_) violate(fmt::format("have value less than or equal to {}", max_));
            break;
        }
        case Kind::Blob: {
            const size_t encoded = value.get_ref<const std::string&>().size();
            if (static_cast<int64_t>(encoded / 4 * 3) > max_ + 2)
                violations.push_back(
                    fmt::format("Value at '{}' failed to satisfy constraint: Member must have length less "
                                "than or equal to {}",
                                path, max_));
            break;
        }
        case Kind::List: {
            check_length(static_cast<int64_t>(value.size()), "length");
            for (size_t i = 0; i < value.size() && i < 1000; ++i)
                parts_[0].check(value[i], fmt::format("{}.{}.member", path, i + 1), violations);
            break;
        }
        case Kind::Map: {
            check_length(static_cast<int64_t>(value.size()), "length");
            for (const auto& [key, mapped] : value.items()) {
                parts_[0].check(Json(key), path + ".key", violations);
                parts_[1].check(mapped, path + "." + shown(key), violations);
            }
            break;
        }
        case Kind::Structure: {
            for (size_t i = 0; i < names_.size(); ++i) {
                const auto at = value.find(names_[i]);
                if (at != value.end() && !at->is_null())
                    parts_[i].check(*at, below(path, names_[i]), violations);
                else if (required_[i])
                    violations.push_back(fmt::format(
                        "Value null at '{}' failed to satisfy constraint: Member must not be null",
                        below(path, names_[i])));
            }
            break;
        }
        case Kind::Boolean:
        case Kind::Timestamp:
            break;
    }
}

Shape applicationNameShape() { return Shape::string(1, 128).name(); }
Shape snapshotNameShape() { return Shape::string(1, 256).name(); }

std::string decodeBase64(const std::string& text, const std::string& path) {
    std::string bytes;
    bytes.reserve(text.size() / 4 * 3);
    uint32_t bits = 0;
    int have = 0;
    size_t padding = 0;
    for (const char c : text) {
        if (c == '=') {
            ++padding;
            continue;
        }
        const size_t value = kBase64.find(c);
        if (value == std::string_view::npos || padding > 0)
            throw serializationError(fmt::format("'{}' is not valid base64", path));
        bits = (bits << 6) | static_cast<uint32_t>(value);
        have += 6;
        if (have >= 8) {
            have -= 8;
            bytes += static_cast<char>(bits >> have & 0xFF);
        }
    }
    if (text.size() % 4 != 0 || padding > 2)
        throw serializationError(fmt::format("'{}' is not valid base64", path));
    return bytes;
}

std::string encodeBase64(const std::string& bytes) {
    std::string text;
    for (size_t i = 0; i < bytes.size(); i += 3) {
        uint32_t bits = 0;
        for (size_t k = 0; k < 3; ++k)
            bits = bits << 8 | (i + k < bytes.size() ? static_cast<unsigned char>(bytes[i + k]) : 0);
        for (size_t k = 0; k < 4; ++k)
            text += i + k <= bytes.size() ? kBase64[bits >> (18 - 6 * k) & 63] : '=';
    }
    return text;
}

}  // namespace millrace
