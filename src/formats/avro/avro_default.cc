#include "formats/avro/avro_default.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "batch/batch.h"
#include "formats/avro/avro_bytes.h"
#include "formats/avro/avro_plan.h"
#include "formats/avro/avro_reader.h"

namespace millrace::avro {
namespace {

using nlohmann::json;

constexpr int kDefaultDepthMax = 64;

[[noreturn]] void badDefault(const std::string& field, const Node& node) {
    throw UserError("avro.bad-schema", fmt::format("the Avro schema cannot be used: the default of the field "
                                                   "'{}' is no {}",
                                                   field, node.describe()));
}

// A text whose characters U+0000 to U+00FF are bytes.
std::string bytesOfText(const std::string& text, const std::string& field, const Node& node) {
    std::string out;
    for (size_t i = 0; i < text.size(); ++i) {
        const auto byte = static_cast<uint8_t>(text[i]);
        if (byte < 0x80) {
            out += text[i];
        } else if ((byte == 0xC2 || byte == 0xC3) && i + 1 < text.size()) {
            out += static_cast<char>((byte & 0x03) << 6 | (text[++i] & 0x3F));
        } else {
            badDefault(field, node);
        }
    }
    return out;
}

void encode(const json& from, const Node& node, const std::string& field, int depth, std::string& out) {
    if (depth > kDefaultDepthMax) badDefault(field, node);
    const auto require = [&](bool condition) {
        if (!condition) badDefault(field, node);
    };
    const auto number = [&] {
        // JSON has no such numbers; they are written as texts.
        if (from.is_string()) {
            const std::string& text = from.get_ref<const std::string&>();
            if (text == "NaN") return std::numeric_limits<double>::quiet_NaN();
            if (text == "Infinity") return std::numeric_limits<double>::infinity();
            if (text == "-Infinity") return -std::numeric_limits<double>::infinity();
        }
        require(from.is_number());
        return from.get<double>();
    };
    switch (node.kind) {
        case Kind::Null:
            return require(from.is_null());
        case Kind::Boolean:
            require(from.is_boolean());
            out += from.get<bool>() ? '\1' : '\0';
            return;
        case Kind::Int:
        case Kind::Long: {
            require(from.is_number_integer() &&
                    !(from.is_number_unsigned() && from.get<uint64_t>() > INT64_MAX));
            const auto value = from.get<int64_t>();
            require(node.kind == Kind::Long || (value >= INT32_MIN && value <= INT32_MAX));
            return appendLong(value, out);
        }
        case Kind::Float:
            return appendPlain(static_cast<float>(number()), out);
        case Kind::Double:
            return appendPlain(number(), out);
        case Kind::Bytes:
        case Kind::Fixed: {
            require(from.is_string());
            const std::string bytes = bytesOfText(from.get<std::string>(), field, node);
            require(node.kind == Kind::Bytes || bytes.size() == node.size);
            if (node.kind == Kind::Bytes) return appendBytes(bytes, out);
            out += bytes;
            return;
        }
        case Kind::String:
            require(from.is_string());
            return appendBytes(from.get_ref<const std::string&>(), out);
        case Kind::Enum: {
            require(from.is_string());
            const auto at = std::find(node.symbols.begin(), node.symbols.end(), from.get<std::string>());
            require(at != node.symbols.end());
            return appendLong(at - node.symbols.begin(), out);
        }
        case Kind::Record:
            require(from.is_object());
            for (const FieldNode& one : node.fields) {
                const auto found = from.find(one.name);
                require(found != from.end() || one.default_value != nullptr);
                encode(found != from.end() ? *found : *one.default_value, *one.type, field + "." + one.name,
                       depth + 1, out);
            }
            return;
        case Kind::Array:
        case Kind::Map:
            require(node.kind == Kind::Array ? from.is_array() : from.is_object());
            if (!from.empty()) {
                appendLong(static_cast<int64_t>(from.size()), out);
                for (const auto& [key, value] : from.items()) {
                    if (node.kind == Kind::Map) appendBytes(key, out);
                    encode(value, node.element(), field + "[]", depth + 1, out);
                }
            }
            out += '\0';
            return;
        case Kind::Union:
            break;
    }
    // Of the first branch that it is a value of; the specification's older text has the first one only.
    for (size_t i = 0; i < node.branches.size(); ++i) {
        std::string branch;
        try {
            encode(from, *node.branches[i], field, depth + 1, branch);
        } catch (const UserError&) {
            continue;
        }
        appendLong(static_cast<int64_t>(i), out);
        out += branch;
        return;
    }
    badDefault(field, node);
}

}  // namespace

void appendDefault(const json& from, const Node& node, const std::string& field, std::string& out) {
    encode(from, node, field, 0, out);
}

Value defaultValue(const json& from, const Node& node, const LogicalType& type, const std::string& field) {
    // Written as the schema says, and read as the column needs it: by the one code that knows how.
    std::string bytes;
    encode(from, node, field, 0, bytes);
    const size_t size = bytes.size();
    bytes.append(16, '\0');
    return RecordReader::readOne(node, type, field, {bytes.data(), bytes.data() + size});
}

std::optional<Int128> decimalOfBytes(std::string_view bytes) {
    if (bytes.empty()) return Int128{0};
    const bool negative = static_cast<int8_t>(bytes[0]) < 0;
    const char filler = negative ? '\xFF' : '\0';
    while (bytes.size() > sizeof(Int128)) {
        if (bytes[0] != filler || (static_cast<int8_t>(bytes[1]) < 0) != negative) return std::nullopt;
        bytes.remove_prefix(1);
    }
    auto value = static_cast<unsigned __int128>(negative ? -1 : 0);
    for (const char byte : bytes)
        value = value << 8 | static_cast<uint8_t>(byte);
    return static_cast<Int128>(value);
}

}  // namespace millrace::avro
