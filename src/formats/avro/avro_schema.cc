#include "formats/avro/avro_schema.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "base/error.h"

namespace millrace::avro {
namespace {

using nlohmann::json;

constexpr size_t kSchemaBytesMax = 4 << 20;
constexpr int kSchemaDepthMax = 64;
constexpr size_t kFixedBytesMax = 16 << 20;

constexpr std::array<std::pair<const char*, Kind>, 14> kKindNames = {{{"null", Kind::Null},
                                                                      {"boolean", Kind::Boolean},
                                                                      {"int", Kind::Int},
                                                                      {"long", Kind::Long},
                                                                      {"float", Kind::Float},
                                                                      {"double", Kind::Double},
                                                                      {"bytes", Kind::Bytes},
                                                                      {"string", Kind::String},
                                                                      {"record", Kind::Record},
                                                                      {"enum", Kind::Enum},
                                                                      {"array", Kind::Array},
                                                                      {"map", Kind::Map},
                                                                      {"union", Kind::Union},
                                                                      {"fixed", Kind::Fixed}}};

struct LogicalName {
    const char* name;
    Logical logical;
    Kind kind;
};
constexpr LogicalName kLogicalNames[] = {
    {"uuid", Logical::Uuid, Kind::String},
    {"date", Logical::Date, Kind::Int},
    {"time-millis", Logical::TimeMillis, Kind::Int},
    {"time-micros", Logical::TimeMicros, Kind::Long},
    {"timestamp-millis", Logical::TimestampMillis, Kind::Long},
    {"timestamp-micros", Logical::TimestampMicros, Kind::Long},
    {"timestamp-nanos", Logical::TimestampNanos, Kind::Long},
    {"local-timestamp-millis", Logical::LocalTimestampMillis, Kind::Long},
    {"local-timestamp-micros", Logical::LocalTimestampMicros, Kind::Long},
    {"local-timestamp-nanos", Logical::LocalTimestampNanos, Kind::Long},
};

[[noreturn]] void badSchema(const std::string& where, const std::string& why) {
    throw UserError("avro.bad-schema", fmt::format("the Avro schema cannot be used{}: {}",
                                                   where.empty() ? "" : ": " + where, why));
}

bool isName(std::string_view text) {
    const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; };
    return !text.empty() && letter(text[0]) &&
           std::all_of(text.begin(), text.end(), [&](char c) { return letter(c) || (c >= '0' && c <= '9'); });
}

bool isFullName(std::string_view text) {
    while (true) {
        const size_t dot = text.find('.');
        if (!isName(text.substr(0, dot))) return false;
        if (dot == std::string_view::npos) return true;
        text.remove_prefix(dot + 1);
    }
}

}  // namespace

const char* nameOf(Kind kind) {
    return std::find_if(kKindNames.begin(), kKindNames.end(),
                        [&](const auto& one) { return one.second == kind; })
        ->first;
}

int Node::field(std::string_view wanted) const {
    for (size_t i = 0; i < fields.size(); ++i)
        if (fields[i].name == wanted) return static_cast<int>(i);
    return -1;
}

int Node::nullBranch() const {
    for (size_t i = 0; i < branches.size(); ++i)
        if (branches[i]->kind == Kind::Null) return static_cast<int>(i);
    return -1;
}

std::string_view Node::simpleName() const {
    const size_t dot = name.rfind('.');
    return std::string_view(name).substr(dot == std::string::npos ? 0 : dot + 1);
}

std::string Node::describe() const {
    std::string out = nameOf(kind);
    if (!name.empty()) out += " " + name;
    if (kind == Kind::Union) {
        out += " of ";
        for (size_t i = 0; i < branches.size(); ++i)
            out += (i == 0 ? "" : ", ") +
                   std::string(branches[i]->name.empty() ? nameOf(branches[i]->kind) : branches[i]->name);
    }
    if (logical == Logical::Decimal) out += fmt::format(" (decimal({}, {}))", precision, scale);
    for (const LogicalName& one : kLogicalNames)
        if (one.logical == logical) out += fmt::format(" ({})", one.name);
    return out;
}

// Builds the nodes of one schema.
class SchemaParser {
  public:
    std::shared_ptr<const Schema> parse(std::string_view text) {
        if (text.size() > kSchemaBytesMax)
            badSchema("", fmt::format("it is longer than {} MiB", kSchemaBytesMax >> 20));
        schema_->text_ = text;
        try {
            schema_->root_ = node(json::parse(text), "", "", 0);
        } catch (const json::parse_error& error) {
            // A schema that is one of the plain names may stand without quotes.
            const size_t first = text.find_first_not_of(" \t\r\n");
            const std::string_view bare =
                first == std::string_view::npos
                    ? std::string_view()
                    : text.substr(first, text.find_last_not_of(" \t\r\n") + 1 - first);
            if (!isName(bare)) badSchema("", fmt::format("it is not JSON (byte {})", error.byte));
            schema_->root_ = node(json(bare), "", "", 0);
        } catch (const json::out_of_range&) {
            badSchema("", "it holds a number that is too large");
        }
        return schema_;
    }

