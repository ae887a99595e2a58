// The bytes of rows in snapshots (docs/formats/snapshot.md, "Rows"). Little-endian; a value is a validity
// byte (0 for NULL, 1) and, unless NULL, its bytes: BOOLEAN 1; physical Int32 and FLOAT 4; Int64 and DOUBLE
// 8; Int128 16; a string's length as LEB128 and its bytes; an ARRAY's, MAP's or MULTISET's number of entries
// as LEB128 and the values (a map's alternate key, value; ascending by key); a ROW's fields one after
// another.
#include <bit>

#include "base/error.h"
#include "batch/row_layout.h"

namespace millrace {

static_assert(std::endian::native == std::endian::little, "rows are written as they lie in memory");

namespace {

[[noreturn]] void damaged(const char* what) {
    throw UserError("snapshot.damaged", fmt::format("a row of the snapshot is damaged: {}", what));
}

template <class T>
void put(std::string& out, T value) {
    char bytes[sizeof(T)];
    std::memcpy(bytes, &value, sizeof(T));
    out.append(bytes, sizeof(T));
}

void putVarint(std::string& out, uint64_t value) {
    while (value >= 128) {
        out.push_back(static_cast<char>(value | 128));
        value >>= 7;
    }
    out.push_back(static_cast<char>(value));
}

template <class T>
T get(std::string_view& in) {
    if (in.size() < sizeof(T)) damaged("it ends early");
    T value;
    std::memcpy(&value, in.data(), sizeof(T));
    in.remove_prefix(sizeof(T));
    return value;
}

uint64_t getVarint(std::string_view& in) {
    uint64_t value = 0;
    for (int shift = 0; shift < 64; shift += 7) {
        const auto byte = get<uint8_t>(in);
        value |= static_cast<uint64_t>(byte & 127) << shift;
        if (byte < 128) return value;
    }
    damaged("a length is malformed");
}

// A count of things that take at least one byte each.
size_t getCount(std::string_view& in) {
    const uint64_t count = getVarint(in);
    if (count > in.size()) damaged("it ends early");
    return count;
}

bool getValid(std::string_view& in) {
    const auto valid = get<uint8_t>(in);
    if (valid > 1) damaged("a validity byte is neither 0 nor 1");
    return valid == 1;
}

void encodeValue(const LogicalType& type, const Value& value, std::string& out) {
    out.push_back(value.isNull() ? '\0' : '\1');
    if (value.isNull()) return;
    switch (type.physical()) {
        case PhysicalType::Bool:
            put(out, static_cast<uint8_t>(value.asBool()));
            break;
        case PhysicalType::Int32:
            put(out, static_cast<int32_t>(value.asInt64()));
            break;
        case PhysicalType::Int64:
            put(out, static_cast<int64_t>(value.asInt128()));
            break;
        case PhysicalType::Int128:
            put(out, value.asInt128());
            break;
        case PhysicalType::Float32:
            put(out, static_cast<float>(value.asDouble()));
            break;
        case PhysicalType::Float64:
            put(out, value.asDouble());
            break;
        case PhysicalType::String:
            putVarint(out, value.asString().size());
            out += value.asString();
            break;
        case PhysicalType::Struct:
            for (size_t i = 0; i < type.fields().size(); ++i)
                encodeValue(type.fields()[i].type, value.asList()[i], out);
            break;
        case PhysicalType::List: {
            const Value::List& list = value.asList();
            if (type.kind() == TypeKind::Array) {
                putVarint(out, list.size());
                for (const Value& element : list)
                    encodeValue(type.element(), element, out);
                break;
            }
            putVarint(out, list.size() / 2);
            for (size_t i = 0; i + 1 < list.size(); i += 2) {
                encodeValue(type.element(), list[i], out);
                encodeValue(type.mapValue(), list[i + 1], out);
            }
            break;
        }
    }
}

Value decodeValue(const LogicalType& type, std::string_view& in) {
    if (!getValid(in)) return Value::null();
    switch (type.physical()) {
        case PhysicalType::Bool:
            return Value::boolean(get<uint8_t>(in) != 0);
        case PhysicalType::Int32:
            return Value::int64(get<int32_t>(in));
        case PhysicalType::Int64:
            return Value::int64(get<int64_t>(in));
        case PhysicalType::Int128:
            return Value::int128(get<Int128>(in));
        case PhysicalType::Float32:
            return Value::float64(get<float>(in));
        case PhysicalType::Float64:
            return Value::float64(get<double>(in));
        case PhysicalType::String: {
            const size_t size = getCount(in);
            Value value = Value::string(std::string(in.substr(0, size)));
            in.remove_prefix(size);
            return value;
        }
        case PhysicalType::Struct: {
            Value::List fields;
            for (const Field& field : type.fields())
                fields.push_back(decodeValue(field.type, in));
            return Value::list(std::move(fields));
        }
        case PhysicalType::List: {
            const size_t count = getCount(in);
            Value::List list;
            for (size_t i = 0; i < count; ++i) {
                list.push_back(decodeValue(type.element(), in));
                if (type.kind() != TypeKind::Array) list.push_back(decodeValue(type.mapValue(), in));
            }
            return Value::list(std::move(list));
        }
    }
    throw InternalError("an unknown physical type");
}

template <class T>
T load(const std::byte* at) {
    T value;
    std::memcpy(&value, at, sizeof(T));
    return value;
}

}  // namespace

void encodeRow(const RowLayout& layout, const std::byte* row, std::string& out) {
    for (size_t field = 0; field < layout.fieldCount(); ++field) {
        const LogicalType& type = layout.types()[field];
        const PhysicalType physical = type.physical();
        if (type.isNested()) {
            encodeValue(type, loadValue(layout, field, row), out);
            continue;
        }
        const bool null = RowLayout::isNull(row, field);
        out.push_back(null ? '\0' : '\1');
        if (null) continue;
        const std::byte* at = row + layout.offset(field);
        if (physical == PhysicalType::String) {
            const auto text = load<StringView>(at);
            putVarint(out, text.size());
            out += text.view();
        } else {
            out.append(reinterpret_cast<const char*>(at), static_cast<size_t>(sizeOf(physical)));
        }
    }
}

void decodeRow(const RowLayout& layout, std::string_view& in, std::byte* row, RowHeap& heap) {
    for (size_t field = 0; field < layout.fieldCount(); ++field) {
        const LogicalType& type = layout.types()[field];
        const PhysicalType physical = type.physical();
        if (type.isNested()) {
            storeValue(layout, field, decodeValue(type, in), row, heap);
            continue;
        }
        if (!getValid(in)) {
            RowLayout::setNull(row, field, true);
            continue;
        }
        std::byte* at = row + layout.offset(field);
        if (physical == PhysicalType::String) {
            const size_t size = getCount(in);
            const StringView stored = heap.store(in.substr(0, size));
            std::memcpy(at, &stored, sizeof(stored));
            in.remove_prefix(size);
        } else {
            const auto width = static_cast<size_t>(sizeOf(physical));
            if (in.size() < width) damaged("it ends early");
            std::memcpy(at, in.data(), width);
            in.remove_prefix(width);
        }
        RowLayout::setNull(row, field, false);
    }
}

}  // namespace millrace
