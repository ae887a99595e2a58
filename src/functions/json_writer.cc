#include "functions/json_writer.h"

#include <charconv>

#include "batch/time_points.h"
#include "functions/json_document.h"
#include "types/decimal.h"
#include "types/floating.h"
#include "types/variant.h"

namespace millrace {

namespace {

void writeBase64(std::string_view bytes, std::string& out) {
    static constexpr char kDigits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t at = 0; at < bytes.size(); at += 3) {
        const size_t count = std::min<size_t>(3, bytes.size() - at);
        uint32_t group = 0;
        for (size_t i = 0; i < 3; ++i)
            group = group << 8 | (i < count ? static_cast<unsigned char>(bytes[at + i]) : 0U);
        for (size_t i = 0; i < 4; ++i)
            out.push_back(i <= count ? kDigits[group >> (18 - 6 * i) & 63] : '=');
    }
}

// As Java's BigDecimal.stripTrailingZeros().toString(): 100 is 1E+2.
void writeDecimal(Int128 unscaled, int scale, std::string& out) {
    if (unscaled == 0) {
        out.push_back('0');
        return;
    }
    for (; unscaled % 10 == 0; unscaled /= 10)
        --scale;
    std::string digits = formatDecimal(unscaled < 0 ? -unscaled : unscaled, 0);
    if (unscaled < 0) out.push_back('-');
    const int adjusted = static_cast<int>(digits.size()) - 1 - scale;
    if (scale >= 0 && adjusted >= -6) {
        if (scale == 0) {
            out += digits;
            return;
        }
        const auto fraction = static_cast<size_t>(scale);
        if (digits.size() <= fraction) digits.insert(0, fraction + 1 - digits.size(), '0');
        digits.insert(digits.size() - fraction, 1, '.');
        out += digits;
        return;
    }
    out.push_back(digits[0]);
    if (digits.size() > 1) out.append(".").append(digits, 1);
    fmt::format_to(std::back_inserter(out), "E{}{}", adjusted < 0 ? "" : "+", adjusted);
}

// Java's ISO_LOCAL_DATE_TIME: seconds always, and of their fraction the digits that are not trailing zeros.
void writeTimestamp(TimePoint time, bool instant, std::string& out) {
    char text[40];
    char* end = appendTimestampFixed(text, time, 9);
    while (*(end - 1) == '0')
        --end;
    if (*(end - 1) == '.') --end;
    *std::find(text, end, ' ') = 'T';
    out.push_back('"');
    out.append(text, end);
    if (instant) out.push_back('Z');
    out.push_back('"');
}

struct Member {
    std::string_view name;
    const Column* column;
    size_t row;
};

// The last of several members of a name counts.
void writeObject(std::vector<Member> members, std::string& out) {
    std::stable_sort(members.begin(), members.end(),
                     [](const Member& a, const Member& b) { return javaLess(a.name, b.name); });
    out.push_back('{');
    bool first = true;
    for (size_t i = 0; i < members.size(); ++i) {
        if (i + 1 < members.size() && members[i + 1].name == members[i].name) continue;
        if (!first) out.push_back(',');
        first = false;
        writeJsonString(members[i].name, out);
        out.push_back(':');
        writeJsonValue(*members[i].column, members[i].row, out);
    }
    out.push_back('}');
}

void writeFloating(std::string_view text, bool finite, std::string& out) {
    if (!finite) out.push_back('"');
    out += text;
    if (!finite) out.push_back('"');
}

void writeNested(const Column& column, size_t row, std::string& out) {
    std::vector<Member> members;
    if (column.type().kind() == TypeKind::Row) {
        for (size_t i = 0; i < column.children().size(); ++i)
            members.push_back({column.type().fields()[i].name, column.children()[i].get(), row});
        return writeObject(std::move(members), out);
    }
    const auto* const offsets = column.data<int32_t>();
    const auto begin = static_cast<size_t>(offsets[row]);
    const auto end = static_cast<size_t>(offsets[row + 1]);
    const Column& elements = *column.children()[0];
    if (column.type().kind() == TypeKind::Array) {
        out.push_back('[');
        for (size_t at = begin; at < end; ++at) {
            if (at > begin) out.push_back(',');
            writeJsonValue(elements, at, out);
        }
        out.push_back(']');
        return;
    }
    const Column& keys = *elements.children()[0];
    for (size_t at = begin; at < end; ++at) {
        if (keys.isNull(at))
            throw UserError("data.bad-map", fmt::format("the entry {} of a MAP has no key: it cannot be JSON",
                                                        at - begin + 1));
        members.push_back({keys.data<StringView>()[at].view(), elements.children()[1].get(), at});
    }
    writeObject(std::move(members), out);
}

}  // namespace

