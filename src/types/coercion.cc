#include "types/coercion.h"

#include <algorithm>

#include "base/error.h"

namespace millrace {

namespace {

std::optional<LogicalType> commonNumeric(const LogicalType& a, const LogicalType& b) {
    if (a.isApproximateNumeric() || b.isApproximateNumeric()) {
        const bool wide = a.kind() == TypeKind::Double || b.kind() == TypeKind::Double ||
                          a.kind() == TypeKind::Decimal || b.kind() == TypeKind::Decimal;
        return LogicalType::of(wide ? TypeKind::Double : TypeKind::Float);
    }
    if (a.isInteger() && b.isInteger()) return LogicalType::of(std::max(a.kind(), b.kind()));
    const LogicalType x = decimalFor(a);
    const LogicalType y = decimalFor(b);
    const int digits = std::max(x.precision() - x.scale(), y.precision() - y.scale());
    const int scale = std::min(std::max(x.scale(), y.scale()), LogicalType::kMaxDecimalPrecision - digits);
    return LogicalType::decimal(std::min(digits + scale, LogicalType::kMaxDecimalPrecision), scale);
}

std::optional<LogicalType> commonTemporal(const LogicalType& a, const LogicalType& b) {
    if (a.kind() == TypeKind::Time || b.kind() == TypeKind::Time) {
        if (a.kind() != b.kind()) return std::nullopt;
        return LogicalType::time(std::max(a.precision(), b.precision()));
    }
    const int precision = std::max(a.precision(), b.precision());
    if (a.kind() == TypeKind::TimestampLtz || b.kind() == TypeKind::TimestampLtz)
        return LogicalType::timestampLtz(precision);
    if (a.kind() == TypeKind::Timestamp || b.kind() == TypeKind::Timestamp)
        return LogicalType::timestamp(precision);
    return LogicalType::of(TypeKind::Date);
}

std::optional<LogicalType> commonOfTwo(const LogicalType& a, const LogicalType& b);

std::optional<LogicalType> commonNested(const LogicalType& a, const LogicalType& b) {
    if (a.kind() != b.kind()) return std::nullopt;
    if (a.kind() == TypeKind::Row) {
        if (a.fields().size() != b.fields().size() || a.className() != b.className()) return std::nullopt;
        std::vector<Field> fields;
        for (size_t i = 0; i < a.fields().size(); ++i) {
            const auto type = commonOfTwo(a.fields()[i].type, b.fields()[i].type);
            if (!type) return std::nullopt;
            fields.push_back({a.fields()[i].name, *type});
        }
        return a.className().empty() ? LogicalType::row(std::move(fields))
                                     : LogicalType::structured(a.className(), std::move(fields));
    }
    const auto element = commonOfTwo(a.element(), b.element());
    if (!element) return std::nullopt;
    if (a.kind() == TypeKind::Array) return LogicalType::array(*element);
    if (a.kind() == TypeKind::Multiset) return LogicalType::multiset(*element);
    const auto value = commonOfTwo(a.mapValue(), b.mapValue());
    if (!value) return std::nullopt;
    return LogicalType::map(*element, *value);
}

std::optional<LogicalType> commonIgnoringNull(const LogicalType& a, const LogicalType& b) {
    if (a.kind() == TypeKind::Null) return b;
    if (b.kind() == TypeKind::Null || a.sameIgnoringNullable(b)) return a;
    if (a.isNumeric() && b.isNumeric()) return commonNumeric(a, b);
    if (a.isCharacter() && b.isCharacter()) return LogicalType::varchar(std::max(a.length(), b.length()));
    if (a.isBinary() && b.isBinary()) return LogicalType::varbinary(std::max(a.length(), b.length()));
    if (a.isTemporal() && b.isTemporal()) return commonTemporal(a, b);
    if (a.isNested() && b.isNested()) return commonNested(a, b);
    return std::nullopt;
}

std::optional<LogicalType> commonOfTwo(const LogicalType& a, const LogicalType& b) {
    auto type = commonIgnoringNull(a, b);
    if (!type) return std::nullopt;
    return type->withNullable(a.nullable() || b.nullable());
}

// The nested types have the same shape, and every part can be converted.
template <class Test>
bool partsConvert(const LogicalType& from, const LogicalType& to, Test test) {
    if (from.kind() != to.kind()) return false;
    switch (from.kind()) {
        case TypeKind::Array:
        case TypeKind::Multiset:
            return test(from.element(), to.element());
        case TypeKind::Map:
            return test(from.element(), to.element()) && test(from.mapValue(), to.mapValue());
        case TypeKind::Row:
            return std::equal(from.fields().begin(), from.fields().end(), to.fields().begin(),
                              to.fields().end(),
                              [&](const Field& a, const Field& b) { return test(a.type, b.type); });
        default:
            return false;
    }
}

bool canCastFromVariant(const LogicalType& to) {
    switch (to.kind()) {
        case TypeKind::Variant:
            return true;
        case TypeKind::Array:
            return canCastFromVariant(to.element());
        case TypeKind::Map:
            return to.element().isCharacter() && canCastFromVariant(to.mapValue());
        case TypeKind::Row:
            return std::all_of(to.fields().begin(), to.fields().end(),
                               [](const Field& field) { return canCastFromVariant(field.type); });
        default:
            return to.kind() == TypeKind::Boolean || to.isNumeric() || to.isCharacter() || to.isBinary() ||
                   to.isTemporal();
    }
}

}  // namespace

std::optional<LogicalType> commonType(std::span<const LogicalType> types) {
    if (types.empty()) return std::nullopt;
    LogicalType result = types[0];
    for (const LogicalType& type : types.subspan(1)) {
        const auto common = commonOfTwo(result, type);
        if (!common) return std::nullopt;
        result = *common;
    }
    return result;
}

bool canCastImplicitly(const LogicalType& from, const LogicalType& to) {
    if (from.nullable() && !to.nullable()) return false;
    if (from.kind() == TypeKind::Null || from.sameIgnoringNullable(to)) return true;
    if (from.isNumeric() && to.isNumeric()) {
        if (to.isApproximateNumeric())
            return from.kind() != TypeKind::Double || to.kind() == TypeKind::Double;
        if (from.isApproximateNumeric()) return false;
        if (to.kind() == TypeKind::Decimal) return true;
        return from.isInteger() && from.kind() <= to.kind();
    }
    if (from.isCharacter() && to.isCharacter())
        return from.kind() == TypeKind::Char || to.kind() == TypeKind::Varchar;
    if (from.isBinary() && to.isBinary())
        return from.kind() == TypeKind::Binary || to.kind() == TypeKind::Varbinary;
    if (from.isTimestamp() && to.isTimestamp()) return true;
    if (from.kind() == TypeKind::Date) return to.isTimestamp();
    if (from.kind() == TypeKind::Time) return to.kind() == TypeKind::Time;
    if (from.isInterval()) return from.kind() == to.kind();
    // A ROW becomes a structured one by position; one class never becomes another unasked.
    if (from.kind() == TypeKind::Row && to.kind() == TypeKind::Row && !from.className().empty() &&
        !to.className().empty() && from.className() != to.className()) {
        return false;
    }
    return partsConvert(from, to, canCastImplicitly);
}

bool canCastExplicitly(const LogicalType& from, const LogicalType& to) {
    if (from.kind() == TypeKind::Null || from.sameIgnoringNullable(to)) return true;
    if (from.kind() == TypeKind::Variant) return canCastFromVariant(to);
    if (to.kind() == TypeKind::Variant) return false;
    if (to.isCharacter()) return true;
    if (from.isCharacter()) return !to.isNested() && !to.isInterval();
    if (from.isNumeric()) {
        if (to.isNumeric() || to.kind() == TypeKind::Boolean) return true;
        return to.isInterval() && from.isInteger();
    }
    if (from.kind() == TypeKind::Boolean) return to.isNumeric();
    if (from.isBinary()) return to.isBinary();
    if (from.isTimestamp()) return to.isTemporal();
    if (from.kind() == TypeKind::Date) return to.isTimestamp();
    if (from.kind() == TypeKind::Time) return to.isTimestamp() || to.kind() == TypeKind::Time;
    if (from.isInterval()) return from.kind() == to.kind() || to.isInteger();
    return partsConvert(from, to, canCastExplicitly);
}

LogicalType decimalFor(const LogicalType& exact_numeric) {
    LogicalType result;
    switch (exact_numeric.kind()) {
        case TypeKind::TinyInt:
            result = LogicalType::decimal(3, 0);
            break;
        case TypeKind::SmallInt:
            result = LogicalType::decimal(5, 0);
            break;
        case TypeKind::Integer:
            result = LogicalType::decimal(10, 0);
            break;
        case TypeKind::BigInt:
            result = LogicalType::decimal(19, 0);
            break;
        case TypeKind::Decimal:
            return exact_numeric;
        default:
            throw InternalError(exact_numeric.toString() + " is not an exact number");
    }
    return result.withNullable(exact_numeric.nullable());
}

}  // namespace millrace
