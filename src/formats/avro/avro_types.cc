// Avro schemas of tables, and tables of Avro schemas: the rules of Flink's AvroSchemaConverter.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "formats/avro/avro_schema.h"

namespace millrace::avro {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kGeneratedRecord = "org.apache.flink.avro.generated.record";
constexpr int kTableDepthMax = 64;

class TableSchemaMaker {
  public:
    explicit TableSchemaMaker(bool legacy) : legacy_(legacy) {}

    Json record(const std::vector<Field>& fields, const std::string& name, const std::string& place) const {
        const size_t dot = name.rfind('.');
        Json out = {{"type", "record"}, {"name", name.substr(dot + 1)}, {"namespace", name.substr(0, dot)}};
        out["fields"] = Json::array();
        for (const Field& field : fields) {
            Json one = {{"name", field.name},
                        {"type", type(field.type, name + "_" + field.name,
                                      place.empty() ? field.name : place + "." + field.name)}};
            if (field.type.nullable()) one["default"] = nullptr;
            out["fields"].push_back(std::move(one));
        }
        return out;
    }

  private:
    Json type(const LogicalType& type, const std::string& name, const std::string& place) const {
        Json made = notNull(type, name, place);
        return type.nullable() && type.kind() != TypeKind::Null ? Json::array({"null", std::move(made)})
                                                                : made;
    }

    Json notNull(const LogicalType& type, const std::string& name, const std::string& place) const {
        switch (type.kind()) {
            case TypeKind::Null:
                return "null";
            case TypeKind::Boolean:
                return "boolean";
            case TypeKind::TinyInt:
            case TypeKind::SmallInt:
            case TypeKind::Integer:
                return "int";
            case TypeKind::BigInt:
                return "long";
            case TypeKind::Float:
                return "float";
            case TypeKind::Double:
                return "double";
            case TypeKind::Char:
            case TypeKind::Varchar:
                return "string";
            case TypeKind::Binary:
            case TypeKind::Varbinary:
                return "bytes";
            case TypeKind::Decimal:
                return {{"type", "bytes"},
                        {"logicalType", "decimal"},
                        {"precision", type.precision()},
                        {"scale", type.scale()}};
            case TypeKind::Date:
                return {{"type", "int"}, {"logicalType", "date"}};
            case TypeKind::Time:
                return {{"type", "int"}, {"logicalType", "time-millis"}};
            case TypeKind::Timestamp:
                if (legacy_ && type.precision() > 3) {
                    refuse(type, place,
                           "its counterpart has milliseconds at most: declare it TIMESTAMP(3), or set "
                           "'timestamp_mapping.legacy' to false");
                }
                return timestamp(legacy_ ? "timestamp" : "local-timestamp", type.precision());
            case TypeKind::TimestampLtz:
                if (legacy_) {
                    refuse(type, place, "it has a counterpart if 'timestamp_mapping.legacy' is false");
                }
                return timestamp("timestamp", type.precision());
            case TypeKind::Array:
                return {{"type", "array"}, {"items", this->type(type.element(), name, place + "[]")}};
            case TypeKind::Map:
            case TypeKind::Multiset: {
                if (!type.element().isCharacter()) refuse(type, place, "keys of Avro's maps are texts");
                const LogicalType value =
                    type.kind() == TypeKind::Map ? type.mapValue() : LogicalType::integer();
                return {{"type", "map"}, {"values", this->type(value, name, place + "[]")}};
            }
            case TypeKind::Row:
                return record(type.fields(), name, place);
            case TypeKind::IntervalYearMonth:
            case TypeKind::IntervalDayTime:
            case TypeKind::Variant:
                break;
        }
        refuse(type, place, "CAST it to a number or a text");
    }

    static Json timestamp(const std::string& kind, int precision) {
        return {{"type", "long"},
                {"logicalType", kind + (precision <= 3   ? "-millis"
                                        : precision <= 6 ? "-micros"
                                                         : "-nanos")}};
    }

    [[noreturn]] static void refuse(const LogicalType& type, const std::string& place, const char* hint) {
        throw UserError("config.bad-value",
                        fmt::format("column '{}': {} has no counterpart in Avro", place, type.toString()),
                        hint);
    }

