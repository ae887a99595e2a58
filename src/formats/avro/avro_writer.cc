#include "formats/avro/avro_writer.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <unordered_map>

#include "base/error.h"
#include "batch/time_points.h"
#include "formats/avro/avro_bytes.h"
#include "formats/avro/avro_default.h"
#include "formats/text/scalar.h"
#include "types/decimal.h"

namespace millrace::avro {

struct WriteStep {
    enum class Op : uint8_t {
        Bool,
        Int,
        IntAsLong,
        Long,
        IntAsFloat,
        LongAsFloat,
        Float,
        IntAsDouble,
        LongAsDouble,
        FloatAsDouble,
        Double,
        TimeMicros,
        Divided,  // a timestamp's microseconds, by `factor`, downwards
        Nanos,    // of a timestamp
        Bytes,
        Fixed,
        Uuid,
        DecimalBytes,
        DecimalFixed,
        Symbol,
        Array,
        Map,
        Record,
    };
    Op op = Op::Bool;
    int branch = -1;       // of the union around it that the value is; -1: there is no union
    int null_branch = -1;  // -1: it cannot be null
    int64_t factor = 1;
    int scale = 0, from_scale = 0, precision = 0;
    size_t size = 0;
    std::string place;
    std::vector<std::string> symbols;
    std::unordered_map<std::string_view, size_t> symbol_numbers;  // into symbols
    std::vector<std::unique_ptr<WriteStep>> children;             // Record: by field; nullptr: `constants`
    std::vector<size_t> columns;
    std::vector<std::string> constants;  // Record: the bytes of defaults
};

namespace {

using WriteOp = WriteStep::Op;
using WriteStepPtr = std::unique_ptr<WriteStep>;

[[noreturn]] void unfit(const std::string& place, const std::string& why) {
    throw UserError("avro.schema-mismatch",
                    fmt::format("rows of the table cannot be records of the Avro schema: {}{}",
                                place.empty() ? "" : fmt::format("field '{}': ", place), why),
                    "");
}

[[noreturn]] void unwritable(const WriteStep& step, const std::string& why, const char* hint = "") {
    throw UserError("data.unwritable",
                    fmt::format("a row cannot be written as Avro: field '{}': {}", step.place, why), hint);
}

class WritePlanner {
  public:
    static WriteStepPtr record(const Node& node, const std::vector<Field>& columns,
                               const std::string& place) {
        if (node.kind != Kind::Record)
            unfit(place, fmt::format("it is a {}, and no record", node.describe()));
        auto step = std::make_unique<WriteStep>();
        step->op = WriteOp::Record;
        step->place = place;
        for (const Field& column : columns) {
            if (node.field(column.name) < 0)
                unfit(place, fmt::format("the schema has no field '{}'", column.name));
        }
        for (const FieldNode& field : node.fields) {
            const std::string within = place.empty() ? field.name : place + "." + field.name;
            const auto column = std::find_if(columns.begin(), columns.end(),
                                             [&](const Field& one) { return one.name == field.name; });
            step->constants.emplace_back();
            if (column == columns.end()) {
                if (field.default_value == nullptr)
                    unfit(within, "the table has no column for it, and it has no default");
                appendDefault(*field.default_value, *field.type, within, step->constants.back());
                step->children.push_back(nullptr);
                step->columns.push_back(0);
                continue;
            }
            step->children.push_back(value(*field.type, column->type, within));
            step->columns.push_back(static_cast<size_t>(column - columns.begin()));
        }
        return step;
    }

  private:
    static WriteStepPtr value(const Node& node, const LogicalType& type, const std::string& place) {
        if (node.kind != Kind::Union) {
            if (WriteStepPtr step = plain(node, type, place)) return step;
            unfit(place, fmt::format("{} cannot be written as {}", type.toString(), node.describe()));
        }
        // The branch that is like the column, else one that its values can be written as.
        std::string why =
            fmt::format("{} cannot be written as any of a {}", type.toString(), node.describe());
        for (const bool like : {true, false}) {
            for (size_t i = 0; i < node.branches.size(); ++i) {
                const Node& branch = *node.branches[i];
                if (branch.kind == Kind::Null || (like && !isAlike(branch, type))) continue;
                try {
                    WriteStepPtr step = plain(branch, type, place);
                    if (step == nullptr) continue;
                    step->branch = static_cast<int>(i);
                    step->null_branch = node.nullBranch();
                    return step;
                } catch (const UserError& error) {
                    if (error.code() != "avro.schema-mismatch") throw;
                    why = error.problem().message;
                }
            }
        }
        unfit(place, why);
    }