  private:
    Node& make(Kind kind) {
        schema_->nodes_.emplace_back().kind = kind;
        return schema_->nodes_.back();
    }

    const Node* node(const json& from, const std::string& space, const std::string& where, int depth) {
        if (depth > kSchemaDepthMax) badSchema(where, "it is nested too deeply");
        if (from.is_string()) return named(from.get_ref<const std::string&>(), space, where);
        if (from.is_array()) return unionOf(from, space, where, depth);
        if (!from.is_object() || !from.contains("type"))
            badSchema(where, "a schema is a name, a list or an object with a 'type'");
        const json& type = from["type"];
        if (!type.is_string()) return node(type, space, where, depth + 1);
        const std::string& name = type.get_ref<const std::string&>();
        const auto known = std::find_if(kKindNames.begin(), kKindNames.end(),
                                        [&](const auto& one) { return name == one.first; });
        if (known == kKindNames.end()) {
            if (name == "error") return record(from, space, where, depth);
            return named(name, space, where);
        }
        switch (known->second) {
            case Kind::Record:
                return record(from, space, where, depth);
            case Kind::Enum:
                return enumeration(from, space, where);
            case Kind::Fixed:
                return fixed(from, space, where);
            case Kind::Array:
            case Kind::Map: {
                const char* const member = known->second == Kind::Array ? "items" : "values";
                if (!from.contains(member)) badSchema(where, fmt::format("a {} needs '{}'", name, member));
                Node& made = make(known->second);
                made.branches = {node(from[member], space, where + "[]", depth + 1)};
                return &made;
            }
            case Kind::Union:
                badSchema(where, "a union is written as a list");
            default:
                break;
        }
        Node& made = make(known->second);
        logical(from, made);
        return &made;
    }

    const Node* named(const std::string& name, const std::string& space, const std::string& where) {
        const auto plain = std::find_if(kKindNames.begin(), kKindNames.end(),
                                        [&](const auto& one) { return name == one.first; });
        if (plain != kKindNames.end() && plain->second < Kind::Record) return &make(plain->second);
        for (const std::string& full : {fullName(name, space), name}) {
            const auto found = names_.find(full);
            if (found != names_.end()) return found->second;
        }
        badSchema(where, fmt::format("there is no type '{}'", name));
    }

    static std::string fullName(const std::string& name, const std::string& space) {
        return name.find('.') != std::string::npos || space.empty() ? name : space + "." + name;
    }

    // Takes the name of `made`, and gives the namespace within it.
    std::string name(const json& from, const std::string& space, const std::string& where, Node& made) {
        const auto text = [&](const char* member) {
            const auto found = from.find(member);
            if (found == from.end() || found->is_null()) return std::string();
            if (!found->is_string()) badSchema(where, fmt::format("'{}' is no text", member));
            return found->get<std::string>();
        };
        const std::string given = text("name");
        const std::string own = from.contains("namespace") ? text("namespace") : space;
        made.name = fullName(given, own);
        if (!isFullName(made.name))
            badSchema(where, fmt::format("'{}' is no name for a {}", given, nameOf(made.kind)));
        const size_t dot = made.name.rfind('.');
        const std::string within = dot == std::string::npos ? "" : made.name.substr(0, dot);
        for (const std::string& alias : names(from, where))
            made.aliases.push_back(fullName(alias, within));
        if (!names_.emplace(made.name, &made).second)
            badSchema(where, fmt::format("the name '{}' is there twice", made.name));
        return within;
    }

    static std::vector<std::string> names(const json& from, const std::string& where) {
        std::vector<std::string> out;
        const auto found = from.find("aliases");
        if (found == from.end()) return out;
        if (!found->is_array()) badSchema(where, "'aliases' is no list");
        for (const json& alias : *found) {
            if (!alias.is_string()) badSchema(where, "an alias is no text");
            out.push_back(alias.get<std::string>());
        }
        return out;
    }