    const bool legacy_;
};

[[noreturn]] void noColumn(const std::string& place, const std::string& why) {
    throw UserError(
        "avro.bad-schema",
        fmt::format("the Avro schema gives no columns: {}{}", place.empty() ? "" : place + ": ", why),
        "declare the table's columns; fields without a column are passed over");
}

LogicalType columnType(const Node& node, bool legacy, const std::string& place, int depth) {
    if (depth > kTableDepthMax) noColumn(place, fmt::format("{} holds itself", node.describe()));
    switch (node.kind) {
        case Kind::Null:
            noColumn(place, "it is always null");
        case Kind::Boolean:
            return LogicalType::boolean();
        case Kind::Int:
            if (node.logical == Logical::Date) return LogicalType::of(TypeKind::Date);
            if (node.logical == Logical::TimeMillis) return LogicalType::time(3);
            return LogicalType::integer();
        case Kind::Long:
            switch (node.logical) {
                case Logical::TimeMicros:
                    return LogicalType::time(3);  // milliseconds are the finest kept
                case Logical::TimestampMillis:
                    return legacy ? LogicalType::timestamp(3) : LogicalType::timestampLtz(3);
                case Logical::TimestampMicros:
                    return legacy ? LogicalType::timestamp(6) : LogicalType::timestampLtz(6);
                case Logical::TimestampNanos:
                    return legacy ? LogicalType::timestamp(9) : LogicalType::timestampLtz(9);
                case Logical::LocalTimestampMillis:
                    return LogicalType::timestamp(3);
                case Logical::LocalTimestampMicros:
                    return LogicalType::timestamp(6);
                case Logical::LocalTimestampNanos:
                    return LogicalType::timestamp(9);
                default:
                    return LogicalType::bigint();
            }
        case Kind::Float:
            return LogicalType::of(TypeKind::Float);
        case Kind::Double:
            return LogicalType::doublePrecision();
        case Kind::Bytes:
        case Kind::Fixed:
            if (node.logical == Logical::Decimal) {
                if (node.precision > LogicalType::kMaxDecimalPrecision)
                    noColumn(place, fmt::format("a decimal of {} digits is too long", node.precision));
                return LogicalType::decimal(node.precision, node.scale);
            }
            if (node.logical == Logical::Uuid) return LogicalType::string();
            return LogicalType::varbinary(node.kind == Kind::Fixed && node.size > 0
                                              ? static_cast<int>(node.size)
                                              : LogicalType::kMaxLength);
        case Kind::String:
        case Kind::Enum:
            return LogicalType::string();
        case Kind::Record: {
            std::vector<Field> fields;
            for (const FieldNode& field : node.fields) {
                const std::string where = place.empty() ? field.name : place + "." + field.name;
                const LogicalType type = columnType(*field.type, legacy, where, depth + 1);
                fields.push_back(
                    {field.name, field.type->kind == Kind::Union ? type : type.withNullable(false)});
            }
            return LogicalType::row(std::move(fields));
        }
        case Kind::Array:
        case Kind::Map: {
            const LogicalType element = columnType(node.element(), legacy, place + "[]", depth + 1);
            const LogicalType inner =
                node.element().kind == Kind::Union ? element : element.withNullable(false);
            return node.kind == Kind::Array
                       ? LogicalType::array(inner)
                       : LogicalType::map(LogicalType::string().withNullable(false), inner);
        }
        case Kind::Union: {
            const int null = node.nullBranch();
            if (node.branches.size() > 2 || (node.branches.size() == 2 && null < 0))
                noColumn(place, fmt::format("a {} has no type in SQL", node.describe()));
            const Node& other = *node.branches[null == 0 && node.branches.size() == 2 ? 1 : 0];
            return columnType(other, legacy, place, depth + 1).withNullable(null >= 0);
        }
    }
    noColumn(place, "its kind is not known");
}

}  // namespace

std::shared_ptr<const Schema> Schema::ofColumns(const millrace::Schema& columns, bool legacy_timestamps) {
    return parse(TableSchemaMaker(legacy_timestamps).record(columns.fields(), kGeneratedRecord, "").dump());
}

millrace::Schema columnsOf(const Schema& schema, bool legacy_timestamps) {
    const Node& root = schema.root();
    if (root.kind != Kind::Record)
        noColumn("", fmt::format("it is a {}, and must be a record", root.describe()));
    const LogicalType row = columnType(root, legacy_timestamps, "", 0);
    return millrace::Schema(row.fields());
}

}  // namespace millrace::avro