    static bool isAlike(const Node& node, const LogicalType& type) {
        switch (type.kind()) {
            case TypeKind::TinyInt:
            case TypeKind::SmallInt:
            case TypeKind::Integer:
                return node.kind == Kind::Int && node.logical == Logical::None;
            case TypeKind::BigInt:
                return node.kind == Kind::Long && node.logical == Logical::None;
            case TypeKind::Char:
            case TypeKind::Varchar:
                return node.kind == Kind::String;
            case TypeKind::Float:
                return node.kind == Kind::Float;
            case TypeKind::Binary:
            case TypeKind::Varbinary:
                return node.kind == Kind::Bytes && node.logical == Logical::None;
            default:
                return false;
        }
    }

    static WriteStepPtr plain(const Node& node, const LogicalType& type, const std::string& place) {
        auto step = std::make_unique<WriteStep>();
        step->place = place;
        step->size = node.size;
        const auto as = [&](WriteOp op) {
            step->op = op;
            return std::move(step);
        };
        switch (type.kind()) {
            case TypeKind::Boolean:
                return node.kind == Kind::Boolean ? as(WriteOp::Bool) : nullptr;
            case TypeKind::TinyInt:
            case TypeKind::SmallInt:
            case TypeKind::Integer:
                if (node.kind == Kind::Int && node.logical == Logical::None) return as(WriteOp::Int);
                if (node.kind == Kind::Long && node.logical == Logical::None) return as(WriteOp::IntAsLong);
                if (node.kind == Kind::Float) return as(WriteOp::IntAsFloat);
                return node.kind == Kind::Double ? as(WriteOp::IntAsDouble) : nullptr;
            case TypeKind::BigInt:
                if (node.kind == Kind::Long) return as(WriteOp::Long);
                if (node.kind == Kind::Float) return as(WriteOp::LongAsFloat);
                return node.kind == Kind::Double ? as(WriteOp::LongAsDouble) : nullptr;
            case TypeKind::Float:
                if (node.kind == Kind::Float) return as(WriteOp::Float);
                return node.kind == Kind::Double ? as(WriteOp::FloatAsDouble) : nullptr;
            case TypeKind::Double:
                return node.kind == Kind::Double ? as(WriteOp::Double) : nullptr;
            case TypeKind::Date:
                return node.kind == Kind::Int &&
                               (node.logical == Logical::Date || node.logical == Logical::None)
                           ? as(WriteOp::Int)
                           : nullptr;
            case TypeKind::Time:
                if (node.kind == Kind::Long && node.logical == Logical::TimeMicros)
                    return as(WriteOp::TimeMicros);
                return node.kind == Kind::Int &&
                               (node.logical == Logical::TimeMillis || node.logical == Logical::None)
                           ? as(WriteOp::Int)
                           : nullptr;
            case TypeKind::Timestamp:
            case TypeKind::TimestampLtz:
                return timestamp(node, type, std::move(step));
            case TypeKind::Decimal:
                if (node.logical != Logical::Decimal || node.scale > 38) return nullptr;
                step->from_scale = type.scale();
                step->scale = node.scale;
                step->precision = std::min(node.precision, LogicalType::kMaxDecimalPrecision);
                return as(node.kind == Kind::Fixed ? WriteOp::DecimalFixed : WriteOp::DecimalBytes);
            case TypeKind::Binary:
            case TypeKind::Varbinary:
                if (node.kind == Kind::Bytes) return as(WriteOp::Bytes);
                return node.kind == Kind::Fixed ? as(WriteOp::Fixed) : nullptr;
            case TypeKind::Char:
            case TypeKind::Varchar:
                if (node.kind == Kind::String || node.kind == Kind::Bytes) return as(WriteOp::Bytes);
                if (node.kind == Kind::Fixed && node.logical == Logical::Uuid) return as(WriteOp::Uuid);
                if (node.kind != Kind::Enum) return nullptr;
                step->symbols = node.symbols;
                for (size_t i = 0; i < step->symbols.size(); ++i)
                    step->symbol_numbers.emplace(step->symbols[i], i);
                return as(WriteOp::Symbol);
            case TypeKind::Array:
                if (node.kind != Kind::Array) return nullptr;
                step->children.push_back(value(node.element(), type.element(), place + "[]"));
                return as(WriteOp::Array);
            case TypeKind::Map:
            case TypeKind::Multiset:
                if (node.kind != Kind::Map || !type.element().isCharacter()) return nullptr;
                step->children.push_back(value(
                    node.element(), type.kind() == TypeKind::Map ? type.mapValue() : LogicalType::integer(),
                    place + "[]"));
                return as(WriteOp::Map);
            case TypeKind::Row:
                return node.kind == Kind::Record ? record(node, type.fields(), place) : nullptr;
            default:
                return nullptr;
        }
    }

