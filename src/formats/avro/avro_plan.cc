#include "formats/avro/avro_plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <exception>
#include <map>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "formats/avro/avro_default.h"

namespace millrace::avro {
namespace {

using Op = ReadStep::Op;
using StepPtr = std::unique_ptr<ReadStep>;

[[noreturn]] void mismatch(const std::string& place, const std::string& why) {
    throw UserError("avro.schema-mismatch",
                    fmt::format("records of the writer's Avro schema cannot be rows of the table: {}{}",
                                place.empty() ? "" : fmt::format("field '{}': ", place), why),
                    "Avro's rules of schema resolution say what can change");
}

int64_t unitOf(int digits_kept, int digits) {
    int64_t unit = 1;
    for (; digits_kept < digits; ++digits_kept)
        unit *= 10;
    return unit;
}

// Whether Avro lets a value of the writer's kind be read as the reader's.
bool isPromotable(Kind writer, Kind reader) {
    switch (reader) {
        case Kind::Long:
            return writer == Kind::Int;
        case Kind::Float:
            return writer == Kind::Int || writer == Kind::Long;
        case Kind::Double:
            return writer == Kind::Int || writer == Kind::Long || writer == Kind::Float;
        case Kind::String:
            return writer == Kind::Bytes;
        case Kind::Bytes:
            return writer == Kind::String;
        default:
            return false;
    }
}

bool sameName(const Node& writer, const Node& reader) {
    return writer.name.empty() || writer.simpleName() == reader.simpleName() ||
           std::find(reader.aliases.begin(), reader.aliases.end(), writer.name) != reader.aliases.end();
}

class Planner {
  public:
    StepPtr record(const Node& writer, const Node* reader, const std::vector<Field>& columns,
                   const std::string& place) {
        StepPtr step = make(Op::Struct, place);
        step->columns.assign(writer.fields.size(), -1);
        std::vector<const Node*> wanted(columns.size());
        for (size_t i = 0; i < columns.size(); ++i)
            bind(writer, reader, columns[i], i, place, *step, wanted[i]);
        for (size_t i = 0; i < writer.fields.size(); ++i) {
            const std::string within =
                place.empty() ? writer.fields[i].name : place + "." + writer.fields[i].name;
            const Node& type = *writer.fields[i].type;
            const int column = step->columns[i];
            step->children.push_back(column < 0 ? skip(type, within)
                                                : value(type, wanted[static_cast<size_t>(column)],
                                                        columns[static_cast<size_t>(column)].type, within));
        }
        return step;
    }

    StepPtr value(const Node& writer, const Node* reader, const LogicalType& type, const std::string& place) {
        if (writer.kind == Kind::Union) return fromUnion(writer, reader, type, place);
        if (reader != nullptr && reader->kind == Kind::Union && writer.kind != Kind::Null)
            reader = branchFor(writer, *reader, place);
        StepPtr step = plain(writer, reader, type, place);
        step->nullable = type.nullable();
        return step;
    }

  private:
    static StepPtr make(Op op, const std::string& place) {
        auto step = std::make_unique<ReadStep>();
        step->op = op;
        step->place = place;
        return step;
    }

    // Where the column's value comes from.
    static void bind(const Node& writer, const Node* reader, const Field& column, size_t index,
                     const std::string& place, ReadStep& step, const Node*& wanted) {
        int from = writer.field(column.name);
        const FieldNode* of_reader = nullptr;
        if (reader != nullptr) {
            const int at = reader->field(column.name);
            if (at < 0) mismatch(place, fmt::format("the table's schema has no field '{}'", column.name));
            of_reader = &reader->fields[static_cast<size_t>(at)];
            wanted = of_reader->type;
            for (size_t i = 0; from < 0 && i < of_reader->aliases.size(); ++i)
                from = writer.field(of_reader->aliases[i]);
        }
        if (from >= 0) {
            int& to = step.columns[static_cast<size_t>(from)];
            if (to >= 0) mismatch(place, fmt::format("'{}' is read by two columns", column.name));
            to = static_cast<int>(index);
            return;
        }
        if (of_reader != nullptr && of_reader->default_value != nullptr) {
            step.defaults.emplace_back(
                index, defaultValue(*of_reader->default_value, *of_reader->type, column.type, column.name));
        } else if (of_reader == nullptr && column.type.nullable()) {
            step.defaults.emplace_back(index, Value::null());
        } else {
            mismatch(place,
                     fmt::format("there is no field '{}'{}", column.name,
                                 of_reader != nullptr ? ", and the table's schema has no default for it"
                                                      : ", and its column is NOT NULL"));
        }
    }

