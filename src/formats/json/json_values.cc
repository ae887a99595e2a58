#include "formats/json/json_values.h"

#include <fmt/format.h>

#include <unordered_map>

#include "formats/json/json_fault.h"
#include "formats/json/json_text.h"

namespace millrace::json {

namespace od = simdjson::ondemand;
using text::Scalar;
using text::TokenKind;

namespace {

std::string_view trimToken(std::string_view token) {
    const auto is_space = [](char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; };
    while (!token.empty() && is_space(token.back()))
        token.remove_suffix(1);
    return token;
}

}  // namespace

Outcome JsonValues::misfit(const char* at, std::string_view field, std::string reason) {
    misfit_ = {at, std::string(field), std::move(reason), false};
    return Outcome::Misfit;
}

Outcome JsonValues::missing(const char* at, std::string_view field, std::string reason) {
    misfit_ = {at, std::string(field), std::move(reason), true};
    return Outcome::Misfit;
}

Outcome JsonValues::unfitNested(const LogicalType& type, std::string_view path, const char* at,
                                od::value& value, int depth) {
    compact_.clear();
    if (!compact(value, depth)) return Outcome::NotJson;
    return unfit(type, path, at, compact_);
}

Outcome JsonValues::unfit(const LogicalType& type, std::string_view path, const char* at,
                          std::string_view shown) {
    if (options_.ignore_parse_errors) return Outcome::Done;
    std::string reason = fmt::format(
        "'{}' is not {} {}", text::excerpt(shown),
        type.kind() == TypeKind::Integer || type.isInterval() || type.kind() == TypeKind::Array ? "an" : "a",
        type.withNullable(true).toString());
    if (type.isTimestamp()) {
        const bool iso = options_.standard == text::TimestampStandard::Iso8601;
        reason += fmt::format(
            " of the form {}{}{}", iso ? "2026-03-01T12:30:15.123" : "2026-03-01 12:30:15.123",
            type.kind() == TypeKind::TimestampLtz ? "Z" : "", " ('json.timestamp-format.standard')");
    }
    return misfit(at, path, std::move(reason));
}

Outcome JsonValues::readFlat(const LogicalType& type, std::string_view path, od::value& value, int depth,
                             Scalar& scalar) {
    od::json_type kind;
    if (value.type().get(kind) != simdjson::SUCCESS) return Outcome::NotJson;
    const std::string_view raw = trimToken(value.raw_json_token());
    std::string_view token;
    TokenKind token_kind = TokenKind::Text;
    switch (kind) {
        case od::json_type::string:
            if (value.get_string().get(token) != simdjson::SUCCESS) return Outcome::NotJson;
            break;
        case od::json_type::number:
            if (!skip(value, depth)) return Outcome::NotJson;
            token = raw;
            token_kind = TokenKind::Number;
            break;
        case od::json_type::boolean:
            if (!skip(value, depth)) return Outcome::NotJson;
            token = raw;
            break;
        case od::json_type::null:
            if (!skip(value, depth)) return Outcome::NotJson;
            scalar = Scalar{};
            return Outcome::Done;
        default: {
            compact_.clear();
            if (!compact(value, depth)) return Outcome::NotJson;
            if (!type.isCharacter()) {
                scalar = Scalar{};
                return unfit(type, path, raw.data(), compact_);
            }
            token = compact_;
        }
    }
    const std::optional<Scalar> read = text::readScalar(type, token_kind, token, options_.standard, scratch_);
    if (!read) {
        scalar = Scalar{};
        return unfit(type, path, raw.data(), kind == od::json_type::string ? token : raw);
    }
    scalar = *read;
    return Outcome::Done;
}

Outcome JsonValues::readNested(const LogicalType& type, const std::string& path, od::value& value, int depth,
                               Value& out) {
    out = Value::null();
    if (depth > json::kNestingMax) return Outcome::NotJson;
    if (!type.isNested()) {
        Scalar scalar;
        const Outcome outcome = readFlat(type, path, value, depth, scalar);
        if (outcome == Outcome::Done) out = text::toValue(scalar, type);
        return outcome;
    }
    od::json_type kind;
    if (value.type().get(kind) != simdjson::SUCCESS) return Outcome::NotJson;
    if (kind == od::json_type::null) return skip(value, depth) ? Outcome::Done : Outcome::NotJson;
    const bool wants_array = type.kind() == TypeKind::Array;
    if (kind != (wants_array ? od::json_type::array : od::json_type::object)) {
        const char* const at = value.raw_json_token().data();
        compact_.clear();
        if (!compact(value, depth)) return Outcome::NotJson;
        return unfit(type, path, at, compact_);
    }
    if (wants_array) return readArray(type, path, value, depth, out);
    if (type.kind() == TypeKind::Row) return readRow(type, path, value, depth, out);
    return readMap(type, path, value, depth, out);
}

Outcome JsonValues::readArray(const LogicalType& type, const std::string& path, od::value& value, int depth,
                              Value& out) {
    od::array array;
    if (value.get_array().get(array) != simdjson::SUCCESS) return Outcome::NotJson;
    Value::List elements;
    for (auto item : array) {
        od::value element;
        if (item.get(element) != simdjson::SUCCESS) return Outcome::NotJson;
        elements.emplace_back();
        const Outcome outcome = readNested(type.element(), fmt::format("{}[{}]", path, elements.size()),
                                           element, depth + 1, elements.back());
        if (outcome != Outcome::Done) return outcome;
    }
    out = Value::list(std::move(elements));
    return Outcome::Done;
}

Outcome JsonValues::readRow(const LogicalType& type, const std::string& path, od::value& value, int depth,
                            Value& out) {
    od::object object;
    if (value.get_object().get(object) != simdjson::SUCCESS) return Outcome::NotJson;
    const std::vector<Field>& fields = type.fields();
    Value::List values(fields.size());
    std::vector<bool> present(fields.size());
    for (auto item : object) {
        od::field field;
        std::string_view name;
        if (std::move(item).get(field) != simdjson::SUCCESS ||
            field.unescaped_key().get(name) != simdjson::SUCCESS) {
            return Outcome::NotJson;
        }
        od::value member = field.value();
        size_t index = 0;
        while (index < fields.size() && fields[index].name != name)
            ++index;
        if (index == fields.size()) {
            if (!skip(member, depth + 1)) return Outcome::NotJson;
            continue;
        }
        present[index] = true;
        const Outcome outcome =
            readNested(fields[index].type, path + "." + fields[index].name, member, depth + 1, values[index]);
        if (outcome != Outcome::Done) return outcome;
    }
    for (size_t i = 0; i < fields.size(); ++i) {
        if (!present[i] && options_.fail_on_missing_field) {
            return missing(nullptr, path + "." + fields[i].name,
                           "it is missing ('json.fail-on-missing-field' is true)");
        }
    }
    out = Value::list(std::move(values));
    return Outcome::Done;
}

Outcome JsonValues::readMap(const LogicalType& type, const std::string& path, od::value& value, int depth,
                            Value& out) {
    od::object object;
    if (value.get_object().get(object) != simdjson::SUCCESS) return Outcome::NotJson;
    static const LogicalType count_type = LogicalType::integer();
    const LogicalType& value_type = type.kind() == TypeKind::Multiset ? count_type : type.mapValue();
    Value::List entries;
    std::unordered_map<std::string, size_t> positions;
    for (auto item : object) {
        od::field field;
        std::string_view name;
        if (std::move(item).get(field) != simdjson::SUCCESS ||
            field.unescaped_key().get(name) != simdjson::SUCCESS) {
            return Outcome::NotJson;
        }
        od::value member = field.value();
        const auto [found, fresh] = positions.emplace(std::string(name), entries.size());
        if (fresh) {
            entries.push_back(Value::string(found->first));
            entries.emplace_back();
        }
        const Outcome outcome =
            readNested(value_type, fmt::format("{}['{}']", path, text::excerpt(found->first)), member,
                       depth + 1, entries[found->second + 1]);
        if (outcome != Outcome::Done) return outcome;
    }
    out = Value::list(std::move(entries));
    return Outcome::Done;
}

bool JsonValues::skip(od::value& value, int depth) {
    if (depth > json::kNestingMax) return false;
    od::json_type kind;
    if (value.type().get(kind) != simdjson::SUCCESS) return false;
    switch (kind) {
        case od::json_type::object: {
            od::object object;
            if (value.get_object().get(object) != simdjson::SUCCESS) return false;
            for (auto item : object) {
                od::field field;
                std::string_view name;
                if (std::move(item).get(field) != simdjson::SUCCESS ||
                    field.unescaped_key().get(name) != simdjson::SUCCESS) {
                    return false;
                }
                od::value member = field.value();
                if (!skip(member, depth + 1)) return false;
            }
            return true;
        }
        case od::json_type::array: {
            od::array array;
            if (value.get_array().get(array) != simdjson::SUCCESS) return false;
            for (auto item : array) {
                od::value element;
                if (item.get(element) != simdjson::SUCCESS || !skip(element, depth + 1)) return false;
            }
            return true;
        }
        case od::json_type::string: {
            std::string_view ignored;
            return value.get_string().get(ignored) == simdjson::SUCCESS;
        }
        case od::json_type::number: {
            const std::string_view token = trimToken(value.raw_json_token());
            const char* const end = token.data() + token.size();
            return !token.empty() && json::skipNumber(token.data(), end) == end;
        }
        case od::json_type::boolean: {
            const std::string_view token = trimToken(value.raw_json_token());
            return token == "true" || token == "false";
        }
        case od::json_type::null:
            return trimToken(value.raw_json_token()) == "null";
    }
    return false;
}

bool JsonValues::compact(od::value& value, int depth) {
    if (depth > json::kNestingMax) return false;
    od::json_type kind;
    if (value.type().get(kind) != simdjson::SUCCESS) return false;
    if (kind == od::json_type::object) {
        od::object object;
        if (value.get_object().get(object) != simdjson::SUCCESS) return false;
        compact_ += '{';
        bool first = true;
        for (auto item : object) {
            od::field field;
            if (std::move(item).get(field) != simdjson::SUCCESS) return false;
            if (!first) compact_ += ',';
            first = false;
            std::string_view name;
            if (field.unescaped_key().get(name) != simdjson::SUCCESS) return false;
            json::appendQuoted(name, compact_);
            compact_ += ':';
            od::value member = field.value();
            if (!compact(member, depth + 1)) return false;
        }
        compact_ += '}';
        return true;
    }
    if (kind == od::json_type::array) {
        od::array array;
        if (value.get_array().get(array) != simdjson::SUCCESS) return false;
        compact_ += '[';
        bool first = true;
        for (auto item : array) {
            od::value element;
            if (item.get(element) != simdjson::SUCCESS) return false;
            if (!first) compact_ += ',';
            first = false;
            if (!compact(element, depth + 1)) return false;
        }
        compact_ += ']';
        return true;
    }
    if (kind == od::json_type::string) {
        std::string_view token;
        if (value.get_string().get(token) != simdjson::SUCCESS) return false;
        json::appendQuoted(token, compact_);
        return true;
    }
    const std::string token(trimToken(value.raw_json_token()));
    if (!skip(value, depth)) return false;
    compact_ += token;
    return true;
}

}  // namespace millrace::json