void checkJsonType(std::string_view function, const LogicalType& type) {
    const auto refuse = [&](const char* hint) {
        throw UserError(
            "sql.bad-argument",
            fmt::format("{}: {} has no form in JSON", function, type.withNullable(true).toString()), hint);
    };
    switch (type.kind()) {
        case TypeKind::Date:
        case TypeKind::Time:
        case TypeKind::IntervalYearMonth:
        case TypeKind::IntervalDayTime:
            refuse("CAST it to STRING");
            break;
        case TypeKind::Array:
            return checkJsonType(function, type.element());
        case TypeKind::Row:
            for (const Field& field : type.fields())
                checkJsonType(function, field.type);
            break;
        case TypeKind::Map:
        case TypeKind::Multiset:
            if (!type.element().isCharacter()) refuse("its keys must be strings");
            return checkJsonType(function, type.mapValue());
        default:
            break;
    }
}

void writeJsonValue(const Column& column, size_t row, std::string& out) {
    if (column.isNull(row)) {
        out += "null";
        return;
    }
    char text[64];
    const LogicalType& type = column.type();
    switch (type.kind()) {
        case TypeKind::Variant:
            out += variantToJson(column.data<StringView>()[row].view());
            return;
        case TypeKind::Boolean:
            out += column.data<uint8_t>()[row] != 0 ? "true" : "false";
            return;
        case TypeKind::TinyInt:
        case TypeKind::SmallInt:
        case TypeKind::Integer:
            out.append(text, std::to_chars(text, text + sizeof(text), column.data<int32_t>()[row]).ptr);
            return;
        case TypeKind::BigInt:
            out.append(text, std::to_chars(text, text + sizeof(text), column.data<int64_t>()[row]).ptr);
            return;
        case TypeKind::Float: {
            const float value = column.data<float>()[row];
            return writeFloating(formatFloat(value), value - value == 0, out);
        }
        case TypeKind::Double: {
            const double value = column.data<double>()[row];
            return writeFloating(formatDouble(value), value - value == 0, out);
        }
        case TypeKind::Decimal:
            return writeDecimal(type.physical() == PhysicalType::Int64 ? Int128(column.data<int64_t>()[row])
                                                                       : column.data<Int128>()[row],
                                type.scale(), out);
        case TypeKind::Char:
        case TypeKind::Varchar:
            return writeJsonString(column.data<StringView>()[row].view(), out);
        case TypeKind::Binary:
        case TypeKind::Varbinary:
            out.push_back('"');
            writeBase64(column.data<StringView>()[row].view(), out);
            out.push_back('"');
            return;
        case TypeKind::Timestamp:
        case TypeKind::TimestampLtz:
            return writeTimestamp(timePointAt(column, row), type.kind() == TypeKind::TimestampLtz, out);
        case TypeKind::Array:
        case TypeKind::Map:
        case TypeKind::Multiset:
        case TypeKind::Row:
            return writeNested(column, row, out);
        default:
            throw InternalError(type.toString() + " has no form in JSON");
    }
}

JsonConstruction::JsonConstruction(std::string_view text, size_t arguments)
    : absent_on_null(text.starts_with("ABSENT")), is_json(arguments) {
    constexpr std::string_view kPlaces = " JSON AT";
    const size_t places = text.find(kPlaces);
    if (places == std::string_view::npos) return;
    size_t place = 0;
    for (const char* at = text.data() + places + kPlaces.size(); at < text.data() + text.size();) {
        at = std::from_chars(at + 1, text.data() + text.size(), place).ptr;
        if (place < arguments) is_json[place] = true;
    }
}

void JsonConstruction::write(const Column& column, size_t argument, size_t row, std::string& out) const {
    if (is_json[argument] && !column.isNull(row)) {
        out += column.data<StringView>()[row].view();
    } else {
        writeJsonValue(column, row, out);
    }
}

}  // namespace millrace