    StepPtr fromUnion(const Node& writer, const Node* reader, const LogicalType& type,
                      const std::string& place) {
        StepPtr step = make(Op::Union, place);
        std::exception_ptr why;
        bool usable = false;
        for (const Node* branch : writer.branches) {
            try {
                step->children.push_back(value(*branch, reader, type, place));
                usable |= branch->kind != Kind::Null;
            } catch (const UserError& error) {
                if (error.code() != "avro.schema-mismatch") throw;
                if (!why) why = std::current_exception();
                step->children.push_back(make(Op::Mismatch, place));
                step->children.back()->mismatch =
                    fmt::format("a {} cannot be {}", branch->describe(), type.toString());
            }
        }
        if (!usable && why) std::rethrow_exception(why);
        return step;
    }

    static const Node* branchFor(const Node& writer, const Node& reader, const std::string& place) {
        for (const bool by_name : {true, false}) {
            for (const Node* branch : reader.branches)
                if (branch->kind == writer.kind && (!by_name || sameName(writer, *branch))) return branch;
        }
        for (const Node* branch : reader.branches)
            if (isPromotable(writer.kind, branch->kind)) return branch;
        mismatch(place, fmt::format("a {} is none of the {} of the table's schema", writer.describe(),
                                    reader.describe()));
    }

    StepPtr plain(const Node& writer, const Node* reader, const LogicalType& type, const std::string& place) {
        // Whether there may be a null is for the column to say, whatever the table's schema does.
        if (writer.kind == Kind::Null) return make(type.nullable() ? Op::Null : Op::NotNull, place);
        if (reader != nullptr && reader->kind != writer.kind && !isPromotable(writer.kind, reader->kind)) {
            mismatch(place, fmt::format("a {} cannot be read as the {} of the table's schema",
                                        writer.describe(), reader->describe()));
        }
        if (reader != nullptr && writer.kind == Kind::Fixed && writer.size != reader->size)
            mismatch(place, fmt::format("a fixed of {} bytes is not one of {}", writer.size, reader->size));
        StepPtr step = make(Op::SkipNothing, place);
        if (choose(writer, reader, type, *step)) return step;
        mismatch(place, fmt::format("a {} cannot be {}", writer.describe(), type.toString()));
    }

    // What a value means: what its writer says, else what the reader does, else what the column needs.
    static Logical meaning(const Node& writer, const Node* reader) {
        if (writer.logical != Logical::None) return writer.logical;
        return reader == nullptr ? Logical::None : reader->logical;
    }

