// The bytes of rows in snapshots (docs/formats/snapshot.md, "Rows"). Little-endian; a value is a validity
// byte (0 for NULL, 1) and, unless NULL, its bytes: BOOLEAN 1; physical Int32 and FLOAT 4; Int64 and DOUBLE
// 8; Int128 16; a string's length as LEB128 and its bytes; an ARRAY's, MAP's or MULTISET's number of entries
// as LEB128 and the values (a map's alternate key, value; ascending by key); a ROW's fields one after
// another.
#include <bit>

#include "base/error.h"
#include "batch/row_layout.h"
#include "batch/value_encoding.h"

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

}  // namespace

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

namespace {

void skipBytes(std::string_view& in, size_t bytes) {
    if (in.size() < bytes) damaged("it ends early");
    in.remove_prefix(bytes);
}

void skipValue(const LogicalType& type, std::string_view& in) {
    if (!getValid(in)) return;
    switch (type.physical()) {
        case PhysicalType::String:
            return skipBytes(in, getCount(in));
        case PhysicalType::Struct:
            for (const Field& field : type.fields())
                skipValue(field.type, in);
            return;
        case PhysicalType::List:
            for (size_t left = getCount(in); left > 0; --left) {
                skipValue(type.element(), in);
                if (type.kind() != TypeKind::Array) skipValue(type.mapValue(), in);
            }
            return;
        default:
            return skipBytes(in, static_cast<size_t>(sizeOf(type.physical())));
    }
}

// A map is written from where it lies: copied into a Value first, large ones would cost twice.
void encodeNested(const RowLayout& layout, const std::byte* row, size_t field, std::string& out) {
    const LogicalType& type = layout.types()[field];
    const bool is_map = type.kind() == TypeKind::Map || type.kind() == TypeKind::Multiset;
    if (RowLayout::isNull(row, field) || !is_map) {
        return encodeValue(type, loadValue(layout, field, row), out);
    }
    const auto* map = RowLayout::at<const RowMap*>(row, layout.offset(field));
    out.push_back('\1');
    putVarint(out, map == nullptr ? 0 : map->size());
    if (map == nullptr) return;
    for (const auto& [key, value] : *map) {
        encodeValue(type.element(), key, out);
        encodeValue(type.mapValue(), value, out);
    }
}

// Small pieces collected on their way to a string, whose append costs more than they do.
class Gathered {
  public:
    explicit Gathered(std::string& out) : out_(out) {}
    ~Gathered() { flush(); }
    Gathered(const Gathered&) = delete;
    Gathered& operator=(const Gathered&) = delete;

    void room(size_t bytes) {
        if (used_ + bytes > sizeof(buffer_)) flush();
    }
    void byte(char value) { buffer_[used_++] = value; }
    template <size_t kBytes>
    void copy(const std::byte* from) {
        std::memcpy(buffer_ + used_, from, kBytes);
        used_ += kBytes;
    }
    void fixed(const std::byte* from, size_t bytes) {
        switch (bytes) {
            case 1:
                return copy<1>(from);
            case 4:
                return copy<4>(from);
            case 8:
                return copy<8>(from);
            default:
                return copy<16>(from);
        }
    }
    void text(std::string_view text) {
        room(10 + text.size());
        uint64_t size = text.size();
        for (; size >= 128; size >>= 7)
            byte(static_cast<char>(size | 128));
        byte(static_cast<char>(size));
        if (text.size() > sizeof(buffer_) - 10) {
            flush();
            out_ += text;
        } else {
            std::memcpy(buffer_ + used_, text.data(), text.size());
            used_ += text.size();
        }
    }
    std::string& flush() {
        out_.append(buffer_, used_);
        used_ = 0;
        return out_;
    }

  private:
    std::string& out_;
    size_t used_ = 0;
    char buffer_[256];
};

void decodeFixed(std::string_view& in, size_t bytes, std::byte* at) {
    if (in.size() < bytes) damaged("it ends early");
    switch (bytes) {
        case 1:
            std::memcpy(at, in.data(), 1);
            break;
        case 4:
            std::memcpy(at, in.data(), 4);
            break;
        case 8:
            std::memcpy(at, in.data(), 8);
            break;
        default:
            std::memcpy(at, in.data(), 16);
    }
    in.remove_prefix(bytes);
}

}  // namespace

void encodeFields(const RowLayout& layout, const std::byte* row, size_t first, size_t last,
                  std::string& out) {
    Gathered gathered(out);
    for (size_t field = first; field < last; ++field) {
        const RowLayout::Code code = layout.codes()[field];
        if (code.form == RowLayout::Form::Nested) {
            encodeNested(layout, row, field, gathered.flush());
            continue;
        }
        gathered.room(17);
        const bool null = RowLayout::isNull(row, field);
        gathered.byte(null ? '\0' : '\1');
        if (null) continue;
        const std::byte* at = row + code.offset;
        if (code.form == RowLayout::Form::Fixed) {
            gathered.fixed(at, code.bytes);
        } else {
            gathered.text(loadField<StringView>(at).view());
        }
    }
}

void encodeRow(const RowLayout& layout, const std::byte* row, std::string& out) {
    encodeFields(layout, row, 0, layout.fieldCount(), out);
}

void decodeFields(const RowLayout& layout, std::string_view& in, size_t first, size_t last, std::byte* row,
                  RowHeap& heap) {
    for (size_t field = first; field < last; ++field) {
        const RowLayout::Code code = layout.codes()[field];
        if (code.form == RowLayout::Form::Nested) {
            storeValue(layout, field, decodeValue(layout.types()[field], in), row, heap);
            continue;
        }
        const bool valid = getValid(in);
        RowLayout::setNull(row, field, !valid);
        if (!valid) continue;
        std::byte* at = row + code.offset;
        if (code.form == RowLayout::Form::Fixed) {
            decodeFixed(in, code.bytes, at);
        } else {
            const size_t size = getCount(in);
            const StringView stored = heap.store(in.substr(0, size));
            std::memcpy(at, &stored, sizeof(stored));
            in.remove_prefix(size);
        }
    }
}

void decodeRow(const RowLayout& layout, std::string_view& in, std::byte* row, RowHeap& heap) {
    decodeFields(layout, in, 0, layout.fieldCount(), row, heap);
}

void skipFields(const RowLayout& layout, std::string_view& in, size_t first, size_t last) {
    for (size_t field = first; field < last; ++field) {
        const RowLayout::Code code = layout.codes()[field];
        if (code.form == RowLayout::Form::Nested) {
            skipValue(layout.types()[field], in);
        } else if (getValid(in)) {
            skipBytes(in, code.form == RowLayout::Form::Fixed ? code.bytes : getCount(in));
        }
    }
}

}  // namespace millrace
