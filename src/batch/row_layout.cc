#include "batch/row_layout.h"

#include <array>
#include <bit>
#include <cmath>
#include <unordered_map>
#include <utility>

#include "batch/loans.h"

namespace millrace {

namespace {

bool isMap(const LogicalType& type) {
    return type.kind() == TypeKind::Map || type.kind() == TypeKind::Multiset;
}

template <class T>
void store(std::byte* at, T value) {
    std::memcpy(at, &value, sizeof(T));
}

template <class T>
bool same(T a, T b) {
    if constexpr (std::is_floating_point_v<T>) {
        return a == b || (std::isnan(a) && std::isnan(b));
    } else {
        return a == b;
    }
}

}  // namespace

RowLayout::RowLayout(std::vector<LogicalType> types) : types_(std::move(types)) {
    auto at = static_cast<uint32_t>((types_.size() + 7) / 8 * 8);
    for (const LogicalType& type : types_) {
        offsets_.push_back(at);
        const PhysicalType physical = type.physical();
        at += physical == PhysicalType::Int128 || physical == PhysicalType::String ? 16 : 8;
        owns_memory_ |= physical == PhysicalType::String || type.isNested();
        const Form form = type.isNested()                    ? Form::Nested
                          : physical == PhysicalType::String ? Form::String
                                                             : Form::Fixed;
        codes_.push_back({offsets_.back(), static_cast<uint8_t>(sizeOf(physical)), form});
    }
    row_bytes_ = at;
}

// Classes of multiples of 8 bytes up to kFineMax, then of 192, 256, 384, ... up to kClassedMax; above, every
// string is an allocation of its own. State is mostly strings of some dozen bytes, and its memory costs more
// than anything else done to it: so those are not rounded up far.
struct RowHeap::Classes {
    static constexpr size_t kFineMax = 128;
    static constexpr size_t kFineClasses = kFineMax / 8 + 1;
    static constexpr size_t kClassCount = kFineClasses + 10;
    static constexpr size_t kClassedMax = 4096;
    struct Free {
        Free* next;
    };
    MemorySource& memory;
    std::array<Free*, kClassCount> free{};
    std::vector<std::pair<std::byte*, size_t>> chunks;
    char* at = nullptr;
    size_t left = 0;
    size_t next_chunk = 4096;
    std::unordered_map<char*, size_t> large;  // and the bytes that were taken for it
    size_t live = 0;
    Loans<StringView> loans;