    bool choose(const Node& writer, const Node* reader, const LogicalType& type, ReadStep& step) {
        const TypeKind to = type.kind();
        const Logical logical = meaning(writer, reader);
        const auto as = [&](Op op) {
            step.op = op;
            return true;
        };
        switch (writer.kind) {
            case Kind::Boolean:
                return to == TypeKind::Boolean && as(Op::Bool);
            case Kind::Int:
                return chooseForInt(logical, type, step);
            case Kind::Long:
                return chooseForLong(logical, type, step);
            case Kind::Float:
                return (to == TypeKind::Float && as(Op::FloatToFloat)) ||
                       (to == TypeKind::Double && as(Op::FloatToDouble));
            case Kind::Double:
                return to == TypeKind::Double && as(Op::DoubleToDouble);
            case Kind::Bytes:
            case Kind::String:
            case Kind::Fixed:
                return chooseForBytes(writer, reader, type, step);
            case Kind::Enum:
                return type.isCharacter() && symbols(writer, reader, step);
            case Kind::Array:
                if (to != TypeKind::Array) return false;
                step.children.push_back(value(writer.element(), reader ? &reader->element() : nullptr,
                                              type.element(), step.place + "[]"));
                return as(Op::Array);
            case Kind::Map: {
                if ((to != TypeKind::Map && to != TypeKind::Multiset) || !type.element().isCharacter())
                    return false;
                const LogicalType element =
                    to == TypeKind::Map ? type.mapValue() : LogicalType::integer().withNullable(false);
                step.children.push_back(value(writer.element(), reader ? &reader->element() : nullptr,
                                              element, step.place + "[]"));
                return as(Op::Map);
            }
            case Kind::Record: {
                if (to != TypeKind::Row) return false;
                StepPtr made = record(writer, reader, type.fields(), step.place);
                step = std::move(*made);
                return true;
            }
            case Kind::Null:
            case Kind::Union:
                break;
        }
        return false;
    }

    static bool chooseForInt(Logical logical, const LogicalType& type, ReadStep& step) {
        const auto as = [&](Op op) {
            step.op = op;
            return true;
        };
        switch (type.kind()) {
            case TypeKind::TinyInt:
                return as(Op::IntToTiny);
            case TypeKind::SmallInt:
                return as(Op::IntToSmall);
            case TypeKind::Integer:
                return as(Op::IntToInt);
            case TypeKind::BigInt:
                return as(Op::IntToLong);
            case TypeKind::Float:
                return as(Op::IntToFloat);
            case TypeKind::Double:
                return as(Op::IntToDouble);
            case TypeKind::Date:
                return (logical == Logical::Date || logical == Logical::None) && as(Op::IntToInt);
            case TypeKind::Time:
                step.unit = unitOf(type.precision(), 3);
                return (logical == Logical::TimeMillis || logical == Logical::None) && as(Op::IntToTime);
            default:
                return false;
        }
    }

    static bool chooseForLong(Logical logical, const LogicalType& type, ReadStep& step) {
        const auto as = [&](Op op) {
            step.op = op;
            return true;
        };
        switch (type.kind()) {
            case TypeKind::BigInt:
                return as(Op::LongToLong);
            case TypeKind::Float:
                return as(Op::LongToFloat);
            case TypeKind::Double:
                return as(Op::LongToDouble);
            case TypeKind::Time:
                step.unit = unitOf(type.precision(), 3);
                return logical == Logical::TimeMicros && as(Op::LongToTime);
            case TypeKind::Timestamp:
            case TypeKind::TimestampLtz:
                step.precision = type.precision();
                switch (logical) {
                    case Logical::None:  // as the table's own schema would have it
                        return as(type.precision() <= 3   ? Op::Millis
                                  : type.precision() <= 6 ? Op::Micros
                                                          : Op::Nanos);
                    case Logical::TimestampMillis:
                    case Logical::LocalTimestampMillis:
                        return as(Op::Millis);
                    case Logical::TimestampMicros:
                    case Logical::LocalTimestampMicros:
                        return as(Op::Micros);
                    case Logical::TimestampNanos:
                    case Logical::LocalTimestampNanos:
                        return as(Op::Nanos);
                    default:
                        return false;
                }
            default:
                return false;
        }
    }

    static bool chooseForBytes(const Node& writer, const Node* reader, const LogicalType& type,
                               ReadStep& step) {
        const bool fixed = writer.kind == Kind::Fixed;
        step.size = writer.size;
        if (type.kind() == TypeKind::Decimal) {
            const Node* const decimal = writer.logical == Logical::Decimal              ? &writer
                                        : reader && reader->logical == Logical::Decimal ? reader
                                                                                        : nullptr;
            if (writer.kind == Kind::String || (decimal != nullptr && decimal->scale > 38)) return false;
            step.from_scale = decimal != nullptr ? decimal->scale : type.scale();
            step.precision = type.precision();
            step.scale = type.scale();
            step.op = fixed ? Op::DecimalFixed : Op::DecimalBytes;
            return true;
        }
        if (type.isBinary()) {
            step.op = fixed ? Op::Fixed : Op::Bytes;
            return true;
        }
        if (!type.isCharacter()) return false;
        if (fixed) {
            step.op = Op::Uuid;
            return writer.logical == Logical::Uuid;
        }
        step.op = Op::Text;
        return writer.kind == Kind::String || (reader != nullptr && reader->kind == Kind::String);
    }

