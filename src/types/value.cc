#include "types/value.h"

#include <fmt/format.h>

#include <cmath>

#include "base/error.h"
#include "types/calendar.h"
#include "types/decimal.h"
#include "types/floating.h"
#include "types/variant.h"

namespace millrace {

namespace {

std::weak_ordering orderDoubles(double a, double b) {
    const bool a_nan = std::isnan(a);
    const bool b_nan = std::isnan(b);
    if (a_nan || b_nan) return a_nan <=> b_nan;
    return a < b   ? std::weak_ordering::less
           : a > b ? std::weak_ordering::greater
                   : std::weak_ordering::equivalent;
}

std::string intervalText(int64_t value, TypeKind kind) {
    const char sign = value < 0 ? '-' : '+';
    const uint64_t size = value < 0 ? 0 - static_cast<uint64_t>(value) : static_cast<uint64_t>(value);
    if (kind == TypeKind::IntervalYearMonth) return fmt::format("{}{}-{:02}", sign, size / 12, size % 12);
    const uint64_t seconds = size / kMicrosPerSecond;
    const uint64_t fraction = size % kMicrosPerSecond;
    std::string text = fmt::format("{}{} {:02}:{:02}:{:02}.", sign, seconds / 86400, seconds / 3600 % 24,
                                   seconds / 60 % 60, seconds % 60);
    text += fraction % 1000 == 0 ? fmt::format("{:03}", fraction / 1000) : fmt::format("{:06}", fraction);
    return text;
}

std::string listText(const Value::List& list, const LogicalType& type) {
    std::string text;
    const auto separate = [&] {
        if (!text.empty()) text += ", ";
    };
    switch (type.kind()) {
        case TypeKind::Array:
            for (const Value& element : list) {
                separate();
                text += element.toString(type.element());
            }
            return "[" + text + "]";
        case TypeKind::Row:
            for (size_t i = 0; i < list.size(); ++i) {
                separate();
                text += list[i].toString(type.fields()[i].type);
            }
            return "(" + text + ")";
        default:
            for (size_t i = 0; i + 1 < list.size(); i += 2) {
                separate();
                text += list[i].toString(type.element()) + "=" + list[i + 1].toString(type.mapValue());
            }
            return "{" + text + "}";
    }
}

}  // namespace

Int128 Value::asInt128() const {
    if (const auto* small = std::get_if<int64_t>(&data_)) return *small;
    return std::get<Int128>(data_);
}

std::weak_ordering Value::operator<=>(const Value& other) const {
    const bool both_integers =
        (std::holds_alternative<int64_t>(data_) || std::holds_alternative<Int128>(data_)) &&
        (std::holds_alternative<int64_t>(other.data_) || std::holds_alternative<Int128>(other.data_));
    if (both_integers) {
        const Int128 a = asInt128();
        const Int128 b = other.asInt128();
        return a < b   ? std::weak_ordering::less
               : a > b ? std::weak_ordering::greater
                       : std::weak_ordering::equivalent;
    }
    if (data_.index() != other.data_.index()) return data_.index() <=> other.data_.index();
    if (const auto* boolean = std::get_if<bool>(&data_)) return *boolean <=> other.asBool();
    if (const auto* number = std::get_if<double>(&data_)) return orderDoubles(*number, other.asDouble());
    if (const auto* text = std::get_if<std::string>(&data_)) {
        const int order = text->compare(other.asString());
        return order <=> 0;
    }
    if (isNull()) return std::weak_ordering::equivalent;
    const List& a = asList();
    const List& b = other.asList();
    for (size_t i = 0; i < a.size() && i < b.size(); ++i) {
        if (const auto order = a[i] <=> b[i]; order != 0) return order;
    }
    return a.size() <=> b.size();
}

std::string Value::toString(const LogicalType& type) const {
    if (isNull()) return "NULL";
    char text[48];
    switch (type.kind()) {
        case TypeKind::Null:
            return "NULL";
        case TypeKind::Boolean:
            return asBool() ? "TRUE" : "FALSE";
        case TypeKind::TinyInt:
        case TypeKind::SmallInt:
        case TypeKind::Integer:
        case TypeKind::BigInt:
            return std::to_string(asInt64());
        case TypeKind::Float:
            return formatFloat(static_cast<float>(asDouble()));
        case TypeKind::Double:
            return formatDouble(asDouble());
        case TypeKind::Decimal:
            return formatDecimal(asInt128(), type.scale());
        case TypeKind::Char:
        case TypeKind::Varchar:
        case TypeKind::Binary:
        case TypeKind::Varbinary:
            return asString();
        case TypeKind::Date:
            return formatDate(static_cast<int32_t>(asInt64()));
        case TypeKind::Time:
            return {text, appendTimeFixed(text, static_cast<int32_t>(asInt64()), type.precision())};
        case TypeKind::Timestamp:
        case TypeKind::TimestampLtz:
            return {text, appendTimestampFixed(text, timePointOf(*this, type), type.precision())};
        case TypeKind::IntervalYearMonth:
        case TypeKind::IntervalDayTime:
            return intervalText(asInt64(), type.kind());
        case TypeKind::Variant:
            return variantToJson(asString());
        case TypeKind::Array:
        case TypeKind::Map:
        case TypeKind::Multiset:
        case TypeKind::Row:
            return listText(asList(), type);
    }
    throw InternalError("a value of no type");
}

}  // namespace millrace