    const Node* record(const json& from, const std::string& space, const std::string& where, int depth) {
        Node& made = make(Kind::Record);
        const std::string within = name(from, space, where, made);
        const auto fields = from.find("fields");
        if (fields == from.end() || !fields->is_array())
            badSchema(where, fmt::format("the record {} needs a list of 'fields'", made.name));
        std::set<std::string> seen;
        std::vector<FieldNode> all;
        for (const json& field : *fields) {
            if (!field.is_object() || !field.contains("name") || !field["name"].is_string() ||
                !field.contains("type"))
                badSchema(where, fmt::format("a field of {} needs a 'name' and a 'type'", made.name));
            FieldNode one;
            one.name = field["name"].get<std::string>();
            const std::string place = where.empty() ? one.name : where + "." + one.name;
            if (!isName(one.name)) badSchema(place, fmt::format("'{}' is no name for a field", one.name));
            if (!seen.insert(one.name).second) badSchema(place, "the field is there twice");
            one.aliases = names(field, place);
            // A type's attributes may stand beside it in the field: that is no logical type, but a mistake.
            one.type = node(field["type"], within, place, depth + 1);
            if (const auto found = field.find("default"); found != field.end())
                one.default_value = std::make_shared<const json>(*found);
            all.push_back(std::move(one));
        }
        made.fields = std::move(all);
        return &made;
    }

    const Node* enumeration(const json& from, const std::string& space, const std::string& where) {
        Node& made = make(Kind::Enum);
        name(from, space, where, made);
        const auto symbols = from.find("symbols");
        if (symbols == from.end() || !symbols->is_array() || symbols->empty())
            badSchema(where, fmt::format("the enum {} needs a list of 'symbols'", made.name));
        std::set<std::string> seen;
        for (const json& symbol : *symbols) {
            if (!symbol.is_string() || !isName(symbol.get_ref<const std::string&>()))
                badSchema(where, fmt::format("a symbol of {} is no name", made.name));
            if (!seen.insert(symbol.get<std::string>()).second)
                badSchema(where, fmt::format("the symbol '{}' is there twice", symbol.get<std::string>()));
            made.symbols.push_back(symbol.get<std::string>());
        }
        if (const auto found = from.find("default"); found != from.end()) {
            const auto at = found->is_string() ? std::find(made.symbols.begin(), made.symbols.end(),
                                                           found->get<std::string>())
                                               : made.symbols.end();
            if (at == made.symbols.end())
                badSchema(where, fmt::format("the default of {} is none of its symbols", made.name));
            made.default_symbol = static_cast<size_t>(at - made.symbols.begin());
        }
        return &made;
    }

    const Node* fixed(const json& from, const std::string& space, const std::string& where) {
        Node& made = make(Kind::Fixed);
        name(from, space, where, made);
        const auto size = from.find("size");
        if (size == from.end() || !size->is_number_unsigned() || size->get<uint64_t>() > kFixedBytesMax)
            badSchema(where, fmt::format("the fixed {} needs a 'size' of at most {} MiB", made.name,
                                         kFixedBytesMax >> 20));
        made.size = size->get<size_t>();
        logical(from, made);
        return &made;
    }

    const Node* unionOf(const json& from, const std::string& space, const std::string& where, int depth) {
        Node& made = make(Kind::Union);
        std::set<std::string> seen;
        std::vector<const Node*> branches;
        for (const json& branch : from) {
            const Node* const one = node(branch, space, where, depth + 1);
            if (one->kind == Kind::Union) badSchema(where, "a union holds another one");
            if (!seen.insert(one->name.empty() ? nameOf(one->kind) : one->name).second)
                badSchema(where, fmt::format("a union holds {} twice", one->describe()));
            branches.push_back(one);
        }
        if (branches.empty()) badSchema(where, "a union holds nothing");
        made.branches = std::move(branches);
        return &made;
    }

    // A logical type that does not fit its type is to be ignored, as one that is not known.
    static void logical(const json& from, Node& made) {
        const auto found = from.find("logicalType");
        if (found == from.end() || !found->is_string()) return;
        const std::string& name = found->get_ref<const std::string&>();
        if (name == "decimal" && (made.kind == Kind::Bytes || made.kind == Kind::Fixed)) {
            const auto number = [&](const char* member, int64_t otherwise) {
                const auto at = from.find(member);
                return at == from.end() || !at->is_number_integer() ? otherwise : at->get<int64_t>();
            };
            const int64_t precision = number("precision", 0), scale = number("scale", 0);
            if (precision < 1 || precision > 1'000'000 || scale < 0 || scale > precision) return;
            made.logical = Logical::Decimal;
            made.precision = static_cast<int>(precision);
            made.scale = static_cast<int>(scale);
            return;
        }
        if (name == "uuid" && made.kind == Kind::Fixed && made.size == 16) made.logical = Logical::Uuid;
        for (const LogicalName& one : kLogicalNames)
            if (name == one.name && made.kind == one.kind) made.logical = one.logical;
    }

    std::shared_ptr<Schema> schema_ = std::make_shared<Schema>();
    std::map<std::string, const Node*> names_;
};

std::shared_ptr<const Schema> Schema::parse(std::string_view text) { return SchemaParser().parse(text); }

}  // namespace millrace::avro