    static bool symbols(const Node& writer, const Node* reader, ReadStep& step) {
        step.op = Op::Symbol;
        for (const std::string& symbol : writer.symbols) {
            step.symbols.emplace_back(symbol);
            if (reader == nullptr ||
                std::find(reader->symbols.begin(), reader->symbols.end(), symbol) != reader->symbols.end())
                continue;
            step.symbols.back() = reader->default_symbol
                                      ? std::optional(reader->symbols[*reader->default_symbol])
                                      : std::nullopt;
        }
        return true;
    }

    StepPtr skip(const Node& node, const std::string& place) {
        const auto found = skipped_.find(&node);
        if (found != skipped_.end()) {
            StepPtr step = make(Op::SkipSelf, place);
            step->self = found->second;
            return step;
        }
        StepPtr step = make(Op::SkipNothing, place);
        step->size = node.size;
        switch (node.kind) {
            case Kind::Null:
                break;
            case Kind::Boolean:
                step->op = Op::SkipFixed;
                step->size = 1;
                break;
            case Kind::Int:
            case Kind::Long:
            case Kind::Enum:
                step->op = Op::SkipVarint;
                break;
            case Kind::Float:
                step->op = Op::SkipFixed;
                step->size = 4;
                break;
            case Kind::Double:
                step->op = Op::SkipFixed;
                step->size = 8;
                break;
            case Kind::Fixed:
                step->op = Op::SkipFixed;
                break;
            case Kind::Bytes:
            case Kind::String:
                step->op = Op::SkipBytes;
                break;
            case Kind::Array:
            case Kind::Map:
                step->op = node.kind == Kind::Array ? Op::SkipItems : Op::SkipMap;
                step->children.push_back(skip(node.element(), place + "[]"));
                break;
            case Kind::Union:
                step->op = Op::SkipUnion;
                for (const Node* branch : node.branches)
                    step->children.push_back(skip(*branch, place));
                break;
            case Kind::Record:
                step->op = Op::SkipStruct;
                skipped_[&node] = step.get();
                for (const FieldNode& field : node.fields)
                    step->children.push_back(skip(*field.type, place + "." + field.name));
                skipped_.erase(&node);
                break;
        }
        return step;
    }

    std::map<const Node*, const ReadStep*> skipped_;  // records around what is planned
};

bool takesNoBytes(const Node& node, int depth) {
    if (depth > 64) return false;
    switch (node.kind) {
        case Kind::Null:
            return true;
        case Kind::Fixed:
            return node.size == 0;
        case Kind::Record:
            return std::all_of(node.fields.begin(), node.fields.end(),
                               [&](const FieldNode& field) { return takesNoBytes(*field.type, depth + 1); });
        default:
            return false;
    }
}

}  // namespace

std::unique_ptr<ReadStep> planRecord(const Node& writer, const Node* reader,
                                     const std::vector<Field>& columns) {
    if (writer.kind != Kind::Record) mismatch("", fmt::format("it is a {}", writer.describe()));
    if (reader != nullptr && reader->kind != Kind::Record)
        mismatch("", fmt::format("the table's schema is a {}", reader->describe()));
    return Planner().record(writer, reader, columns, "");
}

std::unique_ptr<ReadStep> planValue(const Node& writer, const LogicalType& type, const std::string& place) {
    return Planner().value(writer, nullptr, type, place);
}

bool takesNoBytes(const Node& node) { return takesNoBytes(node, 0); }

}  // namespace millrace::avro
