#include "formats/avro/avro_reader.h"

#include <fmt/format.h>

#include "base/error.h"
#include "formats/avro/avro_default.h"
#include "formats/avro/avro_plan.h"
#include "formats/format.h"
#include "formats/text/is_utf8.h"
#include "types/calendar.h"
#include "types/decimal.h"

namespace millrace::avro {
namespace {

using Op = ReadStep::Op;

constexpr int kSkipDepthMax = 128;
constexpr size_t kEmptyItemsMax = 1 << 20;
constexpr int64_t kMillisPerDay = 86'400'000;

void appendTime(TimePoint time, const ReadStep& step, ColumnBuilder& out) {
    const TimePoint kept = time.cutTo(step.precision);
    step.precision > 6 ? out.append(kept.inNanos()) : out.append(kept.micros);
}

int64_t floorTo(int64_t value, int64_t unit) {
    if (unit == 1) return value;
    const int64_t rest = value % unit;
    return value - (rest < 0 ? rest + unit : rest);
}

std::string uuidText(std::string_view bytes) {
    std::string out;
    for (size_t i = 0; i < bytes.size(); ++i) {
        if (i == 4 || i == 6 || i == 8 || i == 10) out += '-';
        out += fmt::format("{:02x}", static_cast<uint8_t>(bytes[i]));
    }
    return out;
}

}  // namespace

RecordReader::RecordReader(SchemaPtr writer, SchemaPtr reader, const millrace::Schema& columns)
    : writer_(std::move(writer)),
      reader_(std::move(reader)),
      plan_(planRecord(writer_->root(), reader_ ? &reader_->root() : nullptr, columns.fields())),
      may_be_empty_(takesNoBytes(writer_->root())) {}

RecordReader::RecordReader(std::unique_ptr<ReadStep> plan) : plan_(std::move(plan)) {}
RecordReader::~RecordReader() = default;
RecordReader::RecordReader(RecordReader&&) noexcept = default;

Value RecordReader::readOne(const Node& node, const LogicalType& type, const std::string& field, Cursor in) {
    RecordReader reader(planValue(node, type, field));
    ColumnBuilder column(type, 1);
    if (!reader.run(*reader.plan_, in, column)) {
        throw UserError("avro.schema-mismatch", fmt::format("the default of the field '{}' cannot be {}: {}",
                                                            field, type.toString(), reader.fault_.reason));
    }
    return column.finish()->valueAt(0);
}

bool RecordReader::read(Cursor& in, BatchBuilder& out) {
    const ReadStep& plan = *plan_;
    empty_items_ = 0;
    for (size_t i = 0; i < plan.children.size(); ++i) {
        const ReadStep& child = *plan.children[i];
        const int column = plan.columns[i];
        if (column < 0 ? skip(child, in, 0) : run(child, in, out.column(static_cast<size_t>(column))))
            continue;
        for (size_t done = 0; done < out.columnCount(); ++done)
            out.column(done).truncate(out.rows());
        return false;
    }
    for (const auto& [column, value] : plan.defaults)
        out.column(column).appendValue(value);
    out.endRow();
    return true;
}

bool RecordReader::fail(const ReadStep& step, std::string reason, const char* cause) {
    fault_ = {step.place, std::move(reason), cause};
    return false;
}

bool RecordReader::cut(const ReadStep& step) {
    return fail(step, "the record ends within it, or its length is none", cause::kMalformed);
}

bool RecordReader::run(const ReadStep& step, Cursor& in, ColumnBuilder& out) {
    int64_t whole = 0;
    std::string_view bytes;
    switch (step.op) {
        case Op::Null:
            out.appendNull();
            return true;
        case Op::NotNull:
            return fail(step, "it is null, and its column is NOT NULL", cause::kMissing);
        case Op::Bool: {
            uint8_t value = 0;
            if (!in.readPlain(value)) return cut(step);
            if (value > 1) return fail(step, fmt::format("{} is no boolean", value), cause::kMalformed);
            out.append(value);
            return true;
        }
        case Op::IntToTiny:
        case Op::IntToSmall:
        case Op::IntToInt:
        case Op::IntToLong:
        case Op::IntToFloat:
        case Op::IntToDouble:
        case Op::IntToTime:
            if (!in.readLong(whole)) return cut(step);
            if (whole < INT32_MIN || whole > INT32_MAX)
                return fail(step, fmt::format("{} is no int", whole), cause::kMalformed);
            if (step.op == Op::IntToInt) {
                out.append(static_cast<int32_t>(whole));
                return true;
            }
            return appendInt(step, whole, out);
        case Op::LongToLong:
            if (!in.readLong(whole)) return cut(step);
            out.append(whole);
            return true;
        case Op::LongToFloat:
            if (!in.readLong(whole)) return cut(step);
            out.append(static_cast<float>(whole));
            return true;
        case Op::LongToDouble:
            if (!in.readLong(whole)) return cut(step);
            out.append(static_cast<double>(whole));
            return true;
        case Op::FloatToFloat:
        case Op::FloatToDouble: {
            float value = 0;
            if (!in.readPlain(value)) return cut(step);
            step.op == Op::FloatToFloat ? out.append(value) : out.append(static_cast<double>(value));
            return true;
        }
        case Op::DoubleToDouble: {
            double value = 0;
            if (!in.readPlain(value)) return cut(step);
            out.append(value);
            return true;
        }
        case Op::LongToTime:
            if (!in.readLong(whole)) return cut(step);
            if (whole < 0 || whole >= kMicrosPerDay)
                return fail(step, fmt::format("{} microseconds are no time of day", whole), cause::kType);
            out.append(static_cast<int32_t>(floorTo(whole / 1000, step.unit)));
            return true;
        case Op::Millis:
            if (!in.readLong(whole)) return cut(step);
            if (__builtin_mul_overflow(whole, int64_t{1000}, &whole))
                return fail(step, "it is too far from 1970", cause::kType);
            appendTime({whole}, step, out);
            return true;
        case Op::Micros:
            if (!in.readLong(whole)) return cut(step);
            appendTime({whole}, step, out);
            return true;
        case Op::Nanos:
            if (!in.readLong(whole)) return cut(step);
            appendTime(TimePoint::ofNanos(whole), step, out);
            return true;
        case Op::Text:
            if (!in.readBytes(bytes)) return cut(step);
            if (!text::isUtf8(bytes)) return fail(step, "the text is not UTF-8", cause::kMalformed);
            out.appendString(bytes);
            return true;
        case Op::Bytes:
            if (!in.readBytes(bytes)) return cut(step);
            out.appendString(bytes);
            return true;
        case Op::Fixed:
        case Op::Uuid:
        case Op::DecimalFixed:
            bytes = {in.at, step.size};
            if (!in.skip(step.size)) return cut(step);
            if (step.op == Op::DecimalFixed) return readDecimal(step, bytes, out);
            out.appendString(step.op == Op::Fixed ? bytes : uuidText(bytes));
            return true;
        case Op::DecimalBytes:
            if (!in.readBytes(bytes)) return cut(step);
            return readDecimal(step, bytes, out);
        case Op::Symbol: {
            if (!in.readLong(whole)) return cut(step);
            if (whole < 0 || static_cast<uint64_t>(whole) >= step.symbols.size())
                return fail(step, fmt::format("the enum has no symbol {}", whole), cause::kMalformed);
            const std::optional<std::string>& symbol = step.symbols[static_cast<size_t>(whole)];
            if (!symbol) {
                return fail(step,
                            "its symbol is none of the enum of the table's schema, which has no default",
                            cause::kSchema);
            }
            out.appendString(*symbol);
            return true;
        }
        case Op::Array:
        case Op::Map:
            return readItems(step, in, out);
        case Op::Struct:
            return readStruct(step, in, out);
        case Op::Union:
            if (!in.readLong(whole)) return cut(step);
            if (whole < 0 || static_cast<uint64_t>(whole) >= step.children.size())
                return fail(step, fmt::format("the union has no branch {}", whole), cause::kMalformed);
            return run(*step.children[static_cast<size_t>(whole)], in, out);
        case Op::Mismatch:
            return fail(step, step.mismatch, cause::kType);
        default:
            break;
    }
    throw InternalError("an Avro value is read that should be passed over");
}

bool RecordReader::appendInt(const ReadStep& step, int64_t value, ColumnBuilder& out) {
    switch (step.op) {
        case Op::IntToTiny:
        case Op::IntToSmall: {
            const int64_t limit = step.op == Op::IntToTiny ? INT8_MAX : INT16_MAX;
            if (value > limit || value < -limit - 1) {
                return fail(step,
                            fmt::format("{} is not a {}", value, limit == INT8_MAX ? "TINYINT" : "SMALLINT"),
                            cause::kType);
            }
            out.append(static_cast<int32_t>(value));
            return true;
        }
        case Op::IntToLong:
            out.append(value);
            return true;
        case Op::IntToFloat:
            out.append(static_cast<float>(value));
            return true;
        case Op::IntToDouble:
            out.append(static_cast<double>(value));
            return true;
        default:
            break;
    }
    if (value < 0 || value >= kMillisPerDay)
        return fail(step, fmt::format("{} milliseconds are no time of day", value), cause::kType);
    out.append(static_cast<int32_t>(floorTo(value, step.unit)));
    return true;
}

bool RecordReader::readDecimal(const ReadStep& step, std::string_view bytes, ColumnBuilder& out) {
    const std::optional<Int128> unscaled = decimalOfBytes(bytes);
    const std::optional<Int128> value =
        unscaled ? rescaleDecimal(*unscaled, step.from_scale, step.scale, step.precision) : std::nullopt;
    if (!value) {  // as Flink has it
        if (!step.nullable) {
            return fail(step,
                        fmt::format("it is too large for DECIMAL({}, {}), and its column is NOT NULL",
                                    step.precision, step.scale),
                        cause::kMissing);
        }
        out.appendNull();
    } else if (step.precision <= 18) {
        out.append(static_cast<int64_t>(*value));
    } else {
        out.append(*value);
    }
    return true;
}

bool RecordReader::readItems(const ReadStep& step, Cursor& in, ColumnBuilder& out) {
    const bool map = step.op == Op::Map;
    const ReadStep& element = *step.children.front();
    ColumnBuilder& child = out.child(0);
    while (true) {
        int64_t count = 0, size = 0;
        if (!in.readLong(count)) return cut(step);
        if (count == 0) break;
        if (count < 0) {
            if (count == INT64_MIN || !in.readLong(size)) return cut(step);
            count = -count;
        }
        for (; count > 0; --count) {
            const char* const before = in.at;
            if (map) {
                std::string_view key;
                if (!in.readBytes(key)) return cut(step);
                if (!text::isUtf8(key)) return fail(step, "a key is not UTF-8", cause::kMalformed);
                child.child(0).appendString(key);
            }
            if (!run(element, in, map ? child.child(1) : child)) return false;
            if (map) child.endStruct();
            if (in.at == before && ++empty_items_ > kEmptyItemsMax)
                return fail(step, "it has too many elements", cause::kMalformed);
        }
    }
    out.endList();
    return true;
}

bool RecordReader::readStruct(const ReadStep& step, Cursor& in, ColumnBuilder& out) {
    for (size_t i = 0; i < step.children.size(); ++i) {
        const int column = step.columns[i];
        if (!(column < 0 ? skip(*step.children[i], in, 0)
                         : run(*step.children[i], in, out.child(static_cast<size_t>(column)))))
            return false;
    }
    for (const auto& [column, value] : step.defaults)
        out.child(column).appendValue(value);
    out.endStruct();
    return true;
}

bool RecordReader::skip(const ReadStep& step, Cursor& in, int depth) {
    if (depth > kSkipDepthMax) return fail(step, "it is nested too deeply", cause::kMalformed);
    int64_t whole = 0;
    std::string_view bytes;
    switch (step.op) {
        case Op::SkipNothing:
            return true;
        case Op::SkipVarint:
            return in.readLong(whole) || cut(step);
        case Op::SkipBytes:
            return in.readBytes(bytes) || cut(step);
        case Op::SkipFixed:
            return in.skip(step.size) || cut(step);
        case Op::SkipStruct:
            for (const auto& child : step.children)
                if (!skip(*child, in, depth + 1)) return false;
            return true;
        case Op::SkipSelf:
            return skip(*step.self, in, depth + 1);
        case Op::SkipUnion:
            if (!in.readLong(whole)) return cut(step);
            if (whole < 0 || static_cast<uint64_t>(whole) >= step.children.size())
                return fail(step, fmt::format("the union has no branch {}", whole), cause::kMalformed);
            return skip(*step.children[static_cast<size_t>(whole)], in, depth + 1);
        case Op::SkipItems:
        case Op::SkipMap:
            break;
        default:
            throw InternalError("an Avro value is passed over that should be read");
    }
    while (true) {
        int64_t size = 0;
        if (!in.readLong(whole)) return cut(step);
        if (whole == 0) return true;
        if (whole < 0) {  // its size is known
            if (!in.readLong(size) || size < 0 || !in.skip(static_cast<size_t>(size))) return cut(step);
            continue;
        }
        for (; whole > 0; --whole) {
            const char* const before = in.at;
            if (step.op == Op::SkipMap && !in.readBytes(bytes)) return cut(step);
            if (!skip(*step.children.front(), in, depth + 1)) return false;
            if (in.at == before && ++empty_items_ > kEmptyItemsMax)
                return fail(step, "it has too many elements", cause::kMalformed);
        }
    }
}

}  // namespace millrace::avro
