// Avro schemas (Avro specification 1.12): parsed from JSON, with names resolved, or made of a table's
// columns.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "types/logical_type.h"

namespace millrace::avro {

enum class Kind : uint8_t {
    Null,
    Boolean,
    Int,
    Long,
    Float,
    Double,
    Bytes,
    String,
    Record,
    Enum,
    Array,
    Map,
    Union,
    Fixed
};
const char* nameOf(Kind kind);  // "long"

enum class Logical : uint8_t {
    None,
    Decimal,
    Uuid,
    Date,
    TimeMillis,
    TimeMicros,
    TimestampMillis,
    TimestampMicros,
    TimestampNanos,
    LocalTimestampMillis,
    LocalTimestampMicros,
    LocalTimestampNanos,
};

struct Node;

struct FieldNode {
    std::string name;
    std::vector<std::string> aliases;
    const Node* type = nullptr;
    std::shared_ptr<const nlohmann::json> default_value;  // nullptr: none
};

struct Node {
    Kind kind = Kind::Null;
    Logical logical = Logical::None;
    int precision = 0, scale = 0;      // Decimal
    std::string name;                  // full, of Record, Enum and Fixed
    std::vector<std::string> aliases;  // full
    std::vector<FieldNode> fields;     // Record
    std::vector<std::string> symbols;  // Enum
    std::optional<size_t> default_symbol;
    std::vector<const Node*> branches;  // Union; the element of an Array or a Map
    size_t size = 0;                    // Fixed

    const Node& element() const { return *branches.front(); }
    int field(std::string_view name) const;  // by name, not by alias; -1
    int nullBranch() const;                  // of a Union; -1
    std::string_view simpleName() const;     // without the namespace
    std::string describe() const;            // for messages: "enum shop.Status", "long (timestamp-millis)"
};

// A whole schema; owns its nodes, of which named ones may refer to those around them.
class Schema {
  public:
    // UserError "avro.bad-schema" saying what is wrong and where.
    static std::shared_ptr<const Schema> parse(std::string_view json);
    // What Flink's AvroSchemaConverter makes of a table; UserError "config.bad-value" for a type that has no
    // counterpart.
    static std::shared_ptr<const Schema> ofColumns(const millrace::Schema& columns, bool legacy_timestamps);

    const Node& root() const { return *root_; }
    const std::string& text() const { return text_; }  // as it was given

  private:
    friend class SchemaParser;
    std::deque<Node> nodes_;
    const Node* root_ = nullptr;
    std::string text_;
};
using SchemaPtr = std::shared_ptr<const Schema>;

// The columns that a record schema gives, as Flink's AvroSchemaConverter says: enums are texts, a union with
// null is nullable. UserError "avro.bad-schema" for a schema that is no record, or a field without a type in
// SQL.
millrace::Schema columnsOf(const Schema& schema, bool legacy_timestamps);

}  // namespace millrace::avro