    static WriteStepPtr timestamp(const Node& node, const LogicalType& type, WriteStepPtr step) {
        if (node.kind != Kind::Long) return nullptr;
        step->op = WriteOp::Divided;
        switch (node.logical) {
            case Logical::None:
                if (type.isNanos()) step->op = WriteOp::Nanos;
                step->factor = type.precision() <= 3 ? 1000 : 1;
                return step;
            case Logical::TimestampMillis:
            case Logical::LocalTimestampMillis:
                step->factor = 1000;
                return step;
            case Logical::TimestampMicros:
            case Logical::LocalTimestampMicros:
                return step;
            case Logical::TimestampNanos:
            case Logical::LocalTimestampNanos:
                step->op = WriteOp::Nanos;
                return step;
            default:
                return nullptr;
        }
    }
};

// In as few bytes as hold it.
std::string_view decimalBytes(Int128 value, char (&buffer)[sizeof(Int128)]) {
    for (size_t i = 0; i < sizeof(Int128); ++i)
        buffer[i] = static_cast<char>(value >> (8 * (sizeof(Int128) - 1 - i)));
    const char filler = value < 0 ? '\xFF' : '\0';
    size_t begin = 0;
    while (begin + 1 < sizeof(Int128) && buffer[begin] == filler &&
           ((buffer[begin + 1] ^ filler) & 0x80) == 0)
        ++begin;
    return {buffer + begin, sizeof(Int128) - begin};
}

void writeDecimal(const WriteStep& step, Int128 unscaled, std::string& out) {
    const std::optional<Int128> value = rescaleDecimal(unscaled, step.from_scale, step.scale, step.precision);
    if (!value) {
        unwritable(step, fmt::format("{} is too large for decimal({}, {})",
                                     formatDecimal(unscaled, step.from_scale), step.precision, step.scale));
    }
    char buffer[sizeof(Int128)];
    const std::string_view bytes = decimalBytes(*value, buffer);
    if (step.op == WriteOp::DecimalBytes) return appendBytes(bytes, out);
    if (bytes.size() > step.size) {
        unwritable(
            step, fmt::format("{} does not fit into {} bytes", formatDecimal(*value, step.scale), step.size));
    }
    out.append(step.size - bytes.size(), *value < 0 ? '\xFF' : '\0');
    out += bytes;
}

void writeUuid(const WriteStep& step, std::string_view text, std::string& out) {
    std::string bytes;
    int high = -1;
    for (const char c : text) {
        const int digit = c >= '0' && c <= '9'   ? c - '0'
                          : c >= 'a' && c <= 'f' ? c - 'a' + 10
                          : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                                 : -1;
        if (digit < 0 && c == '-') continue;
        if (digit < 0) break;
        if (high < 0) {
            high = digit;
        } else {
            bytes += static_cast<char>(high << 4 | digit);
            high = -1;
        }
    }
    if (text.size() != 36 || bytes.size() != 16)
        unwritable(step, fmt::format("'{}' is no UUID", text::excerpt(text)));
    out += bytes;
}

void writeValue(const WriteStep& step, const Column& column, size_t row, std::string& out);

void writeRecord(const WriteStep& step, const std::vector<ColumnPtr>& columns, size_t row, std::string& out) {
    for (size_t i = 0; i < step.children.size(); ++i) {
        if (step.children[i] == nullptr) {
            out += step.constants[i];
        } else {
            writeValue(*step.children[i], *columns[step.columns[i]], row, out);
        }
    }
}

void writeItems(const WriteStep& step, const Column& column, size_t row, std::string& out) {
    const auto* const offsets = column.data<int32_t>();
    const auto begin = static_cast<size_t>(offsets[row]), end = static_cast<size_t>(offsets[row + 1]);
    const Column& items = *column.children()[0];
    if (begin < end) appendLong(static_cast<int64_t>(end - begin), out);
    for (size_t at = begin; at < end; ++at) {
        if (step.op == WriteOp::Array) {
            writeValue(*step.children[0], items, at, out);
            continue;
        }
        const Column& keys = *items.children()[0];
        if (keys.isNull(at)) unwritable(step, "a key is NULL");
        appendBytes(keys.data<StringView>()[at].view(), out);
        writeValue(*step.children[0], *items.children()[1], at, out);
    }
    out += '\0';
}

void writeValue(const WriteStep& step, const Column& column, size_t row, std::string& out) {
    if (column.isNull(row)) {
        if (step.null_branch < 0)
            unwritable(step, "it is NULL, and the schema has no null there",
                       "filter such rows, or COALESCE them");
        return appendLong(step.null_branch, out);
    }
    if (step.branch >= 0) appendLong(step.branch, out);
    switch (step.op) {
        case WriteOp::Bool:
            out += static_cast<char>(column.data<uint8_t>()[row]);
            return;
        case WriteOp::Int:
        case WriteOp::IntAsLong:
            return appendLong(column.data<int32_t>()[row], out);
        case WriteOp::Long:
            return appendLong(column.data<int64_t>()[row], out);
        case WriteOp::IntAsFloat:
            return appendPlain(static_cast<float>(column.data<int32_t>()[row]), out);
        case WriteOp::LongAsFloat:
            return appendPlain(static_cast<float>(column.data<int64_t>()[row]), out);
        case WriteOp::Float:
            return appendPlain(column.data<float>()[row], out);
        case WriteOp::IntAsDouble:
            return appendPlain(static_cast<double>(column.data<int32_t>()[row]), out);
        case WriteOp::LongAsDouble:
            return appendPlain(static_cast<double>(column.data<int64_t>()[row]), out);
        case WriteOp::FloatAsDouble:
            return appendPlain(static_cast<double>(column.data<float>()[row]), out);
        case WriteOp::Double:
            return appendPlain(column.data<double>()[row], out);
        case WriteOp::TimeMicros:
            return appendLong(int64_t{column.data<int32_t>()[row]} * 1000, out);
        case WriteOp::Divided: {
            const int64_t micros = timePointAt(column, row).micros;
            const int64_t rest = micros % step.factor;
            return appendLong(micros / step.factor - (rest < 0 ? 1 : 0), out);
        }
        case WriteOp::Nanos: {
            const Int128 nanos = timePointAt(column, row).inNanos();
            if (nanos < INT64_MIN || nanos > INT64_MAX)
                unwritable(step, "it is too far from 1970 for nanoseconds");
            return appendLong(static_cast<int64_t>(nanos), out);
        }
        case WriteOp::Bytes:
            return appendBytes(column.data<StringView>()[row].view(), out);
        case WriteOp::Fixed: {
            const std::string_view bytes = column.data<StringView>()[row].view();
            if (bytes.size() != step.size)
                unwritable(step,
                           fmt::format("it has {} bytes, and the schema wants {}", bytes.size(), step.size));
            out += bytes;
            return;
        }
        case WriteOp::Uuid:
            return writeUuid(step, column.data<StringView>()[row].view(), out);
        case WriteOp::DecimalBytes:
        case WriteOp::DecimalFixed:
            return writeDecimal(step,
                                column.physical() == PhysicalType::Int64 ? Int128{column.data<int64_t>()[row]}
                                                                         : column.data<Int128>()[row],
                                out);
        case WriteOp::Symbol: {
            const std::string_view symbol = column.data<StringView>()[row].view();
            const auto found = step.symbol_numbers.find(symbol);
            if (found == step.symbol_numbers.end()) {
                unwritable(step, fmt::format("'{}' is none of the enum's symbols", text::excerpt(symbol)),
                           "symbols are told apart by case");
            }
            return appendLong(static_cast<int64_t>(found->second), out);
        }
        case WriteOp::Array:
        case WriteOp::Map:
            return writeItems(step, column, row, out);
        case WriteOp::Record:
            return writeRecord(step, column.children(), row, out);
    }
}

}  // namespace

RecordWriter::RecordWriter(SchemaPtr schema, const millrace::Schema& columns)
    : schema_(std::move(schema)), plan_(WritePlanner::record(schema_->root(), columns.fields(), "")) {}

RecordWriter::~RecordWriter() = default;

void RecordWriter::write(const Batch& batch, size_t row, std::string& out) const {
    writeRecord(*plan_, batch.columns(), row, out);
}

}  // namespace millrace::avro
