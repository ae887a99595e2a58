#include "connectors/print/row_text.h"

#include <fmt/format.h>

#include "types/calendar.h"
#include "types/decimal.h"
#include "types/floating.h"

namespace millrace {
namespace {

// Java's LocalTime.toString(): no seconds where there are none, fractions in groups of three digits.
void appendClock(int64_t micros_of_day, int64_t nanos, std::string& out) {
    const int64_t seconds = micros_of_day / kMicrosPerSecond;
    const int64_t fraction = micros_of_day % kMicrosPerSecond * kNanosPerMicro + nanos;
    out += fmt::format("{:02}:{:02}", seconds / 3600, seconds / 60 % 60);
    if (seconds % 60 == 0 && fraction == 0) return;
    out += fmt::format(":{:02}", seconds % 60);
    if (fraction == 0) return;
    out += fraction % 1'000'000 == 0 ? fmt::format(".{:03}", fraction / 1'000'000)
           : fraction % 1000 == 0    ? fmt::format(".{:06}", fraction / 1000)
                                     : fmt::format(".{:09}", fraction);
}

void appendDateTime(TimePoint time, bool zoned, std::string& out) {
    int64_t days = time.micros / kMicrosPerDay;
    int64_t of_day = time.micros % kMicrosPerDay;
    if (of_day < 0) {
        of_day += kMicrosPerDay;
        --days;
    }
    out += formatDate(static_cast<int32_t>(days)) + "T";
    const size_t clock = out.size();
    appendClock(of_day, time.nanos, out);
    if (!zoned) return;
    if (out.size() - clock == 5) out += ":00";  // Instant.toString() always has seconds
    out += 'Z';
}

void appendText(const Value& value, const LogicalType& type, std::string& out);

void appendMap(const Value::List& entries, const LogicalType& type, std::string& out) {
    static const LogicalType count_type = LogicalType::integer();
    const LogicalType& value_type = type.kind() == TypeKind::Multiset ? count_type : type.mapValue();
    out += '{';
    for (size_t i = 0; i + 1 < entries.size(); i += 2) {
        if (i > 0) out += ", ";
        appendText(entries[i], type.element(), out);
        out += '=';
        appendText(entries[i + 1], value_type, out);
    }
    out += '}';
}

void appendText(const Value& value, const LogicalType& type, std::string& out) {
    if (value.isNull()) {
        out += "null";
        return;
    }
    const auto list = [&](const Value::List& values, auto&& type_of) {
        for (size_t i = 0; i < values.size(); ++i) {
            if (i > 0) out += ", ";
            appendText(values[i], type_of(i), out);
        }
        out += ']';
    };
    switch (type.kind()) {
        case TypeKind::Boolean:
            out += value.asBool() ? "true" : "false";
            return;
        case TypeKind::Float:
            out += formatFloat(static_cast<float>(value.asDouble()));
            return;
        case TypeKind::Double:
            out += formatDouble(value.asDouble());
            return;
        case TypeKind::Decimal:
            out += formatDecimal(value.asInt128(), type.scale());
            return;
        case TypeKind::Char:
        case TypeKind::Varchar:
            out += value.asString();
            return;
        case TypeKind::Date:
            out += formatDate(static_cast<int32_t>(value.asInt64()));
            return;
        case TypeKind::Time:
            appendClock(value.asInt64() * 1000, 0, out);
            return;
        case TypeKind::Timestamp:
        case TypeKind::TimestampLtz:
            appendDateTime(timePointOf(value, type), type.kind() == TypeKind::TimestampLtz, out);
            return;
        case TypeKind::Binary:
        case TypeKind::Varbinary: {
            const std::string& bytes = value.asString();
            out += '[';
            for (size_t i = 0; i < bytes.size(); ++i) {
                out += fmt::format("{}{}", i == 0 ? "" : ", ",
                                   static_cast<int>(static_cast<signed char>(bytes[i])));
            }
            out += ']';
            return;
        }
        case TypeKind::Array:
            out += '[';
            list(value.asList(), [&](size_t) -> const LogicalType& { return type.element(); });
            return;
        case TypeKind::Row:
            out += "+I[";
            list(value.asList(), [&](size_t i) -> const LogicalType& { return type.fields()[i].type; });
            return;
        case TypeKind::Map:
        case TypeKind::Multiset:
            appendMap(value.asList(), type, out);
            return;
        default:
            out += value.toString(type);
            return;
    }
}

}  // namespace

void appendRowText(const Batch& batch, size_t row, const Schema& schema, std::string& out) {
    out += shortName(batch.kind(row));
    out += '[';
    for (size_t i = 0; i < schema.size(); ++i) {
        if (i > 0) out += ", ";
        appendText(batch.column(i)->valueAt(row), schema[i].type, out);
    }
    out += ']';
}

}  // namespace millrace