    explicit Classes(MemorySource& source) : memory(source) {}
    ~Classes() {
        for (const auto& [chunk, bytes] : chunks)
            memory.give(chunk, bytes);
        for (const auto& [block, bytes] : large)
            memory.give(reinterpret_cast<std::byte*>(block), bytes);
    }
    Classes(const Classes&) = delete;
    Classes& operator=(const Classes&) = delete;
    static size_t sizeOfClass(size_t index) {
        if (index < kFineClasses) return index * 8;
        const size_t step = index - kFineClasses;
        return (step % 2 == 0 ? size_t(192) : size_t(256)) << (step / 2);
    }
    static size_t classOf(size_t size) {
        if (size <= kFineMax) return (size + 7) / 8;
        const auto power = static_cast<size_t>(std::bit_width(size - 1));  // size <= 2^power
        const size_t half_step = (size_t(3) << power) / 4;                 // 0.75 * 2^power
        return kFineClasses + (power - 8) * 2 + (size <= half_step ? 0 : 1);
    }
};

RowHeap::RowHeap(MemorySource& memory) : memory_(&memory), classes_(std::make_shared<Classes>(memory)) {}
RowHeap::~RowHeap() = default;
RowHeap::RowHeap(RowHeap&&) noexcept = default;

StringView RowHeap::store(std::string_view text) {
    if (text.size() <= StringView::kInlineSize) return StringView(text);
    Classes& c = *classes_;
    ++c.live;
    char* block = nullptr;
    if (text.size() > Classes::kClassedMax) {
        const size_t bytes = std::bit_ceil(text.size());
        block = reinterpret_cast<char*>(c.memory.take(bytes));
        c.large.emplace(block, bytes);
        bytes_ += bytes;
    } else {
        const size_t index = Classes::classOf(text.size());
        if (c.free[index] == nullptr && c.loans.waiting() > 0) recycleReleased();
        if (c.free[index] != nullptr) {
            block = reinterpret_cast<char*>(c.free[index]);
            c.free[index] = c.free[index]->next;
        } else {
            const size_t size = Classes::sizeOfClass(index);
            if (c.left < size) {
                c.chunks.emplace_back(c.memory.take(c.next_chunk), c.next_chunk);
                c.at = reinterpret_cast<char*>(c.chunks.back().first);
                c.left = c.next_chunk;
                bytes_ += c.next_chunk;
                if (c.next_chunk < MemorySource::kHugePage) c.next_chunk *= 2;
            }
            block = c.at;
            c.at += size;
            c.left -= size;
        }
    }
    std::memcpy(block, text.data(), text.size());
    return StringView({block, text.size()});
}

void RowHeap::release(StringView text) {
    if (text.isInline()) return;
    constexpr size_t kKept = 1 << 20;
    if (--classes_->live == 0 && bytes_ > kKept) {  // nothing points into it any more
        classes_ = std::make_shared<Classes>(*memory_);
        bytes_ = 0;
        return;
    }
    classes_->loans.release(text, [this](StringView released) { recycle(released); });
}

void RowHeap::recycleReleased() {
    classes_->loans.recycleReleased([this](StringView released) { recycle(released); });
}

std::shared_ptr<const void> RowHeap::lend() {
    if (memory_ != &heapMemory()) return nullptr;
    Classes& c = *classes_;
    if (c.loans.tooMuchWaits(c.live)) recycleReleased();
    if (c.loans.tooMuchWaits(c.live)) return nullptr;
    return c.loans.lend(classes_);
}

void RowHeap::recycle(StringView text) {
    Classes& c = *classes_;
    char* block = const_cast<char*>(text.data());
    if (text.size() > Classes::kClassedMax) {
        const auto taken = c.large.find(block);
        bytes_ -= taken->second;
        c.memory.give(reinterpret_cast<std::byte*>(block), taken->second);
        c.large.erase(taken);
        return;
    }
    const size_t index = Classes::classOf(text.size());
    auto* freed = reinterpret_cast<Classes::Free*>(block);
    freed->next = c.free[index];
    c.free[index] = freed;
}

void RowHeap::replace(StringView& slot, std::string_view text) {
    const StringView stored = store(text);  // first: the text may lie in the old block
    release(slot);
    slot = stored;
}

void storeField(const RowLayout& layout, size_t field, const Column& column, size_t index, std::byte* row,
                RowHeap& heap) {
    if (column.isNull(index)) {
        RowLayout::setNull(row, field, true);
        return;
    }
    std::byte* at = row + layout.offset(field);
    switch (column.physical()) {
        case PhysicalType::List:
        case PhysicalType::Struct:
            storeValue(layout, field, column.valueAt(index), row, heap);
            return;
        case PhysicalType::String:
            store(at, heap.store(column.data<StringView>()[index].view()));
            break;
        default:
            dispatchPhysical(column.physical(), [&]<class T>() { store(at, column.data<T>()[index]); });
            break;
    }
    RowLayout::setNull(row, field, false);
}

void storeValue(const RowLayout& layout, size_t field, const Value& value, std::byte* row, RowHeap& heap) {
    RowLayout::setNull(row, field, value.isNull());
    if (value.isNull()) return;
    std::byte* at = row + layout.offset(field);
    const LogicalType& type = layout.types()[field];
    switch (type.physical()) {
        case PhysicalType::Bool:
            store(at, static_cast<uint8_t>(value.asBool()));
            break;
        case PhysicalType::Int32:
            store(at, static_cast<int32_t>(value.asInt64()));
            break;
        case PhysicalType::Int64:
            store(at, static_cast<int64_t>(value.asInt128()));
            break;
        case PhysicalType::Int128:
            store(at, value.asInt128());
            break;
        case PhysicalType::Float32:
            store(at, static_cast<float>(value.asDouble()));
            break;
        case PhysicalType::Float64:
            store(at, value.asDouble());
            break;
        case PhysicalType::String:
            store(at, heap.store(value.asString()));
            break;
        case PhysicalType::List:
            if (isMap(type)) {
                auto map = std::make_unique<RowMap>();
                const Value::List& list = value.asList();
                for (size_t i = 0; i + 1 < list.size(); i += 2)
                    (*map)[list[i]] = list[i + 1];
                reinterpret_cast<RowMap*&>(*at) = map.release();
                break;
            }
            [[fallthrough]];
        case PhysicalType::Struct:
            reinterpret_cast<Value*&>(*at) = new Value(value);
            break;
    }
}

Value loadValue(const RowLayout& layout, size_t field, const std::byte* row) {
    if (RowLayout::isNull(row, field)) return Value::null();
    const std::byte* at = row + layout.offset(field);
    const LogicalType& type = layout.types()[field];
    switch (type.physical()) {
        case PhysicalType::Bool:
            return Value::boolean(loadField<uint8_t>(at) != 0);
        case PhysicalType::Int32:
            return Value::int64(loadField<int32_t>(at));
        case PhysicalType::Int64:
            return Value::int64(loadField<int64_t>(at));
        case PhysicalType::Int128:
            return Value::int128(loadField<Int128>(at));
        case PhysicalType::Float32:
            return Value::float64(loadField<float>(at));
        case PhysicalType::Float64:
            return Value::float64(loadField<double>(at));
        case PhysicalType::String:
            return Value::string(std::string(loadField<StringView>(at).view()));
        case PhysicalType::List:
            if (isMap(type)) {
                Value::List list;
                if (const auto* map = RowLayout::at<const RowMap*>(row, layout.offset(field))) {
                    for (const auto& [key, value] : *map) {
                        list.push_back(key);
                        list.push_back(value);
                    }
                }
                return Value::list(std::move(list));
            }
            [[fallthrough]];
        case PhysicalType::Struct: {
            const auto* value = RowLayout::at<const Value*>(row, layout.offset(field));
            return value != nullptr ? *value : Value::list({});
        }
    }
    throw InternalError("an unknown physical type");
}

ColumnPtr loadColumn(const RowLayout& layout, size_t field, std::span<std::byte* const> rows) {
    const LogicalType& type = layout.types()[field];
    if (type.isNested()) {
        ColumnBuilder builder(type, rows.size());
        for (const std::byte* row : rows)
            builder.appendValue(loadValue(layout, field, row));
        return builder.finish();
    }
    auto column = std::make_shared<Column>(type, rows.size());
    const uint32_t offset = layout.offset(field);
    bool has_null = false;
    for (const std::byte* row : rows)
        has_null |= RowLayout::isNull(row, field);
    if (has_null) {
        uint8_t* valid = column->mutableValidity();
        for (size_t i = 0; i < rows.size(); ++i)
            valid[i] = static_cast<uint8_t>(rows[i][field]);
    }
    if (column->physical() == PhysicalType::String) {
        auto* values = column->mutableData<StringView>();
        StringHeap& heap = column->heap();
        for (size_t i = 0; i < rows.size(); ++i) {
            if (!RowLayout::isNull(rows[i], field))
                values[i] = heap.add(loadField<StringView>(rows[i] + offset).view());
        }
        return column;
    }
    dispatchPhysical(column->physical(), [&]<class T>() {
        T* values = column->mutableData<T>();
        for (size_t i = 0; i < rows.size(); ++i)
            values[i] = loadField<T>(rows[i] + offset);
    });
    return column;
}

void loadInto(const RowLayout& layout, size_t field, const std::byte* row, ColumnBuilder& out) {
    const LogicalType& type = layout.types()[field];
    if (RowLayout::isNull(row, field)) return out.appendNull();
    if (type.isNested()) return out.appendValue(loadValue(layout, field, row));
    const std::byte* at = row + layout.offset(field);
    if (type.physical() == PhysicalType::String) return out.appendString(loadField<StringView>(at).view());
    dispatchPhysical(type.physical(), [&]<class T>() { out.append(loadField<T>(at)); });
}

bool fieldEquals(const RowLayout& layout, size_t field, const std::byte* row, const Column& column,
                 size_t index) {
    const bool row_null = RowLayout::isNull(row, field);
    if (row_null || column.isNull(index)) return row_null && column.isNull(index);
    if (column.type().isNested()) return loadValue(layout, field, row) == column.valueAt(index);
    const std::byte* at = row + layout.offset(field);
    return dispatchPhysical(column.physical(),
                            [&]<class T>() { return same(loadField<T>(at), column.data<T>()[index]); });
}

void releaseRow(const RowLayout& layout, std::byte* row, RowHeap& heap) {
    if (layout.ownsMemory()) releaseFields(layout, row, 0, layout.fieldCount(), heap);
    std::memset(row, 0, layout.rowBytes());
}

void releaseFields(const RowLayout& layout, std::byte* row, size_t first, size_t last, RowHeap& heap) {
    for (size_t field = first; field < last; ++field) {
        const LogicalType& type = layout.types()[field];
        std::byte* at = row + layout.offset(field);
        if (type.physical() == PhysicalType::String) {
            heap.release(loadField<StringView>(at));
        } else if (isMap(type)) {
            delete RowLayout::at<RowMap*>(row, layout.offset(field));
        } else if (type.isNested()) {
            delete RowLayout::at<Value*>(row, layout.offset(field));
        }
        const uint32_t end = field + 1 < layout.fieldCount() ? layout.offset(field + 1) : layout.rowBytes();
        std::memset(at, 0, end - layout.offset(field));
        RowLayout::setNull(row, field, true);
    }
}

}  // namespace millrace
